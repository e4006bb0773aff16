// Follows a guide for contributors on a copy of the repository: writes the files and applies the changes that its code blocks show.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from './folder.ts';

const ROOT = join(import.meta.dirname, '../..');
const COPIED = [
  ...['build', 'cli', 'docs', 'local', 'mcp-server', 'pipeline', 'skills', 'tests', 'web'],
  ...['package.json', 'README.md', 'template.yaml', 'tsconfig.json', 'vitest.config.ts'],
];
/** Too large to copy, and never changed by a guide. */
const LINKED = ['examples', 'models', 'node_modules'];

/** A copy that runs, but is no git repository. */
export async function scratchRepository(): Promise<string> {
  const root = await temporaryFolder();
  for (const name of COPIED) cpSync(join(ROOT, name), join(root, name), { recursive: true });
  for (const name of LINKED) symlinkSync(join(ROOT, name), join(root, name));
  return root;
}

/**
 * Applies the code blocks of `guide` whose fence names a file: a `ts` block is a new file, a `diff` block a change, in parts with a
 * line … between them. Throws if a file exists, or if a changed part is not there exactly once. Returns the files.
 */
export function followGuide(guide: string, root: string): string[] {
  const page = readFileSync(join(ROOT, guide), 'utf8');
  const blocks = [...page.matchAll(/^```(ts|diff) (\S+)\n(.*?)^```$/gms)];
  return blocks.map(([, kind, path = '', text = '']) => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    if (kind === 'ts') writeFileSync(file, text, { flag: 'wx' });
    else writeFileSync(file, text.split('…\n').reduce(changed, readFileSync(file, 'utf8')));
    return path;
  });
}

function changed(before: string, part: string): string {
  const lines = part.trimEnd().split('\n');
  const side = (mark: '-' | '+') =>
    lines.filter((line) => line[0] === ' ' || line[0] === mark).map((line) => `${line.slice(1)}\n`);
  const [old, replacement] = [side('-').join(''), side('+').join('')];
  const pieces = before.split(old);
  if (pieces.length !== 2) throw new Error(`The guide changes lines that are there ${pieces.length - 1} times:\n${old}`);
  return pieces.join(replacement);
}
