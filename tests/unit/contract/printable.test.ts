import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findingsTable } from '../../../cli/terminal-table.ts';
import { printable, printableLines } from '../../../pipeline/contract/printable.ts';
import type { FindingsDocument } from '../../../pipeline/contract/schemas.ts';

const ROOT = join(import.meta.dirname, '../../..');
/** ESC, OSC with its end, C1's own CSI, NUL, backspace, carriage return, bidi overrides and isolates, a line separator, half a character. */
const HOSTILE = '\u001b[2J\u001b]0;title\u0007\u009b31m\0\b\r\u202e\u2066\u200f\u2028\ud800';
const CONTROLS = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u;

test('text that is shown keeps every letter and loses everything that controls a terminal or reorders text', () => {
  expect(printable(`a${HOSTILE}é日😀\nb`)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  expect(printable('Ventil Nr. 4, 阀门, клапан, 😀')).toBe('Ventil Nr. 4, 阀门, клапан, 😀');
  expect(printableLines(`one${HOSTILE}\ntwo`)).toMatch(/^one.*\ntwo$/);
  expect(printableLines(`one${HOSTILE}\ntwo`)).not.toMatch(CONTROLS);
});

test('a table of findings shows nothing that controls a terminal', () => {
  const finding = { id: `f${HOSTILE}`, label: HOSTILE, score: 1, box: [0, 0, 1, 1], text: `x${HOSTILE}` };
  const image = { width: 1, height: 1 };
  const document = {
    findings: [finding],
    image,
    tiles: { total: 1, done: 1, blank: 0, failed: [], not_analyzed: [] },
  } as unknown as FindingsDocument;
  expect(findingsTable(document)).not.toMatch(CONTROLS);
});

test('commands write sentences through terminal.ts only, and results as they are', () => {
  const writes = globSync('cli/{*,analyze/*}.ts', { cwd: ROOT })
    .filter((file) => file !== 'cli/terminal.ts')
    .flatMap((file) => [
      ...readFileSync(join(ROOT, file), 'utf8').matchAll(/(?:process\.std(?:out|err)\.write|console\.\w+)\(.*/g),
    ])
    .map(([call]) => call);
  expect(writes).toEqual(['process.stdout.write(results.findings);', "process.stdout.write('\\n');"]);
});
