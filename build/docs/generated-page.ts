// What generated pages share: tables as the formatter would write them, and a check that a page is not stale.
import { readFileSync, writeFileSync } from 'node:fs';

/** Every column as wide as its widest cell; the first row is the head. */
export function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const [head = [], ...body] = rows.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)));
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

/** Writes `docs/<name>`, or with --check on the command line fails the process when it is not as it would be written. */
export function writeOrCheck(name: string, text: string): void {
  const page = new URL(`../../docs/${name}`, import.meta.url);
  if (!process.argv.includes('--check')) {
    writeFileSync(page, text);
    return;
  }
  if (readFileSync(page, 'utf8') === text) return;
  console.error(`Expected docs/${name} as its constants make it, got another. Run npm run docs.`);
  process.exitCode = 1;
}
