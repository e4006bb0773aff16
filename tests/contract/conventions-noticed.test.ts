// What a run notices about a model that answers in other numbers than it is asked for.

import sharp from 'sharp';
import { expect, test } from 'vitest';
import { coordinatesNamed } from '../../pipeline/providers/coordinates.ts';
import type { ImageSize } from '../../pipeline/providers/image-intake.ts';
import { openaiVision } from '../../pipeline/vision/llm/openai-vision.ts';
import { conventionReply, type SeenObject } from '../support/convention-model.ts';
import { completion, openaiServer } from '../support/openai-server.ts';

const MODEL = 'openai:qwen3-vl:8b';
const ASK = { look_for: null, labels: [] };

async function tileOf(size: ImageSize) {
  const bytes = await sharp({ create: { ...size, channels: 3, background: 'white' } })
    .jpeg()
    .toBuffer();
  return { bytes, ...size };
}

const EIGHT = Array.from({ length: 8 }, (_, index): SeenObject => {
  const [left, top] = [(index % 4) * 0.25, Math.floor(index / 4) * 0.5];
  return { label: `object ${index}`, edges: [left, top, left + 0.2, top + 0.45] };
});

/** The notes on several tiles of a model that answers in `own` numbers whatever it is asked for. */
async function notesOn(own: string, size: ImageSize, tiles: number, objects = EIGHT): Promise<string[]> {
  const same = (image: ImageSize) => image;
  const reply = conventionReply({
    own: coordinatesNamed(own),
    shrink: same,
    otherwise: 'answers in its own',
    sees: () => objects,
  });
  const { baseUrl } = await openaiServer(reply);
  const vision = openaiVision({ baseUrl, apiKey: null });
  const tile = await tileOf(size);
  const notes = new Set<string>();
  for (let index = 0; index < tiles; index++) for (const note of (await vision.detect(MODEL, tile, ASK)).notes) notes.add(note);
  return [...notes].filter((note) => note.includes('calibrate'));
}

test('boxes outside of the scale are noted at the first tile', async () => {
  expect(await notesOn('pixels', { width: 3_000, height: 2_400 }, 1)).toEqual([
    expect.stringContaining('boxes in pixels, not in thousandths'),
  ]);
});

test('fractions of 1 are noted at the first tile', async () => {
  expect(await notesOn('fractions', { width: 900, height: 900 }, 1)).toEqual([
    expect.stringContaining('boxes in fractions, not in thousandths as asked; they are read accordingly.'),
  ]);
});

test('boxes that all lie in one corner are noted after some tiles, and a model that answers as asked has no note', async () => {
  const corner = [expect.stringContaining('lie in the top left corner of their tiles')];
  expect(await notesOn('pixels', { width: 512, height: 512 }, 4)).toEqual([]);
  expect(await notesOn('pixels', { width: 512, height: 512 }, 10)).toEqual(corner);
  expect(await notesOn('thousandths', { width: 512, height: 512 }, 10)).toEqual([]);
});

const SIZES = `Many boxes of ${MODEL} have no area; it may answer with width and height instead of the right and bottom edge.`;
const UPRIGHT = `Most lines of text of ${MODEL} are higher than wide; it may name the top edge before the left one.`;

test('boxes with width and height instead of the far edges are noted, in one tile or over several', async () => {
  const size = { width: 512, height: 512 };
  const noted = [expect.stringContaining(SIZES)];
  expect(await notesOn('thousandths-size', size, 1)).toEqual(noted);
  const far: SeenObject[] = [0.6, 0.7, 0.8].map((at, index) => ({
    label: `object ${index}`,
    edges: [at, at, at + 0.1, at + 0.1],
  }));
  expect(await notesOn('thousandths-size', size, 1, far)).toEqual([]); // three boxes may be an error, and are no reversed corners
  expect(await notesOn('thousandths-size', size, 3, far)).toEqual(noted);
  expect(await notesOn('thousandths', size, 3, far)).toEqual([]);
});

test('lines of text that stand upright are noted: the top edge may come first', async () => {
  const line = (text: string, index: number): SeenObject => ({ label: text, edges: [0.1, index / 10, 0.5, index / 10 + 0.05] });
  const lines = Array.from({ length: 9 }, (_, index) => line(`Pump no. ${4_711 + index}`, index));
  const tile = { width: 512, height: 512 };
  expect(await notesOn('thousandths-y-first', tile, 1, lines)).toEqual([]);
  expect(await notesOn('thousandths-y-first', tile, 2, lines)).toEqual([expect.stringContaining(UPRIGHT)]);
  expect(await notesOn('thousandths', tile, 3, lines)).toEqual([]);
  // A narrow tile: what is higher than wide in thousandths is still wide in pixels.
  expect(await notesOn('thousandths-y-first', { width: 1_000, height: 60 }, 3, lines)).toEqual([]);
  const downwards = lines.map(({ edges }, index) => ({ label: `第${index}号泵房入口通道标识牌`, edges }));
  expect(await notesOn('thousandths-y-first', tile, 3, downwards)).toEqual([]);
});

test('one box with reversed corners beside a usual one is left out and counted', async () => {
  const cat = { label: 'cat', left: 100, top: 200, right: 300, bottom: 700, score: 0.9 };
  const { baseUrl } = await openaiServer(
    completion({ content: JSON.stringify({ detections: [cat, { ...cat, right: 50, bottom: 60 }] }) }),
  );
  const answer = await openaiVision({ baseUrl, apiKey: null }).detect(MODEL, await tileOf({ width: 200, height: 100 }), ASK);
  expect(answer).toMatchObject({ detections: [{ box: [20, 20, 40, 50] }], clipped: 1 });
  expect(answer.notes.filter((note) => note.includes('corner'))).toEqual([]);
});

test('boxes whose bottom right corner comes first are read accordingly, with a note', async () => {
  const detection = { label: 'cat', left: 300, top: 700, right: 100, bottom: 200, score: 0.9 };
  const { baseUrl } = await openaiServer(completion({ content: JSON.stringify({ detections: [detection] }) }));
  const answer = await openaiVision({ baseUrl, apiKey: null }).detect(MODEL, await tileOf({ width: 200, height: 100 }), ASK);
  expect(answer.detections).toMatchObject([{ box: [20, 20, 40, 50] }]);
  expect(answer.notes).toContainEqual(
    expect.stringContaining(`${MODEL} names the bottom right corner of boxes first; they are read accordingly. Measure it`),
  );
});
