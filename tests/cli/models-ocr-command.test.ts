// `tilesight models add --kind ocr`, and an analysis with the text model that it registered.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { runCommand } from '../support/command.ts';
import { drawnPage } from '../support/drawn-pages.ts';
import { temporaryFolder } from '../support/folder.ts';
import { BROUGHT, drawnLines } from '../support/text-model.ts';

const { det, rec, dict } = BROUGHT;

async function workplace() {
  const [home, files] = [await temporaryFolder(), await temporaryFolder()];
  const environment = { TILESIGHT_HOME: home, ALLOW_MODERATION_OFF: 'true' };
  const add = (...args: string[]) => runCommand(['models', 'add', '--kind', 'ocr', '--name', 'words', ...args], environment);
  return { home, files, environment, add };
}

test('add registers a text model, and an analysis reads with it and notes its scripts', { timeout: 120_000 }, async () => {
  const { home, files, environment, add } = await workplace();
  const image = join(files, 'lines.jpg');
  await writeFile(image, (await drawnLines()).bytes);
  const added = await add('--det', det, '--rec', rec, '--dict', dict, '--try', image);
  expect([added.code, added.stderr, added.left]).toEqual([0, '', []]);
  expect(added.stdout).toContain(`onnx:words is registered in ${join(home, 'models/words')}.\n  scripts: Chinese, Latin\n`);
  expect(added.stdout).toMatch(/^2 lines of text in lines\.jpg, in \d+ ms:\n {2}\d\.\d\d {2}VALVE V-4711 CLOSED\n/m);
  expect((await readdir(join(home, 'models/words'))).sort()).toEqual([
    'detector.json',
    'detector.onnx',
    'dictionary.txt',
    'reader.onnx',
  ]);
  const list = await runCommand(['models', 'list'], environment);
  expect(list.stdout).toMatch(/│ onnx:words │ ppocr +│ +│ +text │ 15\.6 │ not stated │ ready │/);

  const page = join(files, 'page.png');
  await writeFile(page, await drawnPage('dashboard', 3));
  const models = { DETECTION_MODELS: 'onnx:nanodet,onnx:words' };
  const analyzed = await runCommand(['analyze', page, '--json', '-'], { ...environment, ...models });
  const { findings, notes } = FindingsDocument.parse(JSON.parse(analyzed.stdout));
  expect(findings.length).toBeGreaterThan(20);
  expect(findings.filter(({ text }) => text === null)).toEqual([]);
  expect(notes.slice(0, 2)).toEqual([
    'onnx:nanodet knows 80 everyday things, seen from the side as in photographs. Other things, and things seen from above, are missing.',
    'onnx:words reads printed text in Chinese and Latin characters, by its dictionary. Handwriting and other scripts are missing or come out as look-alikes.',
  ]);

  const removed = await runCommand(['models', 'remove', 'words'], environment);
  expect([removed.code, await readdir(join(home, 'models'))]).toEqual([0, []]);
});

describe('add refuses with one sentence, and registers nothing,', () => {
  test.each([
    ['two files instead of three', ['--det', det, '--rec', rec], /^A text model has three files\. Name them with --det, --rec/],
    ['a fourth file', [det, '--det', det, '--rec', rec, '--dict', dict], /^Leave .* out: --det, --rec and --dict name the files/],
    ['labels', ['--det', det, '--rec', rec, '--dict', dict, '--labels', dict], /^--labels and --layout are for detectors\./],
    [
      'a file that is not there',
      ['--det', 'none.onnx', '--rec', rec, '--dict', dict],
      /^none\.onnx does not exist or is not a file/,
    ],
    ['files that are swapped', ['--det', rec, '--rec', det, '--dict', dict], /^--det: a model that finds lines returns one map/],
    [
      'no model',
      ['--det', 'package.json', '--rec', rec, '--dict', dict],
      /^--det: The file is not an ONNX model, or it is damaged/,
    ],
    [
      'no dictionary',
      ['--det', det, '--rec', rec, '--dict', 'LICENSE'],
      /^--dict: .*dictionary\.txt is not a dictionary\. Expected one/,
    ],
  ])('%s', async (_, args, sentence) => {
    const { home, add } = await workplace();
    const { code, stdout, stderr, left } = await add(...args);
    expect([code, stdout, left]).toEqual([1, '', []]);
    expect(stderr.replace('tilesight: ', '')).toMatch(sentence);
    expect(await readdir(join(home, 'models')).catch(() => [])).toEqual([]);
  });

  test('the dictionary of another model', async () => {
    const { files, add } = await workplace();
    const short = join(files, 'short.txt');
    await writeFile(short, (await readFile(dict, 'utf8')).split('\n').slice(0, 100).join('\n'));
    expect((await add('--det', det, '--rec', rec, '--dict', short)).stderr).toBe(
      'tilesight: --dict: the model scores 6625 characters, so its dictionary has 6623 or 6624; this one has 100. Name the dictionary that the model was trained with.\n',
    );
  });
});
