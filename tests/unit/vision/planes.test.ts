import { expect, test } from 'vitest';
import { bgrPlanes, channelTable, giveBack, type Pixels } from '../../../pipeline/vision/onnx/pixels.ts';

const TABLES = [channelTable(0, 1), channelTable(0, 1), channelTable(0, 1)] as const;
const PADDING = { fill: 114, multiple: 4 };

test('planes that were given back are overwritten for the next tile of their size, padding included', () => {
  const first = bgrPlanes(gray(4, 4, 7), TABLES, PADDING);
  giveBack(first);
  const second = bgrPlanes(gray(3, 4, 9), TABLES, PADDING);
  expect(second.values).toBe(first.values);
  expect(Array.from(second.values.subarray(0, 8))).toEqual([9, 9, 9, 114, 9, 9, 9, 114]);
});

test('planes that are still read are left alone', () => {
  const first = bgrPlanes(gray(4, 4, 7), TABLES);
  const second = bgrPlanes(gray(4, 4, 9), TABLES);
  expect([first.values[0], second.values[0]]).toEqual([7, 9]);
});

function gray(width: number, height: number, byte: number): Pixels {
  return { rgb: new Uint8Array(3 * width * height).fill(byte), width, height };
}
