// Findings as a table for spreadsheets (RFC 4180). For people; the other formats keep every character for programs. Pure.
import { stringify } from 'csv-stringify/sync';
import type { ExportDefinition } from './export-definition.ts';
import { type ExportedFinding, type ExportSource, exportedFindings } from './export-source.ts';
import { batches } from './pieces.ts';

const COLUMNS = [
  ...['id', 'label', 'score', 'severity', 'x', 'y', 'width', 'height'],
  ...['level', 'verified', 'text', 'description'],
  ...['said_by', 'judged_by', 'judged_label'], // columns are only added at the end: scripts may count them
];
/** With its own line ending, the library would leave cells that contain another one unquoted. */
const RFC_4180 = { record_delimiter: 'windows', quote_record_delimiter: true } as const;

export const csv = {
  sentence: 'A table for spreadsheets.',
  files: [{ path: 'findings.csv', link: 'findings_csv', contentType: 'text/csv; charset=utf-8', pieces }],
  namesImage: false,
} as const satisfies ExportDefinition;

/**
 * Begins with a byte order mark. Without one, Excel reads UTF-8 in the code page of the machine and garbles every label outside
 * ASCII. Python reads it with the encoding `utf-8-sig`.
 */
function* pieces({ document }: ExportSource): Generator<string> {
  yield stringify([], { ...RFC_4180, bom: true, header: true, columns: COLUMNS });
  for (const batch of batches(exportedFindings(document))) yield stringify(batch.map(rowOf), RFC_4180);
}

function rowOf({ finding }: ExportedFinding): (string | number)[] {
  const { id, label, score, severity, box, level, verified, text, description, said_by, judged } = finding;
  return [
    ...[cell(id), cell(label), score, severity, ...box, level, verified ?? '', cell(text ?? ''), cell(description)],
    ...[cell((said_by ?? []).join(' ')), cell(judged?.by ?? ''), cell(judged?.label ?? '')],
  ];
}

/**
 * The words so that a spreadsheet shows them and never computes them: an apostrophe precedes everything that could start a formula.
 * The library's own guard checks the first character only. Where the list separator is a semicolon, as in half of Europe, Excel
 * ignores quotes in the middle of a cell, and starts a cell after any semicolon and a row after any line break.
 */
function cell(words: string): string {
  return words.replace(LINE_BREAK, '\n').replace(/\t/g, ' ').replace(STEERING, '\uFFFD').replace(FORMULA, "$1'");
}

const LINE_BREAK = /\r\n?|[\u0085\u2028\u2029]/g;
/** Control characters and overrides of the writing direction. Right-to-left scripts do not need the overrides. */
const STEERING = /(?!\n)[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu;
/** The sign may follow characters that a spreadsheet could drop: white space, quotes, characters without width. */
const FORMULA = /((?:^|;)(?:[^\S\n]|["\uFFFD\p{Cf}])*)(?=[=+\-@＝＋－＠])/gmu;
