// Registered detectors through the Vision port and real worker processes: which labels they report, and what is refused.
import { execFileSync } from 'node:child_process';
import { appendFile, copyFile, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Ask } from '../../pipeline/contract/schemas.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { onnxVision } from '../../pipeline/vision/onnx/onnx-vision.ts';
import { detectorsInBucket, detectorsInFolder } from '../../pipeline/vision/registered-detectors.ts';
import { temporaryFolder } from '../support/folder.ts';
import { redAndBlue, registerDetector } from '../support/registered-detector.ts';

const EVERYTHING: Ask = { look_for: null, labels: [] };
const MODEL = 'onnx:colors';
const TILE = await redAndBlue(320, 256);

async function registered(options: Parameters<typeof registerDetector>[2] = {}) {
  const home = await temporaryFolder();
  const folder = await registerDetector(home, 'colors', options);
  let now = 0;
  const detectors = detectorsInFolder(home, { now: () => now });
  const vision = onnxVision({ detectors });
  return {
    ...{ home, folder, detectors },
    detect: (ask: Ask = EVERYTHING) => vision.detect(MODEL, TILE, ask),
    later: () => {
      now += 60_000;
    },
  };
}

test('a registered detector reports its labels, with boxes in pixels of the tile, at no cost', async () => {
  const { detect } = await registered();
  const { detections, usage, notes } = await detect();
  expect(detections).toMatchObject([
    { label: 'red', box: [40, 60, 50, 50] },
    { label: 'blue', box: [150, 100, 40, 40] },
  ]);
  expect([usage.cost_usd, notes]).toEqual([0, []]);
});

test('it reports only what a request names, in singular or plural, and notes what it does not know', async () => {
  const { detect } = await registered({ labels: ['pressure_gauge', 'Ball valve', 'person'] });
  const labelsOf = async (ask: Partial<Ask>) => {
    const { detections, notes } = await detect({ ...EVERYTHING, ...ask });
    return [detections.map(({ label }) => label), notes];
  };
  expect(await labelsOf({ labels: ['Pressure gauges', 'pump'] })).toEqual([
    ['pressure_gauge'],
    ['onnx:colors knows 3 labels, listed at tilesight://labels; "pump" is not one of them.'],
  ]);
  expect(await labelsOf({ labels: ['pump'] })).toEqual([
    [],
    ['onnx:colors knows 3 labels, listed at tilesight://labels; "pump" is not one of them, so it reports nothing.'],
  ]);
  expect(await labelsOf({ look_for: 'all ball valves that people can reach' })).toEqual([
    ['Ball valve'],
    ['onnx:colors knows labels, not sentences: from look_for it used Ball valve, person.'],
  ]);
  expect(await labelsOf({ look_for: 'anything broken' })).toEqual([
    ['pressure_gauge', 'Ball valve'],
    ['onnx:colors found none of its 3 labels in look_for and reports all of them. tilesight://labels lists them.'],
  ]);
});

test('a corrected sidecar is used as corrected, and is another version', async () => {
  const { detect, detectors, home, later } = await registered();
  const before = await detectors.find(MODEL);
  await registerDetector(home, 'colors', { changed: { labels: ['rot', null, null], score_min: 0.9 } });
  expect(await detectors.find(MODEL)).toEqual(before); // for a moment
  later();
  expect((await detectors.find(MODEL)).version).not.toBe(before.version);
  expect((await detect()).detections).toMatchObject([{ label: 'rot', score: 0.4 }]);
});

test('one that is replaced just after its sidecar was read costs no tile', async () => {
  const { detect, detectors, home } = await registered({ metadata: { license: 'of the first' } });
  const before = await detectors.find(MODEL);
  await registerDetector(home, 'colors', { metadata: { license: 'of the second' }, labels: ['rot', 'blau', 'grün'] });
  const { detections, version } = await detect();
  expect(detections.map(({ label }) => label)).toEqual(['rot', 'blau']);
  expect(version).not.toBe(before.version);
});

