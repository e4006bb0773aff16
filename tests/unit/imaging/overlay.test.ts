// Names on the overlay can be read, and keep their score.
import { expect, test } from 'vitest';
import { COLORS, shortName } from '../../../pipeline/imaging/overlay.ts';

/** Relative luminance, as WCAG defines it. */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test.each(COLORS.map(({ color, ink }) => [ink, color]))('%s on %s has a contrast of 4.5 or more', (ink, color) => {
  const [darker = 0, lighter = 0] = [luminance(ink), luminance(color)].sort((a, b) => a - b);
  expect((lighter + 0.05) / (darker + 0.05)).toBeGreaterThanOrEqual(4.5);
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
