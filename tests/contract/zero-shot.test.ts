// Zero-shot detectors: words of a request in, boxes out. The tests of the library run where it is installed: `npm ci` leaves it out, because
// it brings 170 MB. `npm install --no-save --save-prod @huggingface/transformers@4.3.2` adds it.
import dns from 'node:dns';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import net from 'node:net';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test, vi } from 'vitest';
import { at } from '../../pipeline/contract/at.ts';
import type { Jpeg } from '../../pipeline/ports.ts';
import { detectorsInBucket, detectorsInFolder } from '../../pipeline/vision/registered-detectors.ts';
import type { GroundingParts } from '../../pipeline/vision/zero-shot/grounding-dino.ts';
import { hfVision } from '../../pipeline/vision/zero-shot/hf-vision.ts';
import { requirePackage } from '../../pipeline/vision/zero-shot/package.ts';
import { type Library, zeroShotRunner } from '../../pipeline/vision/zero-shot/run-zero-shot.ts';
import { temporaryFolder } from '../support/folder.ts';
import { SCORE, writeZeroShot, writeZeroShotFiles } from '../support/zero-shot-files.ts';

const KINDS = ['owlvit', 'owlv2', 'grounding-dino'] as const;
const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const RED = { left: 40, top: 30, width: 60, height: 50 };
const BLUE = { left: 200, top: 60, width: 70, height: 80 };
/** The score 0.731 on the scale of the merge, where `least` becomes 0.4. */
const merged = (least: number) => 0.4 + ((SCORE - least) * 0.6) / (1 - least);

async function tile(width = 300, height = 160): Promise<Jpeg> {
  const color = (rgb: string, { left, top, width, height }: typeof RED) => ({
    input: { create: { width, height, channels: 3 as const, background: rgb } },
    left,
    top,
  });
  const bytes = await sharp({ create: { width, height, channels: 3, background: '#888' } })
    .composite([color('#f00', RED), color('#00f', BLUE)])
    .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
    .toBuffer();
  return { bytes, width, height };
}

const never = (): never => {
  throw new Error('The library calls this itself.');
};
const NO_PARTS: GroundingParts = {
  tokenizer: never,
  processor: { image_processor: Object.assign(never, { size: null }) },
  model: never,
};

/** A library whose model reports `found` for any image. */
function library(found: unknown, calls: unknown[][] = [], parts: GroundingParts = NO_PARTS): Library {
  const detector = async (...args: unknown[]) => {
    calls.push(args);
    return found;
  };
  return {
    env: { allowRemoteModels: true, useFSCache: true },
    RawImage: class {
      readonly sizes: number[];
      constructor(...[, ...sizes]: [Uint8Array, number, number, number]) {
        this.sizes = sizes;
      }
    },
    pipeline: async () => Object.assign(detector, { dispose: async () => {}, ...parts }),
  };
}

const FILE = { folder: '/nowhere', version: 'a', words: ['red', 'blue'] };
const found = (label: string, score: number, edges: [number, number, number, number]) => {
  const [xmin, ymin, xmax, ymax] = edges;
  return { label, score, box: { xmin, ymin, xmax, ymax } };
};

describe('an answer of the library', () => {
  test('becomes detections on the scale of the merge, in pixels of the tile, without repetitions', async () => {
    const calls: unknown[][] = [];
    const answer = [
      found('blue', 0.1, [0.5, 0.5, 1.2, 1]),
      found('red', 0.55, [0, 0, 0.5, 0.5]),
      found('red', 0.5, [0, 0, 0.5, 0.52]),
    ];
    const loaded = library(answer, calls);
    const detections = await zeroShotRunner('cpu', async () => loaded)({ ...FILE, kind: 'owlvit' }, await tile(), 0.4);
    expect(detections).toMatchObject([
      { label: 'red', score: 0.7, box: [0, 0, 150, 80] },
      { label: 'blue', score: 0.4, box: [150, 80, 150, 80] },
    ]);
    expect(calls).toEqual([[{ sizes: [300, 160, 3] }, FILE.words, { threshold: 0.1, percentage: true }]]);
    expect(loaded.env).toEqual({ allowRemoteModels: false, useFSCache: false });
  });

  test('is of the padded square for OWLv2, and a lower min_score reaches it', async () => {
    const calls: unknown[][] = [];
    const run = zeroShotRunner('cpu', async () => library([found('red', 0.55, [0, 0, 0.5, 0.5])], calls));
    expect(await run({ ...FILE, kind: 'owlv2' }, await tile(), 0.2)).toMatchObject([{ box: [0, 0, 150, 150] }]);
    expect(calls).toEqual([[{ sizes: [300, 300, 3] }, FILE.words, { threshold: expect.closeTo(0.05, 9), percentage: true }]]);
  });

  test('without numbers fails the tile with a sentence', async () => {
    const run = zeroShotRunner('cpu', async () => library([found('red', 0.5, [0, 0, Number.NaN, 1])]));
    await expect(run({ ...FILE, kind: 'owlvit' }, await tile(), 0.4)).rejects.toMatchObject({
      name: 'AnswerError',
      message: 'The zero-shot model returned a score or a box without a number.',
    });
  });
});

