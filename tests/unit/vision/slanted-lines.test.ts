import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at } from '../../../pipeline/contract/at.ts';
import type { Pixels } from '../../../pipeline/vision/onnx/pixels.ts';
import { componentsOf } from '../../../pipeline/vision/onnx/text/components.ts';
import { joinedPieces, type Piece } from '../../../pipeline/vision/onnx/text/line-pieces.ts';
import { linePlanes } from '../../../pipeline/vision/onnx/text/line-planes.ts';
import {
  axisAngleBetween,
  cornersOf,
  lengthwise,
  type Rectangle,
  smallestRectangle,
  turned,
} from '../../../pipeline/vision/onnx/text/rectangle.ts';

const anyRectangle = fc.record({
  x: fc.integer({ min: -500, max: 500 }),
  y: fc.integer({ min: -500, max: 500 }),
  width: fc.integer({ min: 40, max: 400 }),
  height: fc.integer({ min: 3, max: 30 }),
  angle: fc.integer({ min: -89, max: 90 }),
});

describe('the smallest rectangle', () => {
  test('around the corners of a rectangle and points inside is that rectangle', () => {
    fc.assert(
      fc.property(
        anyRectangle,
        fc.array(fc.double({ min: -0.49, max: 0.49, noNaN: true }), { maxLength: 20 }),
        (rectangle, shares) => {
          const [origin, right, , below] = cornersOf(rectangle);
          const inside = shares.map((share, index) => {
            const other = at(shares, shares.length - 1 - index);
            return {
              x: rectangle.x + share * (right.x - origin.x) + other * (below.x - origin.x),
              y: rectangle.y + share * (right.y - origin.y) + other * (below.y - origin.y),
            };
          });
          const found = smallestRectangle([...inside, ...cornersOf(rectangle)]);
          if (found === null) throw new Error('There is a rectangle.');
          const { x, y, width, height, angle } = lengthwise(found);
          expect(Math.hypot(x - rectangle.x, y - rectangle.y)).toBeLessThan(0.01);
          expect(Math.abs(width - rectangle.width) + Math.abs(height - rectangle.height)).toBeLessThan(0.01);
          expect(axisAngleBetween(angle, rectangle.angle)).toBeLessThan(0.01);
          expect(angle).toBeGreaterThan(-90.001);
          expect(angle).toBeLessThan(90.001);
        },
      ),
    );
  });

  test('does not exist around points on one line', () => {
    expect(smallestRectangle([])).toBeNull();
    expect(smallestRectangle([0, 1, 2, 3].map((x) => ({ x, y: 2 * x })))).toBeNull();
  });

  test('turned by four quarters is the same, and by one it covers the same area', () => {
    fc.assert(
      fc.property(anyRectangle, (rectangle) => {
        const once = turned(rectangle, 1);
        const rounded = (corners: { x: number; y: number }[]) =>
          corners.map(({ x, y }) => `${x.toFixed(6)} ${y.toFixed(6)}`).sort();
        expect(rounded(cornersOf(once))).toEqual(rounded(cornersOf(rectangle)));
        expect(turned(turned(turned(once, 1), 1), 1)).toEqual(rectangle);
      }),
    );
  });
});

describe('components', () => {
  test('of pixels that meet at corners are one, with the corners of their rows', () => {
    const likely = new Float32Array(25);
    for (const pixel of [0, 6, 12, 4]) likely[pixel] = 0.5; // a diagonal and a pixel apart
    const [diagonal, single, ...rest] = componentsOf(likely, 5, 5, 0.3);
    expect(rest).toEqual([]);
    expect(diagonal).toMatchObject({ left: 0, top: 0, right: 3, bottom: 3, pixels: 3, probability: 0.5 });
    expect(diagonal?.outline).toContainEqual({ x: 3, y: 3 });
    expect(single).toMatchObject({ left: 4, top: 0, right: 5, bottom: 1, pixels: 1 });
  });
});

describe('pieces of a line', () => {
  const piece = (core: Rectangle): Piece => ({ core, outline: cornersOf(core) });
  const [cos, sin] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
  const word = (along: number, across = 0, width = 60, angle = 30): Piece =>
    piece({ x: 200 + along * cos - across * sin, y: 200 + along * sin + across * cos, width, height: 12, angle });

  test('are joined end to end', () => {
    const core = joinedPieces(word(0), word(70))?.core;
    expect(core?.width).toBeCloseTo(130, 6);
    expect(core?.height).toBeCloseTo(12, 6);
    expect(core?.angle).toBeCloseTo(30, 6);
  });

  test('are joined to a single character', () => {
    expect(joinedPieces(word(0), word(50, 0, 10, -15))).not.toBeNull();
  });

  test.each([
    ['with a wide gap', word(100)],
    ['in the next line', word(0, 18)],
    ['at another angle', word(70, 0, 60, 60)],
  ])('are not joined %s', (_, other) => {
    expect(joinedPieces(word(0), other)).toBeNull();
  });
});

describe('the planes of a line', () => {
  /** Red rises to the right, green downwards. */
  const gradient: Pixels = { rgb: new Uint8Array(3 * 100 * 100), width: 100, height: 100 };
  for (let y = 0; y < 100; y++) for (let x = 0; x < 100; x++) gradient.rgb.set([2 * x, 2 * y, 7], 3 * (y * 100 + x));

  test.each([0, 30, 90, -135, 180])('at %i degrees are the pixels along and across it', (angle) => {
    for (const height of [6, 12, 24]) {
      const rectangle = { x: 50, y: 50, width: 40, height: 12, angle };
      const { values, width } = linePlanes(gradient, rectangle, 20, height);
      const plane = width * height;
      const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          const [along, across] = [((column + 0.5) / width - 0.5) * 40, ((row + 0.5) / height - 0.5) * 12];
          const [x, y] = [50 + along * cos - across * sin, 50 + along * sin + across * cos];
          const byteOf = (channel: number) =>
            (at([...values.subarray(channel * plane, (channel + 1) * plane)], row * width + column) + 1) * 127.5;
          expect(byteOf(2)).toBeCloseTo(2 * (x - 0.5), 3);
          expect(byteOf(1)).toBeCloseTo(2 * (y - 0.5), 3);
          expect(byteOf(0)).toBeCloseTo(7, 3);
        }
      }
    }
  });

  test('repeat the last pixels beyond the tile', () => {
    const { values } = linePlanes(gradient, { x: -50, y: 50, width: 40, height: 10, angle: 0 }, 8, 2);
    expect(values.every(Number.isFinite)).toBe(true);
    expect([...values.subarray(32)].every((red) => Math.abs(red + 1) < 1e-6)).toBe(true);
  });
});
