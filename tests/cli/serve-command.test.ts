import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';

/** What is refused before anything starts; FILE is a file that exists. */
const REFUSALS: [args: string[], sentence: RegExp][] = [
  [
    ['serve', '--port', '99999'],
    /^tilesight: option '--port <port>' argument '99999' is invalid\. Give a port from 0 to 65535\.$/,
  ],
  [['serve', '--prot', '1'], /^tilesight: unknown option '--prot' \(Did you mean --port\?\)$/],
  [
    ['serve', '--port', '0', '--allow', '/nonexistent'],
    /^tilesight: \/nonexistent does not exist or may not be read\. Name folders /,
  ],
  [['serve', '--port', '0', '--allow', 'FILE'], /^tilesight: .*file is not a folder\. Name folders with images with --allow /],
  [['serve', '--port', '0', '--data', 'FILE'], /^tilesight: .*file is a file\. Name a folder with --data\.$/],
  [['anaylze', 'a.jpg'], /^tilesight: unknown command 'anaylze' \(Did you mean analyze\?\)$/],
  [['analyze', 'FILE', '--tile-size', '10'], /^tilesight: --tile-size \(10\) must be from 128 to 4096\.$/],
  [['analyze', 'FILE', '--grid', '2'], /^tilesight: --grid \(2\) must be from 3 to 100\.$/],
  [['analyze', 'FILE', '--max-tiles', '0'], /^tilesight: --max-tiles \(0\) must be 1 or more\.$/],
  [['analyze', 'FILE', '--page', '0'], /^tilesight: --page \(0\) must be 1 or more\.$/],
  [['analyze', 'FILE', '--verify'], /^tilesight: --verify needs a verification model\. Set VERIFICATION_MODEL, or leave /],
  [['analyze'], /^tilesight: missing required argument 'image'$/],
];

test.each(REFUSALS)('%j is refused with one sentence, without help or stack', async (args, sentence) => {
  const file = join(await temporaryFolder(), 'file');
  await writeFile(file, 'x');
  const { code, stdout, stderr } = await runCommand(args.map((arg) => (arg === 'FILE' ? file : arg)));
  expect({ code, stdout, lines: stderr.trimEnd().split('\n') }).toEqual({
    code: 1,
    stdout: '',
    lines: [expect.stringMatching(sentence)],
  });
});
