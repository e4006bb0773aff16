// Names on the overlay can be read, and keep their score.
import { expect, test } from 'vitest';
import { COLORS, shortName } from '../../../pipeline/imaging/overlay.ts';
import { contrast } from '../../support/contrast.ts';

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
