import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { analyzeImage } from '../../mcp-server/tools/analyze-image.ts';
import { readConfig, viewPolicy } from '../../pipeline/config.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import type { Box, Finding } from '../../pipeline/contract/schemas.ts';
import { storedBox } from '../../pipeline/imaging/views/stored-view.ts';
import type { StoredPlan } from '../../pipeline/planning/stored-plan.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import { drawImage, isRed, pyramidOf } from '../support/drawn.ts';
import { temporaryFolder } from '../support/folder.ts';
import { CLIENTS, connected, type TestClient, textOf } from '../support/mcp-clients.ts';
import { requestFor } from '../support/pipeline-run.ts';
import { type TestServer, testServer } from '../support/server.ts';

const SIZE = { width: 3_000, height: 2_000 };
const SQUARE: Box = [1_900, 1_200, 200, 200];

const finding: Finding = {
  id: 'f1',
  label: 'red square',
  description: '',
  score: 0.9,
  severity: 'info',
  box: SQUARE,
  text: null,
  level: 0,
  tiles: [0],
  verified: null,
};

/** A server with one ended execution, whose image is gray with a red square. */
async function ended(kind: (typeof CLIENTS)[number] = CLIENTS[0]) {
  const path = join(await temporaryFolder(), 'image.png');
  await drawImage(path, SIZE.width, SIZE.height, { left: SQUARE[0], top: SQUARE[1], edge: SQUARE[2] });
  const { blobs, plan } = await pyramidOf(path);
  const server = await testServer({ script: async (run) => void (await run.end([finding])) });
  const client = await connected(kind, server);
  await writeFile(join(server.folder, 'image.png'), 'pixels');
  const image = pathToFileURL(join(server.folder, 'image.png')).href;
  const { execution_id } = await client.call('analyze_image', { image }, analyzeImage.output);
  const { path: szi } = await blobs.materialize('pyramid.szi');
  const stored: StoredPlan = { request: requestFor(path), plan, format: 'png', pyramid_of: execution_id };
  await server.blobs.put(keys.plan(execution_id), Buffer.from(JSON.stringify(stored)));
  await server.blobs.putFile(keys.pyramid(execution_id), szi);
  return { server, client, execution_id, plan };
}

async function view(client: TestClient, args: Record<string, unknown>) {
  const result = await client.callTool('view_region', args);
  const image = result.content.find((part) => part.type === 'image');
  if (!image) throw new Error(textOf(result));
  expect(image.mimeType).toBe('image/jpeg');
  const { data, info } = await sharp(Buffer.from(image.data, 'base64')).raw().toBuffer({ resolveWithObject: true });
  const redAt = (x: number, y: number) => isRed(data, info.width, Math.round(x), Math.round(y));
  return { ...info, data, redAt, words: textOf(result), structured: result.structuredContent };
}

describe.each(CLIENTS)('for a client %s,', (kind) => {
  test('a finding is returned as an image, with some context around it', async () => {
    const { client, execution_id } = await ended(kind);
    const { width, height, redAt, words, structured } = await view(client, { execution_id, finding_id: 'f1' });
    expect([width, height]).toEqual([400, 400]);
    expect([redAt(90, 200), redAt(110, 200), redAt(290, 290), redAt(310, 310)]).toEqual([false, true, true, false]);
    expect(words).toContain(
      'Box [1800, 1100, 400, 400] of the full image (3000 x 2000 pixels), shown in 400 x 400 pixels at scale 1',
    );
    expect(structured).toBeUndefined();
  });
});

test('a box larger than max_px is scaled down, and the text states the scale', async () => {
  const { client, execution_id } = await ended();
  const { width, height, redAt, words } = await view(client, { execution_id, box: [0, 0, 3_000, 2_000], max_px: 60_000 });
  expect([width, height]).toEqual([300, 200]);
  expect([redAt(185, 130), redAt(200, 130)]).toEqual([false, true]);
  expect(words).toContain('scale 0.1');
  expect((await view(client, { execution_id, box: [0, 0, 3_000, 2_000] })).width * 1).toBeLessThanOrEqual(1_225);
});