describe('a UserError says', () => {
  test('which detectors there are', async () => {
    const { detectors, home } = await registered();
    await registerDetector(home, 'boats');
    const sentence = `is neither built in nor registered. Registered: onnx:boats, onnx:colors. Add it with \`tilesight models add FILE --name NAME\`.`;
    for (const model of ['onnx:kolors', 'onnx:../colors', 'onnx:COLORS', 'onnx:colors/../boats', 'onnx:']) {
      await expect(detectors.find(model)).rejects.toThrow(`The model ${model} ${sentence}`);
    }
    const none = detectorsInFolder(await temporaryFolder());
    await expect(none.find(MODEL)).rejects.toThrow('No detector is registered. Add it with');
  });

  test('that the model is not the one that its sidecar describes', async () => {
    const { detect, folder } = await registered({ changed: { description: 'No worker has loaded it yet.' } });
    await appendFile(join(folder, 'model.onnx'), 'x');
    await expect(detect()).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(
        /model\.onnx is not the one that its detector\.json describes: its sha256 is [0-9a-f]{64}, not/,
      ),
    });
    await rm(join(folder, 'model.onnx'));
    await expect(detect()).rejects.toThrow(/model\.onnx is missing or may not be read\. Add the detector again\./);
  });

  test('that a pipe or a huge file is in the place of a file, and waits for neither', async () => {
    const { detect, folder, later } = await registered({ changed: { description: 'For a pipe.' } });
    const model = join(folder, 'model.onnx');
    await rm(model);
    execFileSync('mkfifo', [model]);
    await expect(detect()).rejects.toThrow(/model\.onnx is missing or may not be read\. Add the detector again\./);
    await rm(model);
    await writeFile(model, '');
    await truncate(model, 3_000_000_000); // occupies nothing
    await expect(detect()).rejects.toThrow('model.onnx was replaced by one of 3000000000 bytes. Add the detector again.');
    const sidecar = join(folder, 'detector.json');
    await truncate(sidecar, 10_000_000);
    later();
    await expect(detect()).rejects.toThrow('detector.json is not a file of at most 8,000,000 bytes. Add the detector again.');
    await rm(sidecar);
    execFileSync('mkfifo', [sidecar]);
    await expect(detect()).rejects.toThrow('detector.json is not a file of at most 8,000,000 bytes.');
  });

  test('which field of the sidecar is wrong', async () => {
    const { detect, folder } = await registered({ changed: { score_min: 7 } });
    await expect(detect()).rejects.toThrow('The detector onnx:colors: detector.json: score_min: expected a number from');
    await writeFile(join(folder, 'detector.json'), '{');
    await expect(detect()).rejects.toThrow('The detector onnx:colors: detector.json is not valid JSON');
  });
});

test('numbers that no detector returns cost the tile, with a sentence', async () => {
  const { detect } = await registered({ spoiled: Number.NaN });
  await expect(detect()).rejects.toMatchObject({
    name: 'AnswerError',
    message: expect.stringMatching(/^The model returned NaN/),
  });
});

