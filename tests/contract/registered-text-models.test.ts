// Registered text models through the Vision port and real worker processes: they read as the built-in one, whose files they are.
import { appendFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Ask } from '../../pipeline/contract/schemas.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { onnxVision } from '../../pipeline/vision/onnx/onnx-vision.ts';
import { detectorsInBucket, detectorsInFolder } from '../../pipeline/vision/registered-detectors.ts';
import { temporaryFolder } from '../support/folder.ts';
import { BROUGHT, drawnLines, registerTextModel } from '../support/text-model.ts';

const EVERYTHING: Ask = { look_for: null, labels: [] };
const TILE = await drawnLines();

test('a registered text model reads what the built-in one with the same files reads', async () => {
  const home = await temporaryFolder();
  await registerTextModel(home, 'words');
  const vision = onnxVision({ detectors: detectorsInFolder(home) });
  const own = await vision.detect('onnx:words', TILE, EVERYTHING);
  expect(own.detections.map(({ text }) => text)).toEqual(['VALVE V-4711 CLOSED', 'Pump P-12, see sheet 3']);
  expect(own.detections).toEqual((await vision.detect('onnx:ppocr', TILE, EVERYTHING)).detections);
  expect(own.version).toMatch(/^[0-9a-f]{16}$/);
});

test('it does not run if a request asks for other labels only, and notes its own name', async () => {
  const home = await temporaryFolder();
  await registerTextModel(home, 'words');
  const vision = onnxVision({ detectors: detectorsInFolder(home) });
  const { detections, notes } = await vision.detect('onnx:words', TILE, { look_for: null, labels: ['valve'] });
  expect([detections, notes]).toEqual([[], ['onnx:words knows only the label "text", not "valve".']]);
});

test('a dictionary that has the space itself gives the same text', async () => {
  const home = await temporaryFolder();
  await registerTextModel(home, 'spaced', `${(await readFile(BROUGHT.dict, 'utf8')).trimEnd()}\n \n`);
  const { detections } = await onnxVision({ detectors: detectorsInFolder(home) }).detect('onnx:spaced', TILE, EVERYTHING);
  expect(detections.map(({ text }) => text)).toEqual(['VALVE V-4711 CLOSED', 'Pump P-12, see sheet 3']);
});

test('a file that was changed is refused with its name', async () => {
  const home = await temporaryFolder();
  // The line breaks make another version than in the other tests: a process keeps a version that it has loaded.
  const folder = await registerTextModel(home, 'changed', (await readFile(BROUGHT.dict, 'utf8')).replaceAll('\n', '\r\n'));
  await appendFile(join(folder, 'dictionary.txt'), 'é\r\n');
  const vision = onnxVision({ detectors: detectorsInFolder(home) });
  await expect(vision.detect('onnx:changed', TILE, EVERYTHING)).rejects.toThrow(
    /^The model file .*dictionary\.txt is not the one that its detector\.json describes: /,
  );
});

test('from a bucket, its three files are copied once, and a missing one is named', async () => {
  const folder = await temporaryFolder();
  await registerTextModel(folder, 'words');
  const store = fsBlobs(folder);
  const copied: string[] = [];
  const detectors = detectorsInBucket({
    ...store,
    async materialize(key) {
      copied.push(key);
      return await store.materialize(key);
    },
  });
  const vision = onnxVision({ detectors });
  const answers = await Promise.all([1, 2].map(() => vision.detect('onnx:words', TILE, EVERYTHING)));
  expect(answers.map(({ detections }) => detections.length)).toEqual([2, 2]);
  expect(copied).toEqual(['detector.onnx', 'reader.onnx', 'dictionary.txt'].map((file) => `models/words/${file}`));
  expect(await detectors.find('onnx:words')).toMatchObject({ labels: ['text'], scripts: ['Chinese', 'Latin'] });

  await registerTextModel(folder, 'half');
  await rm(join(folder, 'models/half/reader.onnx'));
  await expect(detectors.files('onnx:half')).rejects.toThrow('The bucket has no models/half/reader.onnx.');
});