test.each([
  [640, 512, 40_000],
  [2_999, 3, 10_000],
  [1, 1_999, 10_000],
  [1_001, 999, 1_000_000],
])('a box of %i x %i never has more than %i pixels in the answer', async (width, height, max_px) => {
  const { client, execution_id } = await ended();
  const shown = await view(client, { execution_id, box: [0, 0, width, height], max_px });
  expect(shown.width * shown.height).toBeLessThanOrEqual(max_px);
  expect(shown.width * shown.height).toBeGreaterThan(Math.min(max_px, width * height) * 0.6);
});

test('without a box, the whole image is shown, as large as most models see it', async () => {
  const { client, execution_id } = await ended();
  const { width, height, redAt, words } = await view(client, { execution_id });
  expect([width, height]).toEqual([1_224, 816]);
  expect([redAt(2_000 * 0.408, 1_300 * 0.408), redAt(100, 100)]).toEqual([true, false]);
  expect(words).toMatch(/scale 0\.408: full-image x = 0 \+ x \/ 0\.408, .* For full resolution, send a smaller box\.$/);
  const panorama = await view(client, { execution_id, box: [0, 1_200, 3_000, 100] });
  expect(panorama.width).toBe(1_560); // the largest below 1,568 whose height is whole
  expect((await view(client, { execution_id, box: [0, 1_200, 3_000, 100], max_px: 1_000_000 })).width).toBe(3_000);
});

test.each([
  [0, [150, 50]],
  [90, [350, 150]],
  [180, [250, 350]],
  [270, [50, 250]],
] as const)('turned by %i degrees, the words lead back to the full image', async (turn, [x, y]) => {
  const { client, execution_id } = await ended();
  // The square's upper left quarter lies at [150, 50] of this box, and [100, 0] is its corner.
  const { redAt, words, ...size } = await view(client, { execution_id, box: [1_800, 1_200, 400, 400], turn });
  expect([size.width, size.height]).toEqual([400, 400]);
  expect(redAt(x, y)).toBe(true);
  const [, ofX = '', ofY = ''] = /full-image x = (.+), y = (.+?)\.(?: |$)/.exec(words) ?? [];
  const value = (formula: string) => {
    const [, start, sign, axis, scale] = /^(\d+) ([+-]) ([xy]) \/ ([\d.]+)$/.exec(formula) ?? [];
    return Number(start) + ((sign === '+' ? 1 : -1) * (axis === 'x' ? x : y)) / Number(scale);
  };
  expect([value(ofX), value(ofY)]).toEqual([1_950, 1_250]);
});

test('several boxes are shown side by side, each with its number, place and scale', async () => {
  const { client, execution_id } = await ended();
  const boxes = [
    [1_900, 1_200, 200, 200],
    [0, 0, 200, 100],
    [1_850, 1_150, 300, 300],
  ];
  const { width, height, redAt, words } = await view(client, { execution_id, boxes });
  expect(words).toMatch(/^3 boxes of the full image \(3000 x 2000 pixels\), shown side by side in \d+ x \d+ pixels\./);
  expect(width * height).toBeLessThanOrEqual(1_000_000);
  const places = [...words.matchAll(/at scale (\S+), in \[(\d+), (\d+), (\d+), (\d+)\]/g)].map((match) =>
    match.slice(1).map(Number),
  );
  expect(places.map(([scale, , , panelWidth, panelHeight]) => [scale, panelWidth, panelHeight])).toEqual([
    [1, 200, 200],
    [1, 200, 100],
    [1, 300, 300],
  ]);
  const middles = places.map(([, left = 0, top = 0, panelWidth = 0, panelHeight = 0]) =>
    redAt(left + panelWidth / 2, top + panelHeight / 2),
  );
  expect(middles).toEqual([true, false, true]);
});

