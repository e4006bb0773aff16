import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';

/** Writes the address of every file that is loaded to standard error. */
const RECORDER = `import { registerHooks } from 'node:module';
registerHooks({ load(url, context, next) { if (url.startsWith('file:')) console.error(url); return next(url, context); } });`;

test.each([['--version'], ['--help']])(
  '%s loads the options of the commands, and nothing that a command needs',
  async (...args) => {
    const recorder = join(await temporaryFolder(), 'recorder.mjs');
    await writeFile(recorder, RECORDER);
    const { stderr } = await promisify(execFile)(process.execPath, ['--import', recorder, 'cli/tilesight.ts', ...args]);
    const files = stderr.split('\n').filter((line) => line.startsWith('file:'));
    const ours = files
      .filter((file) => !file.includes('/node_modules/'))
      .map((file) => file.replace(/.*\/(?=(cli|pipeline)\/)/, ''));
    expect(ours.filter((file) => !file.endsWith('/package.json')).sort()).toEqual([
      'cli/option-values.ts',
      'cli/terminal.ts',
      'cli/tilesight.ts',
      'pipeline/contract/errors.ts',
      'pipeline/contract/printable.ts',
      'pipeline/contract/protocol.ts',
      'pipeline/contract/usage.ts',
    ]);
    expect(files.filter((file) => file.includes('/node_modules/') && !file.includes('/node_modules/commander/'))).toEqual([]);
  },
);
