// `tilesight models`, and analyses with a detector that it registered.
import { appendFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { type Box, FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { parseSidecar, writeSidecar } from '../../pipeline/vision/detectors/sidecar.ts';
import { runCommand, startCommand } from '../support/command.ts';
import { detectorFile } from '../support/detector-files.ts';
import { LABELS } from '../support/detector-graph.ts';
import { temporaryFolder } from '../support/folder.ts';
import { endlessDetector } from '../support/hostile-detectors.ts';
import { redAndBlue } from '../support/registered-detector.ts';

/** A home without detectors, and the files of a user. */
async function workplace() {
  const [home, files] = [await temporaryFolder(), await temporaryFolder()];
  const environment = { TILESIGHT_HOME: home, ALLOW_MODERATION_OFF: 'true' };
  const [model, labels, image] = ['best.onnx', 'labels.txt', 'image.png'].map((name) => join(files, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(model, detectorFile('yolov8', { metadata: { license: 'MIT' } }));
  await writeFile(labels, LABELS.join('\n'));
  await writeFile(image, (await redAndBlue(640, 512)).bytes);
  const models = (...args: string[]) => runCommand(['models', ...args], environment);
  return {
    ...{ home, files, model, labels, image, environment, models },
    add: (...args: string[]) => models('add', model, '--labels', labels, ...args),
    inModels: async () => await readdir(join(home, 'models')).catch(() => []),
  };
}

test('add registers a detector as a whole, states what it took it for, and shows what it detects', async () => {
  const { home, files, image, add, inModels } = await workplace();
  const { code, stdout, stderr, left } = await add('--name', 'colors', '--try', image, '--out', join(files, 'out.jpg'));
  expect([code, stderr, left]).toEqual([0, '', []]);
  expect(stdout).toContain(`onnx:colors is registered in ${join(home, 'models/colors')}.`);
  expect(stdout).toContain('labels:  3: red, blue, green\n');
  expect(stdout).toContain('input:   320 x 256 px, rgb 0-1, center; analyzes tiles of 256 px\n');
  expect(stdout).toContain('license: MIT\n');
  expect(stdout).toContain('Note: The layout is yolov8, by the shapes of its outputs.\n');
  expect(stdout).toContain('2 detections in image.png, shown to it as 320 x 256 px, in ');
  // In pixels of the image, not of the copy that the model got; JPEG moves edges by a few pixels.
  const boxes = [...stdout.matchAll(/│ (red|blue) +│ 0\.\d\d +│ (\d+) +│ (\d+) +│ (\d+) +│ (\d+) +│/g)].map(([, ...row]) => row);
  for (const [label, ...sides] of [
    ['red', 40, 60, 50, 50],
    ['blue', 150, 100, 40, 40],
  ]) {
    const found = boxes.find(([name]) => name === label)?.slice(1) ?? [];
    expect(Math.max(...sides.map((side, index) => Math.abs(Number(found[index]) - Number(side)))), label as string).toBeLessThan(
      6,
    );
  }
  expect(stdout).toContain('DETECTION_MODELS=onnx:colors npx tilesight analyze IMAGE');
  expect(await sharp(join(files, 'out.jpg')).metadata()).toMatchObject({ format: 'jpeg', width: 320, height: 256 });
  expect(await inModels()).toEqual(['colors']);
  const sidecar = parseSidecar(await readFile(join(home, 'models/colors/detector.json'), 'utf8'));
  expect(sidecar).toMatchObject({ layout: 'yolov8', labels: LABELS, license: 'MIT' });
  expect((await stat(join(home, 'models/colors/model.onnx'))).size).toBe(sidecar.bytes);
});

test('list states what is registered, and what is wrong with it; remove removes one', async () => {
  const { home, add, models, inModels } = await workplace();
  expect((await models('list')).stdout).toBe(
    'No detector is registered. Add one with `npx tilesight models add FILE --name NAME`.\n',
  );
  for (const name of ['colors', 'changed', 'damaged']) expect((await add('--name', name)).code).toBe(0);
  await appendFile(join(home, 'models/changed/model.onnx'), 'x');
  await writeFile(join(home, 'models/damaged/detector.json'), '{');
  const { stdout } = await models('list');
  expect(stdout).toMatch(/│ onnx:colors +│ yolov8 │ 320 x 256 │ +3 │ 0\.1 │ MIT +│ ready /);
  expect(stdout).toMatch(/│ onnx:changed .*│ model\.onnx was changed: add it again/);
  expect(stdout).toMatch(/│ onnx:damaged .*│ detector\.json is not valid JSON/);
  expect(await models('remove', 'onnx:changed')).toMatchObject({ code: 0, stdout: 'onnx:changed is removed.\n' });
  expect(await inModels()).toEqual(['colors', 'damaged']);
  expect((await models('remove', 'changed')).stderr).toBe(
    'tilesight: The detector onnx:changed is not registered. Registered: onnx:colors, onnx:damaged.\n',
  );
});

describe('add registers nothing, and says why,', () => {
  test.each([
    [
      'for a name that leads elsewhere',
      ['--name', '../x'],
      /^tilesight: The name \.\.\/x is not possible\. Use at most 40 lower-case/,
    ],
    ['for the name of a built-in model', ['--name', 'nanodet'], /^tilesight: The name nanodet is not possible\./],
    ['without an image to draw into', ['--name', 'a', '--out', 'x.jpg'], /^tilesight: --out works only with --try\./],
    [
      'for an image that is not there',
      ['--name', 'a', '--try', 'no.jpg'],
      /^tilesight: no\.jpg does not exist or is not a file\./,
    ],
    ['for an image that is none', ['--name', 'a', '--try', 'package.json'], /^tilesight: /],
    ['for another layout', ['--name', 'a', '--layout', 'rtdetr'], /^tilesight: /],
  ])('%s', async (_, args, sentence) => {
    const { add, inModels } = await workplace();
    const { code, stdout, stderr, left } = await add(...args);
    expect([code, stdout, left]).toEqual([1, '', []]);
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(await inModels()).toEqual([]);
  });

  test('for a file that is no model, and for one that is not there', async () => {
    const { files, models, labels, inModels } = await workplace();
    const huge = join(files, 'huge.onnx');
    await writeFile(huge, '');
    await truncate(huge, 3_000_000_000); // occupies nothing
    const began = performance.now();
    for (const file of [labels, '/nowhere/x.onnx', '.', '/dev/zero', huge]) {
      const { code, stderr } = await models('add', file, '--name', 'a');
      expect([code, stderr.trim().split('\n').length]).toEqual([1, 1]);
    }
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(await inModels()).toEqual([]);
  });
});

test('a file for --try that is no image is named, and not the model', async () => {
  const { add, labels, inModels } = await workplace();
  const { code, stderr } = await add('--name', 'a', '--try', labels);
  expect([code, stderr]).toEqual([
    1,
    `tilesight: ${labels} cannot be read as an image. Name a JPEG, PNG, WebP, TIFF, GIF or AVIF image of at most 268 megapixels with --try.\n`,
  ]);
  expect(await inModels()).toEqual([]);
});

test('a name is replaced only on request, and stays as it was if the new detector is refused', async () => {
  const { home, model, labels, files, add, models, inModels } = await workplace();
  await add('--name', 'colors');
  expect((await add('--name', 'colors')).stderr).toBe(
    'tilesight: The detector onnx:colors is registered already. Choose another name, or add --replace.\n',
  );
  const sidecar = join(home, 'models/colors/detector.json');
  const before = await readFile(sidecar, 'utf8');
  const broken = join(files, 'broken.onnx');
  await writeFile(broken, (await readFile(model)).subarray(0, 5_000));
  expect((await models('add', broken, '--name', 'colors', '--labels', labels, '--replace')).code).toBe(1);
  expect(await readFile(sidecar, 'utf8')).toBe(before);
  await writeFile(labels, 'a\nb\nc');
  expect((await add('--name', 'colors', '--replace')).code).toBe(0);
  expect(parseSidecar(await readFile(sidecar, 'utf8')).labels).toEqual(['a', 'b', 'c']);
  expect(await inModels()).toEqual(['colors']);
});

test('Ctrl-C ends the model that runs, and leaves nothing', async () => {
  const { files, labels, environment, inModels } = await workplace();
  const endless = join(files, 'endless.onnx');
  await writeFile(endless, endlessDetector());
  const command = await startCommand(['models', 'add', endless, '--name', 'endless', '--labels', labels], environment);
  await expect.poll(inModels, { timeout: 20_000 }).toHaveLength(1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  command.process.kill('SIGINT');
  expect(await command.outcome).toMatchObject({ code: 130, stderr: 'Interrupted. Nothing was registered.\n', left: [] });
  expect([await inModels(), await command.processes()]).toEqual([[], []]);
});

test('a command that is killed leaves no process, and the next one removes what it left', async () => {
  const { files, labels, environment, add, inModels } = await workplace();
  const endless = join(files, 'endless.onnx');
  await writeFile(endless, endlessDetector());
  const command = await startCommand(['models', 'add', endless, '--name', 'endless', '--labels', labels], environment);
  await expect.poll(inModels, { timeout: 20_000 }).toHaveLength(1);
  await new Promise((resolve) => setTimeout(resolve, 1_500)); // the model runs
  command.process.kill('SIGKILL');
  await command.outcome;
  await expect.poll(command.processes, { timeout: 5_000 }).toEqual([]);
  expect((await add('--name', 'colors')).code).toBe(0);
  expect(await inModels()).toEqual(['colors']);
});

test('a file in the place of the folder is a sentence', async () => {
  const { home, add } = await workplace();
  await writeFile(join(home, 'models'), 'no folder');
  const { code, stderr } = await add('--name', 'colors');
  expect([code, stderr]).toEqual([
    1,
    `tilesight: Cannot write ${join(home, 'models')} (EEXIST). Move away what is in its place.\n`,
  ]);
});

describe('analyze', () => {
  test('uses a registered detector on tiles of its input size, as its sidecar was corrected', async () => {
    const { home, image, environment, add } = await workplace();
    await add('--name', 'colors');
    const sidecar = join(home, 'models/colors/detector.json');
    const corrected = { ...parseSidecar(await readFile(sidecar, 'utf8')), labels: ['valve', 'pump', null] };
    await writeFile(sidecar, writeSidecar(corrected));
    const { code, stdout, stderr, out } = await runCommand(['analyze', image, '--label', 'valves', 'gauge'], {
      ...environment,
      DETECTION_MODELS: 'onnx:colors',
    });
    expect([code, stderr]).toEqual([0, expect.stringContaining('tiles')]);
    const document = FindingsDocument.parse(JSON.parse(await readFile(join(out, 'findings.json'), 'utf8')));
    // The small detector reports something red in every tile, so noise has findings, too.
    expect(new Set(document.findings.map(({ label }) => label))).toEqual(new Set(['valve']));
    const near = ([left, top, width, height]: Box) =>
      [left - 40, top - 60, width - 50, height - 50].every((by) => Math.abs(by) < 6);
    expect(document.findings.filter(({ box }) => near(box))).toHaveLength(1);
    expect(document.tiles.total).toBeGreaterThan(6); // of 256 px; one of 1,024 px would be enough
    expect(stdout).toContain(
      'Note: onnx:colors knows 2 labels, listed by `npx tilesight models labels`; "gauge" is not one of them.',
    );
  });

  test('refuses a model that is not there before it starts, and lists those that are', async () => {
    const { image, environment, add } = await workplace();
    await add('--name', 'colors');
    expect(await runCommand(['analyze', image], { ...environment, DETECTION_MODELS: 'onnx:kolors' })).toMatchObject({
      code: 1,
      stdout: '',
      stderr:
        'tilesight: The model onnx:kolors is neither built in nor registered. Registered: onnx:colors. Add it with `tilesight models add FILE --name NAME`.\n',
    });
  });
});
