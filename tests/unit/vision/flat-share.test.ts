import { expect, test } from 'vitest';
import { flatShares } from '../../../pipeline/vision/onnx/flat-share.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const [WIDTH, HEIGHT] = [200, 160];

/** `colorAt` gives the gray value of a pixel. */
function image(colorAt: (x: number, y: number) => number) {
  const rgb = new Uint8Array(3 * WIDTH * HEIGHT);
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++) rgb.fill(colorAt(x, y), 3 * (y * WIDTH + x), 3 * (y * WIDTH + x) + 3);
  return { rgb, width: WIDTH, height: HEIGHT };
}

test('noise has no flat color, and one color has nothing else but at the right and the bottom of the image', () => {
  const random = seededRandom(1);
  const noise = image((x, y) => ((x + y) % 2) * 128 + random.between(0, 100));
  expect(flatShares(noise)([50, 40, 60, 60])).toBe(0);
  const plain = flatShares(image(() => 240));
  expect(plain([50, 40, 60, 60])).toBe(1);
  expect(plain([0, 0, WIDTH, HEIGHT])).toBeCloseTo(((WIDTH - 1) * (HEIGHT - 1)) / (WIDTH * HEIGHT), 9);
});

test('a small drawing on a page counts with the page around it', () => {
  const random = seededRandom(2);
  const isIcon = (x: number, y: number) => x >= 100 && x < 110 && y >= 60 && y < 70;
  const page = flatShares(image((x, y) => (isIcon(x, y) ? ((x + y) % 2) * 128 + random.between(0, 100) : 255)));
  // 26 x 26 px, of which the icon and the pixels left of it and above it have another color beside them.
  expect(page([100, 60, 10, 10])).toBeCloseTo(1 - (10 * 10 + 2 * 10) / (26 * 26), 9);
});

test('each channel counts', () => {
  const pixels = image(() => 100);
  for (let place = 2; place < pixels.rgb.length; place += 6) pixels.rgb[place] = 101;
  expect(flatShares(pixels)([50, 40, 20, 20])).toBe(0);
});
