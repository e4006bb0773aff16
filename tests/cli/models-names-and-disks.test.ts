// `tilesight models`: labels that it lists, names that it refuses, and disks that refuse to be written.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { registerWhole } from '../../cli/models/models-folder.ts';
import { COCO_LABELS } from '../../pipeline/providers/coco-labels.ts';
import { runCommand } from '../support/command.ts';
import { detectorFile } from '../support/detector-files.ts';
import { temporaryFolder } from '../support/folder.ts';
import { registerDetector } from '../support/registered-detector.ts';

const CLI = fileURLToPath(new URL('../../cli/tilesight.ts', import.meta.url));

test('labels lists what the models of this machine know, or one of them a line each', async () => {
  const home = await temporaryFolder();
  await registerDetector(home, 'colors');
  const environment = { TILESIGHT_HOME: home, DETECTION_MODELS: 'onnx:nanodet,onnx:ppocr,onnx:colors,openai:eyes' };
  const all = await runCommand(['models', 'labels'], { ...environment, OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' });
  expect([all.code, all.stderr]).toEqual([0, '']);
  expect(all.stdout.split('\n').filter((line) => !line.startsWith(' '))).toEqual([
    'onnx:nanodet knows 80 labels:',
    'onnx:ppocr knows 1 label:',
    'onnx:colors knows 3 labels:',
    'openai:eyes detects whatever --label and --look-for describe in words.',
    '',
  ]);
  expect(all.stdout).toContain(`  ${COCO_LABELS.join(', ')}\n`);
  expect((await runCommand(['models', 'labels', 'colors'], environment)).stdout).toBe('red\nblue\ngreen\n');
  expect(await runCommand(['models', 'labels', 'onnx:kolors'], environment)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('The model onnx:kolors is neither built in nor registered. Registered: onnx:colors.'),
  });
});

test.each(['con', 'aux.v2', 'lpt1'])('the name %s, which Windows gives to a device, is refused', async (name) => {
  const home = await temporaryFolder();
  const model = join(home, 'best.onnx');
  await writeFile(model, detectorFile('yolov8'));
  expect(await runCommand(['models', 'add', model, '--name', name], { TILESIGHT_HOME: home })).toMatchObject({
    code: 1,
    stderr: `tilesight: The name ${name} belongs to a device on Windows. Choose another name, for example my-${name}.\n`,
  });
  expect(await readdir(home)).toEqual(['best.onnx']);
});

test.skipIf(process.platform === 'win32')('a file beyond the limit of the shell is a sentence, and leaves nothing', async () => {
  const home = await temporaryFolder();
  const model = join(home, 'best.onnx');
  await writeFile(model, detectorFile('yolov8'));
  const command = 'ulimit -f 8; exec "$@"';
  const args = [process.execPath, CLI, 'models', 'add', model, '--name', 'colors'];
  // biome-ignore lint/style/noProcessEnv: a child starts from this process's environment.
  const env = { ...process.env, TILESIGHT_HOME: home, NODE_DISABLE_COMPILE_CACHE: '1' };
  const child = spawn('/bin/sh', ['-c', command, 'sh', ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')]);
  expect([child.exitCode, stderr]).toEqual([
    1,
    `tilesight: Cannot write into ${join(home, 'models')}: a file would be larger than allowed (EFBIG). Raise the limit (\`ulimit -f\`), then try again.\n`,
  ]);
  expect(await readdir(join(home, 'models'))).toEqual([]);
});

test.each(['ENOSPC', 'EDQUOT'])('a full disk (%s) is a sentence, and leaves nothing', async (code) => {
  const home = await temporaryFolder();
  const fill = async (folder: string) => {
    await writeFile(join(folder, 'model.onnx'), 'half of it');
    throw Object.assign(new Error(`${code}: no space left on device, copyfile`), { code });
  };
  await expect(registerWhole(home, 'colors', false, fill)).rejects.toMatchObject({
    name: 'UserError',
    message: `The disk of ${join(home, 'models')} is full. Free some space, then try again.`,
  });
  expect(await readdir(join(home, 'models'))).toEqual([]);
});

test('analyze names models in MODEL_COORDINATES that nothing uses', async () => {
  const image = join(await temporaryFolder(), 'image.png');
  await sharp({ create: { width: 64, height: 64, channels: 3, background: '#777' } }).toFile(image);
  const { code, stderr } = await runCommand(['analyze', image], { MODEL_COORDINATES: 'openai:a=pixels' });
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^MODEL_COORDINATES names openai:a, which is none of the models/)]);
});
