// Names on the overlay keep their score; outlines are drawn; the legend is below the image.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { Finding } from '../../../pipeline/contract/schemas.ts';
import { shortName } from '../../../pipeline/imaging/drawing/name-tag.ts';
import { drawOverlay } from '../../../pipeline/imaging/drawing/overlay.ts';
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