test('a grid has the coordinates of the full image', async () => {
  const { client, execution_id } = await ended();
  const args = { execution_id, box: [1_000, 1_000, 800, 800] };
  const plain = await view(client, args);
  const grid = await view(client, { ...args, grid: true });
  const grayAt = ({ data, width }: typeof plain, x: number, y: number) => data[(y * width + x) * 3] ?? -1;
  // Lines every 100 px; between them, the image is as it is.
  expect([1, 2, 7].map((line) => grayAt(grid, line * 100, 350))).toEqual(
    [1, 2, 7].map(() => expect.toSatisfy((gray) => gray < 110)),
  );
  expect(grayAt(grid, 150, 350)).toBe(grayAt(plain, 150, 350));
});

test('faint contrast is stretched on request', async () => {
  const server = await testServer();
  const client = await connected(CLIENTS[0], server);
  const light = await sharp({ create: { width: 150, height: 200, channels: 3, background: '#888888' } })
    .png()
    .toBuffer();
  await sharp({ create: { width: 300, height: 200, channels: 3, background: '#787878' } })
    .composite([{ input: light, left: 150, top: 0 }])
    .toFile(join(server.folder, 'faint.png'));
  const image = pathToFileURL(join(server.folder, 'faint.png')).href;
  const halves = ({ data, width }: { data: Buffer; width: number }) => [50, 250].map((x) => data[(100 * width + x) * 3] ?? -1);
  const [dark = 0, bright = 0] = halves(await view(client, { image }));
  expect(bright - dark).toBe(16);
  const [darkest = 0, brightest = 0] = halves(await view(client, { image, contrast: true }));
  expect(brightest - darkest).toBeGreaterThan(200); // 16 before
});

test('boxes and ids are drawn on request, and only then', async () => {
  const { client, execution_id } = await ended();
  const args = { execution_id, box: [1_700, 1_000, 600, 600] };
  const plain = await view(client, args);
  const drawn = await view(client, { ...args, draw_boxes: true });
  const greyAt = ({ data, width }: typeof plain, x: number, y: number) =>
    [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)].every((channel) => Math.abs(channel - 128) < 12);
  const letters = Array.from({ length: 60 }, (_, index) => [210 + index, 190] as const); // above the square's upper edge at 200
  expect(letters.every(([x, y]) => greyAt(plain, x, y))).toBe(true);
  expect(letters.some(([x, y]) => !greyAt(drawn, x, y))).toBe(true);
  expect(greyAt(drawn, 30, 30)).toBe(true);
});

test.each<[string, (id: string) => Record<string, unknown>, RegExp]>([
  ['neither an execution nor an image', () => ({ box: [0, 0, 9, 9] }), /^Send execution_id or image: one of them is needed\.$/],
  [
    'both an execution and an image',
    (execution_id) => ({ execution_id, image: 'file:///a.png' }),
    /^Send either execution_id or image, not both\.$/,
  ],
  [
    'a page of an execution',
    (execution_id) => ({ execution_id, page: 2 }),
    /^page and bands belong to image\. Leave them out with execution_id\.$/,
  ],
  [
    'both a finding and a box',
    (execution_id) => ({ execution_id, finding_id: 'f1', box: [0, 0, 9, 9] }),
    /^Send only one of finding_id, box and boxes\.$/,
  ],
  [
    'an unknown finding',
    (execution_id) => ({ execution_id, finding_id: 'f7' }),
    /^This execution has no finding f7\. Its findings are f1 to f1; list_findings lists them\.$/,
  ],
  [
    'a box outside',
    (execution_id) => ({ execution_id, box: [4_000, 0, 9, 9] }),
    /^The box \[4000, 0, 9, 9\] lies outside the image of 3000 x 2000 pixels\./,
  ],
  ['an unknown execution', () => ({ execution_id: 'nobody', box: [0, 0, 9, 9] }), /^This server has no execution nobody\./],
  ['too many pixels', (execution_id) => ({ execution_id, box: [0, 0, 9, 9], max_px: 9_000_000 }), /max_px/],
])('%s is refused with a sentence', async (_, args, sentence) => {
  const { client, execution_id } = await ended();
  expect(await client.refusal('view_region', args(execution_id))).toMatch(sentence);
});

