// Views of images without an analysis, by a served deployment: decoded at first, from stored tiles afterwards.
import { readdirSync, readFileSync } from 'node:fs';
import { stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import sharp from 'sharp';
import { expect, test, vi } from 'vitest';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { silent } from '../fixtures/engine-harness.ts';
import { decoderProcesses } from '../support/decoder-processes.ts';
import { drawImage, isRed } from '../support/drawn.ts';
import { temporaryFolder } from '../support/folder.ts';
import { servedClient } from '../support/served-client.ts';
import { tiff } from '../support/tiff-writer.ts';

const SQUARE = { left: 1_900, top: 1_200, edge: 200 };
const SET_S = 1_700_000_000;
const BOX = [1_800, 1_100, 400, 400];

interface View {
  words: string;
  redAt(x: number, y: number): boolean;
  width: number;
  height: number;
}

async function viewed(client: Client, args: Record<string, unknown>): Promise<View> {
  const { content, isError } = await client.callTool({ name: 'view_region', arguments: args });
  const [image, text] = content;
  if (isError || image?.type !== 'image' || text?.type !== 'text') throw new Error(JSON.stringify(content));
  const { data, info } = await sharp(Buffer.from(image.data, 'base64')).raw().toBuffer({ resolveWithObject: true });
  return {
    words: text.text,
    redAt: (x, y) => isRed(data, info.width, x, y),
    width: info.width,
    height: info.height,
  };
}

async function refused(client: Client, args: Record<string, unknown>): Promise<string> {
  const { content, isError } = await client.callTool({ name: 'view_region', arguments: args });
  const [text] = content;
  if (!isError || text?.type !== 'text') throw new Error('Expected a refusal.');
  return text.text;
}

/** The executions that list_findings lists. */
async function listed(client: Client): Promise<unknown> {
  const { structuredContent } = await client.callTool({ name: 'list_findings', arguments: {} });
  return structuredContent;
}

test('an image is viewed at once, in part and whole, and is no listed execution', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'sheet.png');
  await drawImage(path, 3_000, 2_000, SQUARE);
  const client = await servedClient([folder]);
  const image = pathToFileURL(path).href;
  const first = await viewed(client, { image, box: BOX });
  expect(first.words).toBe(
    'Box [1800, 1100, 400, 400] of the full image (3000 x 2000 pixels), shown in 400 x 400 pixels at scale 1: ' +
      'full-image x = 1800 + x / 1, y = 1100 + y / 1.',
  );
  expect([first.redAt(90, 200), first.redAt(110, 200), first.redAt(290, 290), first.redAt(310, 310)]).toEqual([
    false,
    true,
    true,
    false,
  ]);
  const whole = await viewed(client, { image });
  expect([whole.width, whole.height]).toEqual([1_224, 816]);
  const again = await viewed(client, { image, box: BOX });
  expect(again.words).toBe(first.words);
  expect(await listed(client)).toMatchObject({ executions: [] });
});

test('views of an image that was cut into tiles read its tiles', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'sheet.png');
  await drawImage(path, 3_000, 2_000, SQUARE);
  await utimes(path, SET_S, SET_S);
  const dataFolder = await temporaryFolder();
  const client = await servedClient([folder], {}, dataFolder);
  const image = pathToFileURL(path).href;
  const first = await viewed(client, { image, box: BOX });
  const stored = () => readdirSync(join(dataFolder, 'blobs/executions'), { recursive: true }).map(String);
  await vi.waitFor(() => expect(stored().filter((name) => name.endsWith('pyramid.szi'))).toHaveLength(1), { timeout: 20_000 });
  // The name and the version of the file stay: only its pixels are gone.
  await writeFile(path, Buffer.alloc((await stat(path)).size));
  await utimes(path, SET_S, SET_S);
  const later = await viewed(client, { image, box: BOX });
  expect([later.words, later.redAt(110, 200), later.redAt(310, 310)]).toEqual([first.words, true, false]);
});

