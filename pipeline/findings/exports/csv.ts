// Findings as a table for spreadsheets (RFC 4180). For people: programs have the other formats, with every character as it was. Pure.
import { stringify } from 'csv-stringify/sync';
import { type ExportSource, type Taken, taken } from './export-source.ts';
import { batches } from './pieces.ts';

const COLUMNS = [
  ...['id', 'label', 'score', 'severity', 'x', 'y', 'width', 'height'],
  ...['level', 'verified', 'text', 'description'],
];
/** With a line end of its own, the library would leave cells with another one unquoted. */
const RFC_4180 = { record_delimiter: 'windows', quote_record_delimiter: true } as const;

/**
 * Starts with a byte order mark: without one, Excel takes UTF-8 for the code page of the machine, and every label that is not
 * English is spoilt. Programs that read it name the encoding `utf-8-sig`.
 */
export function* csv({ document }: ExportSource): Generator<string> {
  yield stringify([], { ...RFC_4180, bom: true, header: true, columns: COLUMNS });
  for (const batch of batches(taken(document))) yield stringify(batch.map(rowOf), RFC_4180);
}

function rowOf({ finding }: Taken): (string | number)[] {
  const { id, label, score, severity, box, level, verified, text, description } = finding;
  return [cell(id), cell(label), score, severity, ...box, level, verified ?? '', cell(text ?? ''), cell(description)];
}

/**
 * The words as a spreadsheet shows them and never computes them: an apostrophe goes before what could start a formula. The
 * library's own guard looks at the first character only. But where the list separator is a semicolon, as in half of Europe,
 * Excel does not heed quotes in the middle of a cell, and starts a cell after any semicolon and a row after any line break.
 */
function cell(words: string): string {
  return words.replace(LINE_BREAK, '\n').replace(/\t/g, ' ').replace(STEERING, '\uFFFD').replace(FORMULA, "$1'");
}

const LINE_BREAK = /\r\n?|[\u0085\u2028\u2029]/g;
/** Control characters, and what turns the rest of a line around: letters of scripts from right to left do without. */
const STEERING = /(?!\n)[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu;
/** Before the sign may come what a spreadsheet could drop: white space, quotes, what has no width. */
const FORMULA = /((?:^|;)(?:[^\S\n]|["\uFFFD\p{Cf}])*)(?=[=+\-@＝＋－＠])/gmu;