test('a missing package is a sentence that says how to add it, at the start and in a worker', async () => {
  const missing = (code: string) => (): never => {
    throw Object.assign(new Error('Cannot find package'), { code });
  };
  expect(() => requirePackage(missing('MODULE_NOT_FOUND'))).toThrow(
    'hf: models need the package @huggingface/transformers, which is not installed. Add it with `npm install',
  );
  expect(() => requirePackage(missing('EACCES'))).toThrow('Cannot find package');
  const run = zeroShotRunner('cpu', async () => missing('ERR_MODULE_NOT_FOUND')());
  await expect(run({ ...FILE, kind: 'owlvit' }, await tile(), 0.4)).rejects.toMatchObject({
    name: 'UserError',
    message:
      'hf: models need the package @huggingface/transformers, which is not installed. Add it with `npm install --no-save --save-prod @huggingface/transformers@4.3.2`, then start again.',
  });
});

describe('a folder', () => {
  test('states the input of its model, and is another version when a file changes', async () => {
    const home = await temporaryFolder();
    const folder = await writeZeroShot(home, 'tiny', 'owlv2');
    const detectors = detectorsInFolder(home);
    const before = await detectors.find('hf:tiny');
    expect(before).toEqual({
      labels: null,
      input: { width: 320, height: 256 },
      version: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(await detectors.find('hf:tiny')).toEqual(before);
    await writeFile(join(folder, 'onnx', 'model.onnx'), 'x');
    expect((await detectors.find('hf:tiny')).version).not.toBe(before.version);
  });

  test.each([
    [
      'hf:blind',
      'is not there as a whole. Put these files into hf/blind below TILESIGHT_HOME: config.json, preprocessor_config.json,',
    ],
    ['hf:tiny', 'is not there as a whole. Put these files into hf/tiny below TILESIGHT_HOME: tokenizer.json.'],
    ['hf:detr', 'cannot be used: its config.json lacks what is needed. Expected model_type owlvit, owlv2, or grounding-dino.'],
    ['hf:../tiny', 'cannot exist. Name a folder of hf/NAME below TILESIGHT_HOME in lower-case letters'],
    ['hf:/etc', 'cannot exist.'],
    ['hf:owner/tiny', 'cannot exist.'],
    ['hf:owner/tiny@main', 'cannot exist.'],
    [`hf:owner/..@${COMMIT}`, 'cannot exist.'],
    [`hf:owner/a--b@${COMMIT}`, 'cannot exist.'],
    [`hf:../owner/tiny@${COMMIT}`, 'cannot exist.'],
  ])('%s is refused with a sentence', async (model, sentence) => {
    const home = await temporaryFolder();
    await rm(join(await writeZeroShot(home, 'tiny', 'owlvit'), 'tokenizer.json'));
    await writeZeroShot(home, 'detr', 'detr');
    await expect(detectorsInFolder(home).find(model)).rejects.toThrow(`The model ${model} ${sentence}`);
  });

  test('may be that of a commit in the cache of the hub, which holds links', async () => {
    const hubCache = await temporaryFolder();
    const model = `hf:Owner/Tiny.Owl@${COMMIT}`;
    const snapshot = join(hubCache, 'models--Owner--Tiny.Owl', 'snapshots', COMMIT);
    await writeZeroShotFiles(snapshot, 'grounding-dino');
    const blob = join(hubCache, 'models--Owner--Tiny.Owl', 'blobs', 'a1');
    await mkdir(dirname(blob));
    await rename(join(snapshot, 'tokenizer.json'), blob);
    await symlink('../../blobs/a1', join(snapshot, 'tokenizer.json'));
    const detectors = detectorsInFolder(await temporaryFolder(), { hubCache });
    expect(await detectors.zeroShot(model)).toMatchObject({
      kind: 'grounding-dino',
      folder: snapshot,
      input: { width: 256, height: 256 },
    });
    await rm(blob);
    await expect(detectors.find(model)).rejects.toThrow(
      `The model ${model} is not there as a whole. Fetch what is missing into the cache ${hubCache} (HF_HUB_CACHE): \`hf download Owner/Tiny.Owl tokenizer.json --revision ${COMMIT}\`.`,
    );
  });

  test('is not read on AWS', async () => {
    const nothing = async () => null;
    const detectors = detectorsInBucket({ get: nothing, head: nothing, materialize: () => Promise.reject(new Error('none')) });
    await expect(detectors.find('hf:tiny')).rejects.toThrow('The model hf:tiny cannot run on AWS');
  });
});

const isInstalled = (() => {
  try {
    return createRequire(import.meta.url).resolve('@huggingface/transformers') !== '';
  } catch {
    return false;
  }
})();

describe.skipIf(!isInstalled)('the library, if it is installed,', () => {
  test.each(KINDS)(
    'finds what words name with %s, in pixels of a tile that is not square, without a connection',
    async (kind) => {
      const home = await temporaryFolder();
      const folder = await writeZeroShot(home, 'tiny', kind);
      const connections = [vi.spyOn(net.Socket.prototype, 'connect'), vi.spyOn(dns, 'lookup'), vi.spyOn(globalThis, 'fetch')];
      const words = ['Blue square', 'red square', 'zebra'];
      const size = kind === 'grounding-dino' ? [640, 512] : [300, 160]; // its test model has an input of 320 x 256 px for it
      const detections = await zeroShotRunner()({ folder, version: kind, kind, words }, await tile(...size), 0.4);
      for (const spy of connections) expect(spy).not.toHaveBeenCalled();
      expect(detections.map(({ label }) => label).sort()).toEqual(['Blue square', 'red square']);
      for (const { label, score, box } of detections) {
        expect(score).toBeCloseTo(merged(kind === 'grounding-dino' ? 0.35 : 0.1), 2);
        const { left, top, width, height } = label === 'red square' ? RED : BLUE;
        for (const [index, edge] of [left, top, width, height].entries()) {
          expect(Math.abs(at(box, index) - edge)).toBeLessThanOrEqual(1);
        }
      }
    },
  );

  test('runs in a model worker, and its errors are sentences', async () => {
    const home = await temporaryFolder();
    const folder = await writeZeroShot(home, 'tiny', 'owlvit');
    const vision = hfVision(detectorsInFolder(home));
    const ask = { look_for: 'Find all red squares and the blue square.', labels: [] };
    const { detections, notes } = await vision.detect('hf:tiny', await tile(), ask);
    expect(detections.map(({ label }) => label).sort()).toEqual(['blue square', 'red squares']);
    expect(notes).toEqual(['hf:tiny searches for words, not sentences: from look_for it used "red squares", "blue square".']);
    await writeFile(join(folder, 'onnx', 'model.onnx'), 'no model');
    await expect(vision.detect('hf:tiny', await tile(), ask)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(/^The files of the zero-shot model cannot be loaded: .+\. Copy the model again\.$/),
    });
  });
});

test('without words, nothing runs, and a note says what to name', async () => {
  const home = await temporaryFolder();
  await writeZeroShot(home, 'tiny', 'owlvit');
  const answer = await hfVision(detectorsInFolder(home)).detect('hf:tiny', await tile(), { look_for: null, labels: [] });
  expect(answer.detections).toEqual([]);
  expect(answer.notes).toEqual([
    expect.stringMatching(/^hf:tiny detects only what labels or look_for name, so it reports nothing\./),
  ]);
});