test('an image that changes between two views is shown as it is, and not from the tiles of before', async () => {
  const folder = await temporaryFolder();
  const dataFolder = await temporaryFolder();
  const path = join(folder, 'sheet.png');
  await drawImage(path, 3_000, 2_000, SQUARE);
  const client = await servedClient([folder], {}, dataFolder);
  const args = { image: pathToFileURL(path).href, box: BOX };
  expect((await viewed(client, args)).redAt(200, 200)).toBe(true);
  const stored = () => readdirSync(join(dataFolder, 'blobs/executions'), { recursive: true }).map(String);
  await vi.waitFor(() => expect(stored().filter((name) => name.endsWith('plan.json'))).toHaveLength(1), { timeout: 20_000 });
  await drawImage(path, 3_000, 2_000, { ...SQUARE, left: 100 });
  const changed = await viewed(client, args);
  expect([changed.redAt(200, 200), (await viewed(client, { ...args, box: [0, 1_100, 400, 400] })).redAt(200, 200)]).toEqual([
    false,
    true,
  ]);
});

test('a view whose decoder takes long is shown from tiles that are cut meanwhile', async () => {
  const folder = await temporaryFolder();
  await drawImage(join(folder, 'small.png'), 300, 200, { left: 10, top: 10, edge: 20 });
  await drawImage(join(folder, 'sheet.png'), 3_000, 2_000, SQUARE);
  const client = await servedClient([folder]);
  await viewed(client, { image: pathToFileURL(join(folder, 'small.png')).href });
  const frozen = decoderProcesses();
  for (const pid of frozen) process.kill(pid, 'SIGSTOP');
  const args = { image: pathToFileURL(join(folder, 'sheet.png')).href, box: BOX };
  const { redAt, words } = await vi.waitFor(
    async () =>
      await viewed(client, args).catch((error: Error) => {
        // On a loaded machine: then the same call, again, shows it.
        expect(error.message).toContain('call view_region again with the same arguments');
        throw error;
      }),
    { timeout: 50_000 },
  );
  expect([words.startsWith('Box [1800, 1100, 400, 400]'), redAt(110, 200), redAt(310, 310)]).toEqual([true, true, false]);
  expect(frozen).toHaveLength(1);
  await vi.waitFor(() => expect(decoderProcesses()).not.toEqual(frozen), { timeout: 5_000 }); // its answer is no longer wanted
});

test('the first view and those of its tiles have the same notes on how the file was understood', async () => {
  const folder = await temporaryFolder();
  const dataFolder = await temporaryFolder();
  const path = join(folder, 'depth.tif');
  const samples = Uint16Array.from({ length: 2_600 * 1_800 }, (_, index) => 1_000 + (index % 3_000));
  await writeFile(path, tiff({ width: 2_600, height: 1_800, samples, bands: 1, bits: 16, photometric: 1 }));
  const client = await servedClient([folder], {}, dataFolder);
  const image = pathToFileURL(path).href;
  const first = await viewed(client, { image });
  expect(first.words).toMatch(/ The samples use 12 of 16 bits and were scaled to full brightness\.$/);
  const stored = () => readdirSync(join(dataFolder, 'blobs/executions'), { recursive: true }).map(String);
  await vi.waitFor(() => expect(stored().filter((name) => name.endsWith('pyramid.szi'))).toHaveLength(1), { timeout: 20_000 });
  expect((await viewed(client, { image })).words).toBe(first.words);
});

