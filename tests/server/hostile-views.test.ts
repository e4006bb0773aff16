// Views as an attacker or a confused model asks for them: each is shown with words that lead back to the full image, or refused with a
// sentence, and none costs the server more than a usual one.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { readArguments } from '../../mcp-server/protocol/lenient-arguments.ts';
import { viewRegion } from '../../mcp-server/tools/view-region.ts';
import { at } from '../../pipeline/contract/at.ts';
import { drawImage } from '../support/drawn.ts';
import { ROLE, USER } from '../support/function-url.ts';
import { hastyClock } from '../support/hasty-clock.ts';
import { CLIENTS, connected, textOf } from '../support/mcp-clients.ts';
import { testServer } from '../support/server.ts';

const SIZE = { width: 1_500, height: 2_000 };
const MANY = Array.from({ length: 100_000 }, () => [0, 0, 9, 9]);

async function served() {
  const server = await testServer();
  const client = await connected(CLIENTS[0], server);
  await drawImage(join(server.folder, 'image.png'), SIZE.width, SIZE.height, { left: 0, top: 1_800, edge: 200 });
  const image = pathToFileURL(join(server.folder, 'image.png')).href;
  return { server, client, image };
}

test.each<[string, Record<string, unknown>, RegExp]>([
  ['an empty box', { box: [0, 0, 0, 0] }, /^The box \[0, 0, 0, 0\] is empty\. Its width and height must be larger than 0\.$/],
  [
    'a box far outside',
    { box: [1e9, 0, 1e9, 1e9] },
    /^The box \[1000000000, 0, 1000000000, 1000000000\] lies outside the image of 1500 x 2000 pixels\./,
  ],
  ['a box that begins far outside', { box: [-1e308, 0, 1e308, 10] }, /box\.0 \(expected at least 0\)/],
  ['a box of three numbers', { box: [0, 0, 10] }, /box \(expected at least 4 items\)/],
  ['a box of 400,000 numbers', { box: MANY.flat() }, /box \(expected at most 4 items\)/],
  ['a list of 100,000 boxes', { boxes: MANY }, /boxes \(expected at most 12 items\)/],
  [
    'a box outside among boxes',
    {
      boxes: [
        [0, 0, 9, 9],
        [9_000, 0, 9, 9],
      ],
    },
    /^The box \[9000, 0, 9, 9\] lies outside the image/,
  ],
  ['page 0', { page: 0 }, /page \(expected at least 1\)/],
  ['a page that does not exist', { page: 1e9 }, /^Page 1000000000 does not exist\. Choose a page from 1 to 1\.$/],
  [
    'a band that does not exist',
    { bands: [1e9] },
    /^Band 1000000000 does not exist\. The image has \d; choose bands from 1 to \d\.$/,
  ],
  ['a turn by 45 degrees', { turn: 45 }, /turn \(expected one of 0\|90\|180\|270\)/],
  ['a contrast in words', { contrast: 'yes' }, /contrast \(expected boolean, received string\)/],
  ['more pixels than an answer may have', { max_px: 1e12 }, /max_px \(expected at most 2000000\)/],
])('%s is refused with a sentence', async (_, args, sentence) => {
  const { client, image, server } = await served();
  const refusal = await client.refusal('view_region', { image, ...args });
  expect(refusal).toMatch(sentence);
  expect(refusal.length).toBeLessThan(500);
  expect(server.errors).toEqual([]);
});

test.each<[Record<string, unknown>, number, number, string]>([
  [{ box: [0, 0, 1e308, 1e308] }, 866, 1_154, 'Box [0, 0, 1500, 2000]'],
  [{ box: [1_499.9, 1_999.9, 5, 5] }, 1, 1, 'Box [1499, 1999, 1, 1]'],
  [{ box: [0, 0, 1e-12, 1e-12] }, 1, 1, 'Box [0, 0, 1, 1]'],
  [{ box: [0, 0, 1, 2_000] }, 1, 1_568, 'at scale 0.784: full-image x = 0 + x / 0.784, y = 0 + y / 0.784.'],
  [{ box: [0, 0, 1, 2_000], turn: 90 }, 1_568, 1, 'at scale 0.784, turned by 90 degrees clockwise'],
  [{ turn: '90', max_px: 30_000 }, 200, 150, 'turned by 90 degrees clockwise'],
  [{ box: [0, 0, 2, 2], turn: 270, contrast: true, grid: true }, 2, 2, 'at scale 1'],
])('%j is shown as %i x %i pixels', async (args, width, height, words) => {
  const { client, image } = await served();
  const result = await client.callTool('view_region', { image, ...args });
  const [first] = result.content;
  if (first?.type !== 'image') throw new Error(textOf(result));
  const shown = await sharp(Buffer.from(first.data, 'base64')).metadata();
  expect([shown.width, shown.height]).toEqual([width, height]);
  expect(textOf(result)).toContain(words);
});

test('a list that is far too long is cut before each of its items is checked', () => {
  const { boxes } = readArguments(viewRegion.input, { image: 'a', boxes: MANY }).values;
  const { box } = readArguments(viewRegion.input, { image: 'a', box: MANY.flat() }).values;
  expect([Object(boxes).length, Object(box).length]).toEqual([13, 5]);
});

test('looks of two callers at the same image are two executions, and neither may name that of the other', async () => {
  const uri = 'https://example.com/plan.jpg';
  const images = { resolve: async () => ({ source: { kind: 'url' as const, url: uri }, uri, version: '1' }) };
  const server = await testServer({ isolation: 'caller', images, clock: hastyClock() });
  const clients = [await connected(CLIENTS[0], server.as(USER)), await connected(CLIENTS[0], server.as(ROLE))];
  for (const client of clients) {
    expect(await client.refusal('view_region', { image: uri })).toMatch(/^The image is still being cut into tiles/);
  }
  const [first, second] = server.launcher.runs.map(({ request }) => request);
  if (!first || !second) throw new Error('Two looks should have started.');
  expect([first.execution_id === second.execution_id, first.owner === second.owner]).toEqual([false, false]);
  const refusal = await at(clients, 1).refusal('view_region', { execution_id: first.execution_id });
  expect(refusal).toMatch(/^This server has no execution look-/);
});
