// Every message that docs/troubleshooting.md and docs/operations.md quote exists in the code.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
/** Files with strings that continue over `+` joined. */
const SOURCES = globSync('{pipeline,mcp-server,local,cli,build,web}/**/*.ts', { cwd: ROOT }).map((file) =>
  readFileSync(join(ROOT, file), 'utf8')
    .replace(/['`]\s*\+\s*['`]/g, '')
    .replaceAll("\\'", "'"),
);
/** A quoted sentence begins with a capital or an option, and has several words. */
const SENTENCE = /`([A-Z][^`]* [^`]* [^`]*|--[^`]*\.)`/g;

/** Messages by page, without code that is no message. */
function quoted(page: string): string[] {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8').replace(/```.*?```/gs, '');
  return [...text.matchAll(SENTENCE)].map(([, sentence = '']) => sentence);
}

/** True if one file holds all fixed parts of the message, in order. */
function exists(message: string): boolean {
  const parts = message
    .split('…')
    .map((part) => part.trim())
    .filter((part) => /[a-z]{2}/i.test(part));
  return SOURCES.some((source) => {
    let from = 0;
    return parts.every((part) => {
      const at = source.indexOf(part, from);
      from = at + part.length;
      return at >= 0;
    });
  });
}

test('messages of the troubleshooting page exist in the code', () => {
  const messages = quoted('troubleshooting.md');
  expect(messages.length).toBeGreaterThan(45);
  expect(messages.filter((message) => !exists(message))).toEqual([]);
});

test('log messages of the operations page exist in the code', () => {
  const messages = quoted('operations.md').filter((message) => message.endsWith('.'));
  expect(messages.length).toBe(4);
  expect(messages.filter((message) => !exists(message))).toEqual([]);
});

test('a message that is not in the code is noticed', () => {
  expect(exists('Port … is in use.')).toBe(true);
  expect(exists('Port … is taken by a ghost.')).toBe(false);
});