test('tiles that were deleted or damaged by hand are named', async () => {
  const { server, client, execution_id } = await ended();
  const sentence = `The stored tiles ${keys.pyramid(execution_id)} are damaged or were deleted. Delete the execution, and analyze the image again.`;
  const file = join(server.blobsFolder, keys.pyramid(execution_id));
  const ways = [() => writeFile(file, 'no archive'), () => writeFile(file, ''), () => rm(file), () => mkdir(file)];
  for (const damage of ways) {
    await damage();
    expect(await client.refusal('view_region', { execution_id, box: [0, 0, 9, 9] })).toBe(sentence);
  }
});

test('an image that is not cut yet is refused, with the call to wait', async () => {
  const server: TestServer = await testServer({ script: async (run) => run.progress.phase('tile') });
  const client = await connected(CLIENTS[0], server);
  await writeFile(join(server.folder, 'image.png'), 'pixels');
  const image = pathToFileURL(join(server.folder, 'image.png')).href;
  const { execution_id } = await client.call('analyze_image', { image }, analyzeImage.output);
  expect(await client.refusal('view_region', { execution_id, box: [0, 0, 9, 9] })).toMatch(
    /^The image of execution \S+ is not cut into tiles yet: it is in phase \w+\. Call get_execution/,
  );
});

test('an image that moderation blocks is not viewed, and its reason is given', async () => {
  const verdict = { category: 'Porn', score: 0.9, usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0 } };
  const views = { moderated: true, edgePxFor: () => 1_568 };
  const server = await testServer({ views, script: async (run) => await run.progress.block(verdict) });
  const client = await connected(CLIENTS[0], server);
  await drawImage(join(server.folder, 'image.png'), 300, 200, { left: 10, top: 10, edge: 20 });
  const image = pathToFileURL(join(server.folder, 'image.png')).href;
  const sentence = 'The image was blocked by moderation: Porn, score 0.90. It was not analyzed.';
  expect(await client.refusal('view_region', { image })).toBe(sentence);
  expect(server.launcher.runs.map(({ request }) => [request.purpose, request.models.moderation])).toEqual([
    ['look', 'onnx:nsfw'],
  ]);
});

test.each([
  ['1568,tes=3000', 1_732], // within the 2,000,000 pixels of an answer
  ['1024,other=3000', 800],
])('with VIEW_EDGE_PX %s, the model behind the client sees its views as large as it can', async (VIEW_EDGE_PX, width) => {
  const server = await testServer({ views: viewPolicy(readConfig({ VIEW_EDGE_PX })) });
  const client = await connected(CLIENTS[0], server);
  await drawImage(join(server.folder, 'image.png'), 3_000, 2_000, { left: 10, top: 10, edge: 20 });
  const shown = await view(client, { image: pathToFileURL(join(server.folder, 'image.png')).href });
  expect(Math.abs(shown.width - width)).toBeLessThanOrEqual(2);
});

test('any view of an image with the detail of a photograph costs a handful of ranged reads', async () => {
  const path = join(await temporaryFolder(), 'noise.jpg');
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
  const size = { width: 5_000, height: 4_000 };
  await sharp({ create: { width: size.width / 2, height: size.height / 2, channels: 3, background: '#777777', noise } })
    .resize(size.width, size.height)
    .jpeg()
    .toFile(path);
  const { blobs, plan } = await pyramidOf(path, { tile_size: 640, overlap: 160 });
  const { path: szi } = await blobs.materialize('pyramid.szi');
  await blobs.putFile(keys.pyramid('e1'), szi);
  const boxes: Box[] = [
    [0, 0, size.width, size.height],
    [1_000, 500, 1_000, 1_000],
    [3_333, 1_777, 1_400, 700],
    [2_000, 2_000, 50, 50],
  ];
  for (const box of boxes) {
    let reads = 0;
    const getRange: Blobs['getRange'] = (...range) => {
      reads++;
      return blobs.getRange(...range);
    };
    await storedBox('e1', plan, box, 1_000_000, { ...blobs, getRange }); // as a process of its own
    expect(reads).toBeLessThanOrEqual(6);
  }
});
