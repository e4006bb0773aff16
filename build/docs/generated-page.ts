// What generated pages share: tables as the formatter would write them, and a check that a page is not stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { at } from '../../pipeline/contract/at.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Every column is as wide as its widest cell; the first row is the head. A cell that is `null` is empty. */
export function table(rows: readonly (string | null)[][]): string {
  const texts = rows.map((cells) => cells.map((cell) => (cell === null ? '' : cell)));
  const widths = at(texts, 0).map((_, column) => Math.max(...texts.map((cells) => at(cells, column).length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => cell.padEnd(at(widths, column))).join(' | ')} |`;
  const [head, ...body] = texts.map(line);
  return [head, line(widths.map((width) => '-'.repeat(width))), ...body].join('\n');
}

/** Writes `docs/<name>`, or with --check on the command line fails the process if the page is stale. */
export function writeOrCheck(name: string, text: string): void {
  writeOrCheckFile(`docs/${name}`, text);
}

/** Like `writeOrCheck`, for any file of the repository. */
export function writeOrCheckFile(path: string, text: string): void {
  if (!process.argv.includes('--check')) {
    writeFileSync(join(ROOT, path), text);
    return;
  }
  if (readFileSync(join(ROOT, path), 'utf8') === text) return;
  console.error(`${path} is stale. Run npm run docs.`);
  process.exitCode = 1;
}

/** Like `writeOrCheck`, for the part of the file at `path` between `<!-- name -->` and `<!-- /name -->`. Throws if the page has no such part. */
export function writeOrCheckBlock(path: string, name: string, text: string): void {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const page = readFileSync(join(ROOT, path), 'utf8');
  const [before, rest, ...more] = page.split(open);
  const [, after, ...others] = rest?.split(close) ?? [];
  if (before === undefined || after === undefined || more.length + others.length > 0)
    throw new Error(`${path} needs ${open} and ${close} once each: what stands between them is generated.`);
  writeOrCheckFile(path, `${before}${open}\n\n${text}\n\n${close}${after}`);
}