test('tiles that were stored for views alone are deleted after a day, and analyses are kept', async () => {
  const folder = await temporaryFolder();
  const dataFolder = await temporaryFolder();
  await drawImage(join(folder, 'sheet.png'), 3_000, 2_000, SQUARE);
  await drawImage(join(folder, 'look.png'), 300, 200, { left: 10, top: 10, edge: 20 });
  const executions = () => readdirSync(join(dataFolder, 'blobs/executions'));
  const config = readConfig({ DETECTION_MODELS: 'onnx:nanodet', LOG_LEVEL: 'silent' });
  const session = async (use: (client: Client) => Promise<void>) => {
    const server = await serve({ config, dataFolder, allowedFolders: [folder], port: 0, log: silent });
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', server.url)));
    await use(client);
    await client.close();
    await server.close();
  };
  await session(async (client) => {
    await viewed(client, { image: pathToFileURL(join(folder, 'sheet.png')).href });
    const image = pathToFileURL(join(folder, 'look.png')).href;
    await client.callTool({ name: 'analyze_image', arguments: { image, wait_seconds: 25 } });
    await vi.waitFor(() => expect(executions()).toHaveLength(2), { timeout: 20_000 });
    const progress = () =>
      executions().map((id) => readFileSync(join(dataFolder, 'blobs/executions', id, 'progress.json'), 'utf8'));
    await vi.waitFor(() => expect(progress().every((text) => text.includes('SUCCEEDED'))).toBe(true), { timeout: 20_000 });
  });
  for (const id of executions()) {
    const path = join(dataFolder, 'blobs/executions', id, 'progress.json');
    const progress = JSON.parse(readFileSync(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...progress, updated_at: '2026-01-01T00:00:00.000Z' }));
  }
  const analysis = executions().filter((id) => !isLook(dataFolder, id));
  expect(analysis).toHaveLength(1);
  await session(async () => {});
  expect(executions()).toEqual(analysis);
});

function isLook(dataFolder: string, id: string): boolean {
  return readFileSync(join(dataFolder, 'blobs/executions', id, 'plan.json'), 'utf8').includes('"purpose":"look"');
}

test('an image that must be moderated is viewed once it is', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'small.png');
  await drawImage(path, 600, 400, { left: 10, top: 10, edge: 50 });
  const client = await servedClient([folder], { MODERATE_VIEWS: 'true' });
  const view = await viewed(client, { image: pathToFileURL(path).href });
  expect([view.width, view.height, view.redAt(30, 30)]).toEqual([600, 400, true]);
});

test('an image that is turned by its EXIF data is upright, and its boxes are those of the upright image', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'phone.jpg');
  await drawImage(path, 900, 600, { left: 0, top: 0, edge: 100 }, 6); // stored 900 x 600, shown 600 x 900
  const client = await servedClient([folder]);
  const image = pathToFileURL(path).href;
  const corner = await viewed(client, { image, box: [400, 0, 200, 200] });
  expect([corner.redAt(150, 50), corner.redAt(50, 50), corner.redAt(150, 150)]).toEqual([true, false, false]);
  expect((await viewed(client, { image })).words).toContain('(600 x 900 pixels)');
});

test.each<[string, (folder: string) => Promise<string>, Record<string, unknown>, RegExp]>([
  [
    'a box outside',
    async (folder) => {
      const path = join(folder, 'a.png');
      await drawImage(path, 300, 200, { left: 10, top: 10, edge: 20 });
      return path;
    },
    { box: [400, 0, 9, 9] },
    /^The box \[400, 0, 9, 9\] lies outside the image of 300 x 200 pixels\./,
  ],
  [
    'a file that is no image',
    async (folder) => {
      await writeFile(join(folder, 'a.png'), 'pixels');
      return join(folder, 'a.png');
    },
    {},
    /^The file is not an image of an accepted format/,
  ],
  ['a file outside of the allowed folders', async () => '/etc/hostname', {}, /does not exist or may not be read/],
])('%s is refused with a sentence', async (_, make, args, sentence) => {
  const folder = await temporaryFolder();
  const path = await make(folder);
  const client = await servedClient([folder]);
  expect(await refused(client, { image: pathToFileURL(path).href, ...args })).toMatch(sentence);
});
