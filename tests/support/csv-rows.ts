// Reads CSV as RFC 4180 has it, and as Excel does where the list separator is a semicolon. Independent of what writes it.

/** Cells of every row. Throws for a quote in the middle of an unquoted cell, and for one that is not closed. */
export function csvRows(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (let at = 0; at < text.length; ) {
    const { cell, end } = text[at] === '"' ? quotedCell(text, at) : bareCell(text, at);
    row.push(cell);
    if (text[end] === ',') {
      at = end + 1;
      if (at === text.length) row.push('');
      continue;
    }
    if (text.slice(end, end + 2) !== '\r\n')
      throw new Error(`Expected the end of a line at ${end}, got ${text.slice(end, end + 9)}`);
    rows.push(row);
    row = [];
    at = end + 2;
  }
  return rows;
}

function quotedCell(text: string, start: number) {
  let cell = '';
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] !== '"') cell += text[at];
    else if (text[at + 1] === '"') cell += text[at++];
    else return { cell, end: at + 1 };
  }
  throw new Error(`Expected a quote that closes the one at ${start}, got the end.`);
}

function bareCell(text: string, start: number) {
  const end = start + (/[,\r\n]/.exec(text.slice(start))?.index ?? text.length - start);
  const cell = text.slice(start, end);
  if (cell.includes('"')) throw new Error(`Expected no quote in ${cell}`);
  return { cell, end };
}

/** Every cell that starts anywhere if quotes are not heeded: after a comma, a semicolon, a tab or the end of a line. */
export function cellsWithoutQuotes(text: string): string[] {
  return text.split(/[,;\t\r\n]/);
}
