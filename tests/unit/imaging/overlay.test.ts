// Names on the overlay can be read, and keep their score; outlines are drawn.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { Finding } from '../../../pipeline/contract/schemas.ts';
import { COLORS, drawOverlay, shortName } from '../../../pipeline/imaging/overlay.ts';
import { contrast } from '../../support/contrast.ts';
import { finding } from '../../support/tool-calls.ts';

test.each(COLORS.map(({ color, ink }) => [ink, color]))('%s on %s has a contrast of 4.5 or more', (ink, color) => {
  expect(contrast(ink, color)).toBeGreaterThanOrEqual(4.5);
});

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
      const { data } = await sharp(await drawOverlay(blank, size, [one]))
        .raw()
        .toBuffer({ resolveWithObject: true });
      return (x: number, y: number) => Math.abs((data[(y * size.width + x) * 3] ?? 0) - 0x80) > 40;
    }),
  );
  // The middle of an edge of the diamond, and that of the right edge of the box off its corner.
  expect([outlined?.(250, 150), outlined?.(300, 280)]).toEqual([true, false]);
  expect([boxed?.(250, 150), boxed?.(300, 280)]).toEqual([false, true]);
});