describe('from a bucket', () => {
  /** A folder is a store with the same port. */
  async function bucket(names: string[], room = Number.POSITIVE_INFINITY) {
    const [folder, copies] = [await temporaryFolder(), await temporaryFolder()];
    for (const name of names) await registerDetector(folder, name);
    const store = fsBlobs(folder);
    const copied: string[] = [];
    const released: string[] = [];
    const blobs = {
      ...store,
      async materialize(key: string) {
        if (copied.length - released.length >= room) throw Object.assign(new Error('ENOSPC: write'), { code: 'ENOSPC' });
        copied.push(key);
        const file = await store.materialize(key);
        const path = join(copies, String(copied.length)); // as of an object in S3
        await copyFile(file.path, path);
        const release = async () => {
          released.push(key);
          await file.release();
        };
        return { ...file, path, release };
      },
    };
    return { copied, released, detectors: detectorsInBucket(blobs), folder };
  }

  test('a model is copied once, however many tiles want it at the same time, and detects', async () => {
    const { detectors, copied } = await bucket(['colors']);
    const vision = onnxVision({ detectors });
    const answers = await Promise.all([1, 2, 3].map(() => vision.detect(MODEL, TILE, EVERYTHING)));
    expect(answers.map(({ detections }) => detections.length)).toEqual([2, 2, 2]);
    expect(copied).toEqual(['models/colors/model.onnx']);
  });

  test('the temporary disk holds eight models: the one that was used longest ago is deleted', async () => {
    const names = Array.from({ length: 9 }, (_, index) => `model-${index}`);
    const { detectors, released } = await bucket(names);
    for (const name of names) await detectors.files(`onnx:${name}`);
    await expect.poll(() => released).toEqual(['models/model-0/model.onnx']);
  });

  test('on a full disk, a model gets the room of those that are copied as a whole', async () => {
    const { detectors, copied, released } = await bucket(['colors', 'other', 'third'], 2);
    for (const name of ['colors', 'other', 'third', 'colors']) {
      const answer = await onnxVision({ detectors }).detect(`onnx:${name}`, TILE, EVERYTHING);
      expect(answer.detections).toHaveLength(2);
    }
    const files = ['colors', 'other', 'third', 'colors'].map((name) => `models/${name}/model.onnx`);
    expect([copied, released]).toEqual([files, files.slice(0, 2)]);
  });

  test('on a disk that is full of other files, a model is a sentence, and is tried again later', async () => {
    const { detectors } = await bucket(['colors'], 0);
    for (const _ of [1, 2]) {
      await expect(onnxVision({ detectors }).detect(MODEL, TILE, EVERYTHING)).rejects.toMatchObject({
        name: 'TransientError',
        message: expect.stringMatching(
          /^The temporary disk has no room for the [\d,]+ bytes of the model onnx:colors\. Raise PipelineDiskMb, or/,
        ),
      });
    }
  });

  test('a model that was uploaded by mistake is replaced by the right one, without a new sidecar', async () => {
    const { detectors, copied, released, folder } = await bucket([]);
    await registerDetector(folder, 'mistaken', { metadata: { license: 'for no worker that has it already' } });
    const detect = () => onnxVision({ detectors }).detect('onnx:mistaken', TILE, EVERYTHING);
    const path = join(folder, 'models/mistaken/model.onnx');
    const right = await readFile(path);
    await writeFile(path, right.toReversed());
    await expect(detect()).rejects.toThrow(/is not the one that its detector\.json describes: its sha256 is/);
    expect(copied).toHaveLength(1); // not again for each tile
    await writeFile(path, right);
    expect((await detect()).detections).toHaveLength(2);
    expect([copied.length, released.length]).toEqual([2, 1]);
  });

  test('a model of another size is not copied', async () => {
    const { detectors, copied, folder } = await bucket(['colors']);
    await truncate(join(folder, 'models/colors/model.onnx'), 5_000_000_000); // occupies nothing
    await expect(detectors.files(MODEL)).rejects.toThrow(
      /^The file models\/colors\/model\.onnx of the bucket is not the one that its detector\.json describes: it has 5,000,000,000 bytes, not \d+,\d{3}\. Upload both again\.$/,
    );
    expect(copied).toEqual([]);
  });

  test('a UserError says what to upload', async () => {
    const { detectors, folder } = await bucket(['colors']);
    await expect(detectors.find('onnx:boats')).rejects.toThrow(
      'Upload model.onnx and detector.json of the detector to models/NAME/',
    );
    await rm(join(folder, 'models/colors/model.onnx'));
    await expect(detectors.files(MODEL)).rejects.toThrow(
      'The bucket has no models/colors/model.onnx. Upload the model beside its sidecar.',
    );
  });
});
