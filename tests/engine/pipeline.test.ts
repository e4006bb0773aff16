import { copyFileSync, mkdirSync, statSync, utimesSync } from 'node:fs';
import { copyFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { AnswerError, TransientError, UserError } from '../../pipeline/contract/errors.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import { EXPORT_FILES } from '../../pipeline/findings/exports/index.ts';
import type { Blobs, PipelineDeps } from '../../pipeline/ports.ts';
import { temporaryFolder } from '../support/folder.ts';
import { greyImage } from '../support/grey-image.ts';
import { runPipeline } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

const CHECKPOINT_BYTES_MAX = 20_000;

test('an image becomes findings, an overlay and a final progress', async () => {
  const vision = scriptedVision({
    detect: (tile, call) => (call === 0 ? [detectionOf('cat', [10, 10, tile.width / 2, 50])] : []),
  });
  const { progress, document, files, state } = await runPipeline(await greyImage(900, 700), vision);
  expect(state).toMatchObject({ state: 'succeeded' });
  expect(progress).toMatchObject({ status: 'SUCCEEDED', phase: 'done', findings: 1, reason: null });
  expect(progress.tiles).toEqual({ total: vision.detectCalls, done: vision.detectCalls, failed: 0, blank: 0, not_analyzed: 0 });
  expect(document?.usage).toEqual({ input_tokens: 10 * vision.detectCalls, output_tokens: vision.detectCalls, cost_usd: 0 });
  expect(document?.image).toMatchObject({ width: 900, height: 700, format: 'jpeg' });
  const ofExecution = files.filter((file) => !file.startsWith('blobs/index/') && !file.startsWith('blobs/calibration/'));
  expect(files.filter((file) => file.startsWith('blobs/calibration/'))).toEqual(['blobs/calibration/pace/test%3Aeyes.json']);
  expect(
    files
      .filter((file) => file.startsWith('blobs/index/'))
      .map((file) => file.replace(/\d{13}/, 'time'))
      .sort(),
  ).toEqual(['blobs/index/by-label/l-cat/time-run-1', 'blobs/index/by-time/time-run-1']);
  expect(ofExecution.sort()).toEqual(
    [
      ...EXPORT_FILES.map(({ storedAs }) => `exports/${storedAs.replace('{image}', 'grey')}`).sort(),
      'findings.json',
      'index.json',
      'looks/0.json',
      'merged.json',
      'overlay.jpg',
      'overview.jpg',
      'plan.json',
      'progress.json',
      'pyramid.szi',
      'report.html',
      'tiles/0.json',
    ].map((name) => `blobs/executions/run-1/${name}`),
  );
});

test('the operations are the tiles and at most 12 more, none over 20 KB a tile', async () => {
  const crowded = Array.from({ length: 400 }, (_, index) =>
    detectionOf('text', [index % 200, index % 150, 20, 9], { text: `line ${index}` }),
  );
  const { operations, document, files } = await runPipeline(await greyImage(900, 700), scriptedVision({ detect: () => crowded }));
  const tiles = operations.filter(({ Name }) => Name?.startsWith('tile-'));
  expect(tiles).toHaveLength(document?.tiles.total ?? 0);
  expect(operations.length - tiles.length).toBeLessThanOrEqual(12);
  for (const tile of tiles) expect(JSON.stringify(tile).length).toBeLessThan(CHECKPOINT_BYTES_MAX);
  expect(files.filter((name) => name.includes('/detections/')).length).toBeGreaterThan(20); // too many for a checkpoint
  expect(document?.findings.length).toBeGreaterThan(100);
});

test('tiles that fail permanently are reported with their box, and all remaining tiles are analyzed', async () => {
  const vision = scriptedVision({
    detect(_, call) {
      if (call % 3 === 0) throw new AnswerError('Expected a tile that can be seen, got fog. Send a clear image.');
      return [];
    },
  });
  const { progress, document } = await runPipeline(await greyImage(900, 700), vision);
  expect(progress.status).toBe('PARTIAL');
  expect(document?.tiles.failed).toHaveLength(Math.ceil(vision.detectCalls / 3));
  expect(document?.tiles.failed[0]).toMatchObject({
    box: [expect.any(Number), expect.any(Number), expect.any(Number), expect.any(Number)],
  });
  expect(document?.tiles.failed[0]?.reason).toContain('got fog');
  expect((document?.tiles.done ?? 0) + (document?.tiles.failed.length ?? 0)).toBe(document?.tiles.total);
  expect(progress.reason).toMatch(/^\d+ of \d+ tiles failed\. Reason of the first: Expected a tile/);
});

test('the error text of a library does not leave the pipeline', async () => {
  const vision = scriptedVision({
    detect() {
      throw new Error('secret-bucket exploded at /home/someone');
    },
  });
  const { progress, document } = await runPipeline(await greyImage(300, 300), vision);
  expect(progress.status).toBe('FAILED');
  expect(JSON.stringify({ progress, document })).not.toMatch(/secret-bucket|someone/);
});

test('a tile with a temporary failure is analyzed again', async () => {
  const vision = scriptedVision({
    detect(_, call) {
      if (call === 1) throw new TransientError('The model is busy.');
      return [];
    },
  });
  const { progress, document } = await runPipeline(await greyImage(300, 300), vision);
  expect(progress.status).toBe('SUCCEEDED');
  expect(vision.detectCalls).toBe((document?.tiles.total ?? 0) + 1);
});

test('a blocked image ends with category and score, and no tile is analyzed', async () => {
  const vision = scriptedVision({ moderate: () => ({ allowed: false, category: 'Porn', score: 0.93, usage: NO_USAGE }) });
  const { progress, state, files } = await runPipeline(await greyImage(900, 700), vision);
  expect(progress).toMatchObject({ status: 'BLOCKED', reason: expect.stringMatching(/Porn, score 0\.93/) });
  expect(state).toMatchObject({ state: 'succeeded' });
  expect(vision.detectCalls).toBe(0);
  expect(files).toEqual(['blobs/executions/run-1/progress.json']);
});

test('without a verdict there is no analysis', async () => {
  const vision = scriptedVision({
    moderate() {
      throw new Error('the judge is ill');
    },
  });
  const { progress, files } = await runPipeline(await greyImage(900, 700), vision);
  expect(progress).toMatchObject({ status: 'FAILED', reason: expect.not.stringContaining('ill') });
  expect(vision.detectCalls).toBe(0);
  expect(files).toEqual(['blobs/executions/run-1/progress.json']);
});

test('a truncated image fails with a sentence and leaves no other object', async () => {
  const path = join(await temporaryFolder(), 'cut.png');
  await sharp('examples/lawn.jpg').resize(600).png().toFile(path);
  await truncate(path, Math.round((await stat(path)).size / 2));
  const { progress, state, files } = await runPipeline(path, scriptedVision());
  const sentence = expect.stringContaining('data of the image is damaged or cut off');
  expect(progress).toMatchObject({ status: 'FAILED', reason: sentence });
  expect(state).toMatchObject({ state: 'failed', error: { type: 'UserError', message: sentence } });
  expect(files).toEqual(['blobs/executions/run-1/progress.json']);
});

async function whitePaper(mark: string): Promise<string> {
  const path = join(await temporaryFolder(), 'paper.png');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="800"><rect width="1000" height="800" fill="#fefefe"/>${mark}</svg>`;
  await sharp(Buffer.from(svg)).png().toFile(path);
  return path;
}

test('tiles of a single color are counted and not analyzed', async () => {
  const vision = scriptedVision();
  const { progress, document } = await runPipeline(await whitePaper(''), vision);
  expect(vision.detectCalls).toBe(0);
  expect(progress).toMatchObject({ status: 'SUCCEEDED', tiles: { done: 0, failed: 0, blank: document?.tiles.total } });
});

test('a tile with the faintest mark that JPEG preserves is analyzed', async () => {
  const mark = '<rect x="700" y="500" width="6" height="1" fill="#f0f0f0"/>';
  const vision = scriptedVision();
  const { document } = await runPipeline(await whitePaper(mark), vision);
  expect(document?.tiles.done).toBe(vision.detectCalls);
  expect(vision.detectCalls).toBeGreaterThanOrEqual(1);
  expect(document?.tiles.blank).toBeGreaterThan(10);
});

test('blank tiles are analyzed on request', async () => {
  const vision = scriptedVision();
  const { document } = await runPipeline(await whitePaper(''), vision, { skip_blank: false });
  expect(document?.tiles).toMatchObject({ done: vision.detectCalls, blank: 0 });
  expect(vision.detectCalls).toBe(document?.tiles.total);
});

/** Records every read in `reads`. */
function countingReads(blobs: Blobs, reads: string[]): Blobs {
  const counted =
    <Args extends [string, ...unknown[]], T>(name: string, read: (...args: Args) => Promise<T>) =>
    (...args: Args) => {
      reads.push(`${name} ${args[0]}`);
      return read(...args);
    };
  return {
    ...blobs,
    head: counted('head', blobs.head),
    get: counted('get', blobs.get),
    getRange: counted('range', blobs.getRange),
    materialize: counted('materialize', blobs.materialize),
  };
}

/** When the upload was stored: its version follows from that. */
const SENT_S = 1;

test('an uploaded image of more than 529 tiles costs far fewer object reads than tiles', async () => {
  const reads: string[] = [];
  const around = (deps: PipelineDeps) => ({
    ...deps,
    blobs: countingReads(deps.blobs, reads),
    limits: { ...deps.limits, progressEveryMs: 2_000 }, // as on AWS
  });
  const image = await greyImage(2_000, 2_000);
  const putThenRun = (deps: PipelineDeps) => {
    const uploads = join(deps.scratchFolder, '..', 'blobs', 'uploads');
    mkdirSync(uploads, { recursive: true });
    copyFileSync(image, join(uploads, 'u1'));
    utimesSync(join(uploads, 'u1'), SENT_S, SENT_S);
    return around(deps);
  };
  const version = `${(SENT_S * 1e9).toString(36)}-${statSync(image).size.toString(36)}`;
  const request = { image: { source: { kind: 'blob', key: 'uploads/u1' }, uri: 'upload://u1', version } } as const;
  const vision = scriptedVision();
  const { document } = await runPipeline(
    image,
    vision,
    { detail: 'fine', tile_size: 128, overlap: 32 },
    { around: putThenRun, request },
  );
  expect(document?.tiles.done).toBe(vision.detectCalls);
  expect(vision.detectCalls).toBeGreaterThan(529);
  // Read from time to time: whether the execution was cancelled, and, before each write of its progress, whether its end is stored.
  const fromTimeToTime = /\/(cancel|progress)\.json$/;
  const others = reads.filter((read) => !read.startsWith('range') && !fromTimeToTime.test(read));
  expect(others).toEqual([
    'materialize uploads/u1',
    'get executions/run-1/tiles/0.json', // events that an earlier process may have published
    'head executions/run-1/pyramid.szi',
    'get executions/run-1/looks/0.json',
    'get executions/run-1/merged.json',
    'get executions/run-1/merged.json',
    'get executions/run-1/overview.jpg',
  ]);
  expect(reads.length).toBeLessThan(vision.detectCalls / 2);
});

test('a remote image is downloaded once, and analyzed like any other image', async () => {
  const image = await greyImage(300, 300);
  const asked: string[] = [];
  const around = (deps: PipelineDeps): PipelineDeps => ({
    ...deps,
    imageDownloads: {
      async download(url, path) {
        asked.push(url);
        if (asked.length === 1) throw new TransientError('Expected an answer, got none. Try again.');
        await copyFile(image, path);
      },
    },
  });
  const url = 'https://images.example.org/grey.jpg';
  const request = { image: { source: { kind: 'url', url }, uri: url, version: url } } as const;
  const { document, progress, files } = await runPipeline('', scriptedVision(), {}, { around, request });
  expect(asked).toEqual([url, url]);
  expect(progress.status).toBe('SUCCEEDED');
  expect(document?.image).toMatchObject({ uri: url, width: 300, height: 300 });
  expect(files.filter((file) => file.startsWith('scratch'))).toEqual([]);
});

test('a remote image that may not be downloaded fails the analysis with that sentence', async () => {
  const refusal = 'Expected an image on an allowed host, got another. Upload it instead.';
  const around = (deps: PipelineDeps): PipelineDeps => ({
    ...deps,
    imageDownloads: { download: () => Promise.reject(new UserError(refusal)) },
  });
  const request = {
    image: { source: { kind: 'url', url: 'https://x.example/a' }, uri: 'https://x.example/a', version: '1' },
  } as const;
  const { progress, files } = await runPipeline('', scriptedVision(), {}, { around, request });
  expect(progress).toMatchObject({ status: 'FAILED', reason: refusal });
  expect(files).toEqual(['blobs/executions/run-1/progress.json']);
});
