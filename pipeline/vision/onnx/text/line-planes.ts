// Cuts a line of text out of a tile at any angle, straight and at the size that the reader expects. Pure.
import { byteAt, type Pixels, type Planes, valueAt } from '../pixels.ts';
import { cornersOf, type Rectangle } from './rectangle.ts';

const MIDDLE_GRAY = 127.5; // the reader expects values from -1 to 1

/**
 * The rectangle turned to an angle of 0 and resized to `width` x `height`: planes of blue, green and red, by Catmull-Rom
 * interpolation. Where the line shrinks, a pixel is the mean of several samples. Beyond the tile, its last pixels repeat.
 */
export function linePlanes(tile: Pixels, rectangle: Rectangle, width: number, height: number): Planes {
  const samples = Math.max(1, Math.round(rectangle.height / height));
  const [columns, rows] = [width * samples, height * samples];
  const [origin, right, , below] = cornersOf(rectangle);
  const [acrossX, acrossY] = [(right.x - origin.x) / columns, (right.y - origin.y) / columns];
  const [downX, downY] = [(below.x - origin.x) / rows, (below.y - origin.y) / rows];
  const plane = width * height;
  const values = new Float32Array(3 * plane);
  for (let row = 0; row < rows; row++) {
    // The center of a pixel lies half a pixel from its edges, in the line and in the tile.
    let x = origin.x + (row + 0.5) * downX + 0.5 * acrossX - 0.5;
    let y = origin.y + (row + 0.5) * downY + 0.5 * acrossY - 0.5;
    const start = Math.floor(row / samples) * width;
    for (let column = 0; column < columns; column++, x += acrossX, y += acrossY) {
      addSample(values, start + Math.floor(column / samples), plane, tile, x, y);
    }
  }
  const scale = 1 / (samples * samples * MIDDLE_GRAY);
  for (let index = 0; index < values.length; index++) values[index] = valueAt(values, index) * scale - 1;
  return { values, width, height };
}

/** Adds the color at a point of the tile, by Catmull-Rom from 4 x 4 pixels: bilinearly, thin spaces between words blur and are lost. */
function addSample(values: Float32Array, to: number, plane: number, tile: Pixels, x: number, y: number): void {
  const { rgb, width, height } = tile;
  const left = Math.floor(x);
  const top = Math.floor(y);
  const share = x - left;
  const column0 = 3 * inside(left - 1, width);
  const column1 = 3 * inside(left, width);
  const column2 = 3 * inside(left + 1, width);
  const column3 = 3 * inside(left + 2, width);
  const weight0 = outer(share);
  const weight1 = inner(share);
  const weight2 = inner(1 - share);
  const weight3 = outer(1 - share);
  let red = 0;
  let green = 0;
  let blue = 0;
  for (let row = -1; row <= 2; row++) {
    const start = 3 * width * inside(top + row, height);
    const below = y - top - row;
    const weight = row === 0 || row === 1 ? inner(Math.abs(below)) : outer(Math.abs(below) - 1);
    const at0 = start + column0;
    const at1 = start + column1;
    const at2 = start + column2;
    const at3 = start + column3;
    red +=
      weight *
      (weight0 * byteAt(rgb, at0) + weight1 * byteAt(rgb, at1) + weight2 * byteAt(rgb, at2) + weight3 * byteAt(rgb, at3));
    green +=
      weight *
      (weight0 * byteAt(rgb, at0 + 1) +
        weight1 * byteAt(rgb, at1 + 1) +
        weight2 * byteAt(rgb, at2 + 1) +
        weight3 * byteAt(rgb, at3 + 1));
    blue +=
      weight *
      (weight0 * byteAt(rgb, at0 + 2) +
        weight1 * byteAt(rgb, at1 + 2) +
        weight2 * byteAt(rgb, at2 + 2) +
        weight3 * byteAt(rgb, at3 + 2));
  }
  values[to] = valueAt(values, to) + blue;
  values[plane + to] = valueAt(values, plane + to) + green;
  values[2 * plane + to] = valueAt(values, 2 * plane + to) + red;
}

function inside(index: number, length: number): number {
  return index < 0 ? 0 : index < length ? index : length - 1;
}

/** Catmull-Rom's weight of a pixel less than a pixel away. */
function inner(distance: number): number {
  return (1.5 * distance - 2.5) * distance * distance + 1;
}

/** The weight of the pixel behind that one. */
function outer(distance: number): number {
  return ((1 - 0.5 * distance) * distance - 0.5) * distance;
}
