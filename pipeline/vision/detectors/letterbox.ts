// Fits a tile into the fixed input of a detector, and takes coordinates of the input back to the tile. Knows no layout.
import { at } from '../../contract/at.ts';
import type { Box } from '../../contract/schemas.ts';
import type { Jpeg } from '../../ports.ts';
import { byteAt, type ChannelTable, channelTable, decodeTo, type Pixels, valueAt } from '../onnx/pixels.ts';
import type { Candidate } from './candidates.ts';
import type { Sidecar } from './sidecar.ts';

/** Where the tile lies within the input: its corner and size there, in pixels of the input. */
export interface Placement {
  left: number;
  top: number;
  width: number;
  height: number;
  /** Pixels of the input for one of the tile. Rounding makes them differ a little even with the aspect ratio kept. */
  scaleX: number;
  scaleY: number;
}

type Colors = Pick<Sidecar, 'input' | 'colors' | 'scale' | 'mean' | 'std' | 'fill'>;

/** Small tiles are enlarged: a model sees objects in the size in which it was trained on them. */
export function placementOf(tile: { width: number; height: number }, { input, fit }: Pick<Sidecar, 'input' | 'fit'>): Placement {
  const scale = Math.min(input.width / tile.width, input.height / tile.height);
  const [width, height] =
    fit === 'stretch'
      ? [input.width, input.height]
      : [Math.max(1, Math.round(tile.width * scale)), Math.max(1, Math.round(tile.height * scale))];
  const isCentered = fit === 'center';
  return {
    left: isCentered ? Math.floor((input.width - width) / 2) : 0,
    top: isCentered ? Math.floor((input.height - height) / 2) : 0,
    width,
    height,
    scaleX: width / tile.width,
    scaleY: height / tile.height,
  };
}

/** The point of the tile that a point of the input shows. It may lie outside of the tile. */
export function pointInTile(placement: Placement, x: number, y: number): [x: number, y: number] {
  return [(x - placement.left) / placement.scaleX, (y - placement.top) / placement.scaleY];
}

/** Clipped to the tile, to a tenth of a pixel. `null` if nothing is left of it. */
export function boxInTile(candidate: Candidate, placement: Placement, tile: { width: number; height: number }): Box | null {
  const inside = (value: number, end: number) => rounded(Math.min(Math.max(value, 0), end));
  const [left, top] = pointInTile(placement, candidate.left, candidate.top);
  const [right, bottom] = pointInTile(placement, candidate.right, candidate.bottom);
  const [x, y] = [inside(left, tile.width), inside(top, tile.height)];
  const width = rounded(inside(right, tile.width) - x);
  const height = rounded(inside(bottom, tile.height) - y);
  return width > 0 && height > 0 ? [x, y, width, height] : null;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Three planes of the input's size, normalized. */
export async function inputPlanes(tile: Jpeg, placement: Placement, sidecar: Colors): Promise<Float32Array> {
  const pixels = await decodeTo(tile, placement.width, placement.height);
  const { width, height } = sidecar.input;
  const plane = width * height;
  const values = new Float32Array(3 * plane);
  const bytesOf = sidecar.colors === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  bytesOf.forEach((offset, index) => {
    const table = tableOf(sidecar, index);
    const target = values.subarray(index * plane, (index + 1) * plane);
    if (placement.width < width || placement.height < height) target.fill(valueAt(table, sidecar.fill));
    copyPlane(pixels, offset, table, target, placement, width);
  });
  return values;
}

function tableOf({ scale, mean, std }: Colors, index: number): ChannelTable {
  const unit = scale === '0-1' ? 255 : 1;
  return channelTable(at(mean, index) * unit, at(std, index) * unit);
}

function copyPlane(
  { rgb, width, height }: Pixels,
  offset: number,
  table: ChannelTable,
  target: Float32Array,
  { left, top }: Placement,
  targetWidth: number,
): void {
  for (let y = 0, from = offset; y < height; y++) {
    for (let to = (top + y) * targetWidth + left, end = to + width; to < end; to++, from += 3) {
      target[to] = valueAt(table, byteAt(rgb, from));
    }
  }
}
