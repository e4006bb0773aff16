// Names on the overlay keep their score; outlines are drawn; the legend is below the image.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { Finding } from '../../../pipeline/contract/schemas.ts';
import { shortName } from '../../../pipeline/imaging/drawing/name-tag.ts';
import { drawOverlay } from '../../../pipeline/imaging/drawing/overlay.ts';
import { drawFrame } from '../../../pipeline/imaging/drawing/raw-drawing.ts';
import { finding } from '../../support/tool-calls.ts';

test.each([
  ['cup 0.71', 'cup 0.71'],
  ['a very long label that no tag can hold 0.71', 'a very long label that no … 0.71'],
  [`${'x'.repeat(40)}`, `${'x'.repeat(31)}…`],
  [`${'🌱'.repeat(40)} 0.50`, `${'🌱'.repeat(26)}… 0.50`],
  [`short ${'y'.repeat(40)}`, `short ${'y'.repeat(25)}…`],
])('%s is written as %s', (name, written) => {
  expect(shortName(name)).toBe(written);
  expect([...written].length).toBeLessThanOrEqual(32);
});

test('an outline is drawn as such, and a box where there is none', async () => {
  const size = { width: 400, height: 400 };
  const blank = await sharp({ create: { ...size, channels: 3, background: '#808080' } })
    .jpeg({ quality: 95 })
    .toBuffer();
  const diamond: Finding['polygon'] = [
    [200, 100],
    [300, 200],
    [200, 300],
    [100, 200],
  ];
  const box: Finding['box'] = [100, 100, 200, 200];
  const [outlined, boxed] = await Promise.all(
    [finding(1, { box, polygon: diamond }), finding(1, { box })].map(async (one) => {
      const { bytes } = await drawOverlay(blank, size, { shown: [one], all: [one] });
      const data = await sharp(bytes).raw().toBuffer();
      return (x: number, y: number) => Math.abs((data[(y * size.width + x) * 3] ?? 0) - 0x80) > 40;
    }),
  );
  // The middle of an edge of the diamond, and that of the right edge of the box off its corner.
  expect([outlined?.(250, 150), outlined?.(300, 280)]).toEqual([true, false]);
  expect([boxed?.(250, 150), boxed?.(300, 280)]).toEqual([false, true]);
});

test('the legend is below the image, and only where there is something to explain', async () => {
  const size = { width: 400, height: 300 };
  const blank = await sharp({ create: { ...size, channels: 3, background: '#808080' } })
    .jpeg()
    .toBuffer();
  const heightWith = async (findings: readonly Finding[], wide = size) => {
    const { bytes, imageHeight } = await drawOverlay(await sharp(blank).resize(wide.width).toBuffer(), size, {
      shown: findings,
      all: findings,
    });
    const { width, height } = await sharp(bytes).metadata();
    return [width, height - imageHeight];
  };
  const box: Finding['box'] = [10, 60, 50, 50];
  expect(await heightWith([])).toEqual([400, 0]);
  expect(await heightWith([finding(1, { box })], { width: 100, height: 75 })).toEqual([100, 0]);
  const [, one = 0] = await heightWith([finding(1, { box })]);
  expect(one).toBeGreaterThan(15);
  const many = Array.from({ length: 30 }, (_, at) => finding(at, { box, label: `label ${at}`, severity: 'critical' }));
  const [, rows = 0] = await heightWith(many);
  expect(rows).toBeGreaterThan(2 * one); // ten labels, the rest, a severity and names without room
});

test('a more severe finding has a thicker line', async () => {
  const size = { width: 400, height: 400 };
  const blank = await sharp({ create: { ...size, channels: 3, background: '#808080' } })
    .jpeg({ quality: 95 })
    .toBuffer();
  const linePx = async (severity: Finding['severity']) => {
    const one = finding(1, { box: [100, 100, 200, 200], severity });
    const { bytes } = await drawOverlay(blank, size, { shown: [one], all: [one] });
    const data = await sharp(bytes).raw().toBuffer();
    const row = Array.from({ length: 40 }, (_, x) => data[(250 * size.width + 280 + x) * 3] ?? 0);
    return row.filter((red) => red > 170).length; // vermilion
  };
  const lines = [];
  for (const severity of ['info', 'medium', 'critical'] as const) lines.push(await linePx(severity));
  expect(lines).toEqual(lines.toSorted((a, b) => a - b));
  expect(lines[2]).toBeGreaterThan(lines[0] ?? 0);
});

test.each([
  ['between pixels', [10.3, 20.6, 60.5, 41.2]],
  ['beyond the edges', [-4, 70.25, 200, 40]],
  ['thinner than its line', [30, 30, 2, 50.5]],
] as const)('a frame %s is the one that an SVG renderer draws', async (_, [left, top, width, height]) => {
  const info = { width: 120, height: 100, channels: 3 } as const;
  const ground = () => Buffer.alloc(info.width * info.height * 3, 0x80);
  const drawn = { data: ground(), info };
  drawFrame(drawn, [left, top, width, height], { widthPx: 3, color: '#d55e00', opacity: 0.8 });
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${info.width}" height="${info.height}">` +
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="none" stroke="#d55e00" stroke-opacity="0.8" stroke-width="3"/></svg>`;
  const expected = await sharp(ground(), { raw: info })
    .composite([{ input: Buffer.from(svg) }])
    .removeAlpha()
    .raw()
    .toBuffer();
  const differences = [...expected].map((value, place) => Math.abs(value - (drawn.data[place] ?? 0)));
  expect(differences.filter((difference) => difference > 3)).toEqual([]);
  expect(drawn.data.equals(ground())).toBe(false);
});
