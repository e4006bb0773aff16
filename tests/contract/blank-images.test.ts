// An image in which there is nothing to analyze is never a silent success: a note and the first words of the summary report it.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';
import { PRICED_MODELS, runPipeline } from '../support/pipeline-run.ts';
import { scriptedVision } from '../support/scripted-vision.ts';
import { tiff } from '../support/tiff-writer.ts';

const SIZE = { width: 400, height: 300 };
const white = () =>
  sharp({ create: { ...SIZE, channels: 3, background: '#ffffff' } })
    .png()
    .toBuffer();

async function documentOf(bytes: Buffer, plan: { skip_blank?: boolean } = {}) {
  const path = join(await temporaryFolder(), 'image');
  await writeFile(path, bytes);
  const { document } = await runPipeline(path, scriptedVision(), plan, { request: { models: PRICED_MODELS } });
  return document;
}

test('an image whose tiles are all blank has a note, and its summary begins with it', async () => {
  const document = await documentOf(await white());
  const { total } = document?.tiles ?? { total: 0 };
  const sentence = `The image is blank: all ${total} tiles have a single color, so no model analyzed it.`;
  expect(total).toBeGreaterThan(1);
  expect(document?.notes).toContain(sentence);
  expect(document?.summary.startsWith(`${sentence} `)).toBe(true);
});

test('an image of a single tone has the note also if blank tiles are analyzed', async () => {
  const document = await documentOf(await white(), { skip_blank: false });
  const sentence = 'The image is blank: its overview has a single color.';
  expect(document?.notes.filter((note) => note === sentence)).toHaveLength(1);
  expect(document?.summary.startsWith(`${sentence} `)).toBe(true);
});

test.each([
  ['are all equal', -12.5, {}],
  ['are no numbers', Number.NaN, {}],
  ['are all nodata', -9_999, { nodata: '-9999' }],
])('an image whose samples %s has a note', async (_, value, more) => {
  const samples = new Float64Array(SIZE.width * SIZE.height).fill(value);
  const document = await documentOf(tiff({ ...SIZE, samples, bands: 1, bits: 32, type: 'float', photometric: 1, ...more }));
  expect(document?.notes).toContain('All checked samples have the same value: the image seems to have a single tone.');
  expect(document?.summary).toMatch(/^The image is blank: all \d+ tiles have a single color/);
});

test('an image with one mark is not called blank', async () => {
  const mark = await sharp({ create: { width: 20, height: 20, channels: 3, background: '#000000' } })
    .png()
    .toBuffer();
  const marked = await sharp(await white())
    .composite([{ input: mark, left: 30, top: 30 }])
    .png()
    .toBuffer();
  for (const skip_blank of [true, false]) {
    const document = await documentOf(marked, { skip_blank });
    expect(document?.notes).toEqual([]);
    expect(document?.summary).not.toContain('blank');
  }
});
