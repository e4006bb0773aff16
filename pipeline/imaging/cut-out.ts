// Cuts any box out of an image's pyramid, at any smaller scale. Reads only the tiles of the matching level that meet the box.
import sharp, { type Region, type Sharp } from 'sharp';
import { at } from '../contract/at.ts';
import type { Box } from '../contract/schemas.ts';
import type { Plan } from '../planning/plan.ts';
import type { Jpeg } from '../ports.ts';
import type { Szi } from './szi/szi.ts';

/** Fits a screen: names in it are legible, and a language model sees all of it. */
const OVERVIEW_EDGE_MAX_PX = 2_400;
const JPEG = { quality: 85 } as const;

interface Raster {
  data: Buffer;
  info: { width: number; height: number; channels: 3 };
}

/** An image that was not computed yet, with the size that it will have. */
export interface Cutting {
  image: Sharp;
  width: number;
  height: number;
}

/** The whole image as a JPEG of at most OVERVIEW_EDGE_MAX_PX on its longer side. */
export async function overviewOf(szi: Szi, plan: Plan): Promise<Jpeg> {
  const shrink = Math.min(1, OVERVIEW_EDGE_MAX_PX / Math.max(plan.width, plan.height));
  const { image } = await cutOut(szi, plan, [0, 0, plan.width, plan.height], shrink);
  const { data, info } = await image.jpeg(JPEG).toBuffer({ resolveWithObject: true });
  return { bytes: data, width: info.width, height: info.height };
}

/**
 * `box` is in pixels of the full image, inside it; `scale` is at most 1. If the pyramid begins at a coarser level, the result is soft.
 * Its pixels are computed when they are asked for, so that they need not exist twice.
 */
export async function cutOut(szi: Szi, plan: Plan, box: Box, scale: number): Promise<Cutting> {
  const { level: coarsest } = at(plan.levels, plan.levels.length - 1);
  const level = Math.min(coarsest, Math.max(plan.pyramidLevel, Math.floor(Math.log2(1 / scale))));
  const [left, top, right, bottom] = edgesInLevel(box, level, plan);
  const boxInLevel: Box = [left, top, right - left, bottom - top];
  const image =
    (await fromOneTile(szi, level, boxInLevel, plan)) ??
    (plan.marginPx === 0 ? await joined(szi, level, boxInLevel, plan) : await assembled(szi, level, boxInLevel, plan));
  const width = Math.max(1, Math.round(box[2] * scale));
  const height = Math.max(1, Math.round(box[3] * scale));
  const isExact = right - left === width && bottom - top === height;
  return { image: isExact ? image : image.resize(width, height, { fit: 'fill' }), width, height };
}

/** The pixels of the level that enclose a box of the full image; at least one. */
function edgesInLevel([x, y, width, height]: Box, level: number, plan: Plan): [number, number, number, number] {
  const [levelWidth, levelHeight] = [Math.ceil(plan.width / 2 ** level), Math.ceil(plan.height / 2 ** level)];
  const left = Math.min(Math.floor(x / 2 ** level), levelWidth - 1);
  const top = Math.min(Math.floor(y / 2 ** level), levelHeight - 1);
  const right = Math.min(levelWidth, Math.max(left + 1, Math.ceil((x + width) / 2 ** level)));
  const bottom = Math.min(levelHeight, Math.max(top + 1, Math.ceil((y + height) / 2 ** level)));
  return [left, top, right, bottom];
}

/** A box of one level that a single tile shows with its margins; `null` if none does. Most boxes around a finding are of this kind. */
async function fromOneTile(szi: Szi, level: number, box: Box, { stridePx, marginPx }: Plan): Promise<Sharp | null> {
  const [left, top, width, height] = box;
  const [column, row] = [Math.floor((left + width / 2) / stridePx), Math.floor((top + height / 2) / stridePx)];
  const fromX = left - Math.max(0, column * stridePx - marginPx);
  const fromY = top - Math.max(0, row * stridePx - marginPx);
  const isInside = fromX >= 0 && fromY >= 0 && left + width <= (column + 1) * stridePx + marginPx;
  if (!isInside || top + height > (row + 1) * stridePx + marginPx) return null;
  const tile = await szi.readTile(level, row, column);
  return sharp(tile).extract({ left: fromX, top: fromY, width, height }).toColourspace('srgb');
}

/**
 * A box of one level out of tiles without margins. The decoder joins them itself: pixels that pass through this process are memory that
 * its garbage collector has to free, which takes longer than the view.
 */
async function joined(szi: Szi, level: number, [left, top, width, height]: Box, { stridePx }: Plan): Promise<Sharp> {
  const [firstRow, firstColumn] = [Math.floor(top / stridePx), Math.floor(left / stridePx)];
  const rows = Math.ceil((top + height) / stridePx) - firstRow;
  const across = Math.ceil((left + width) / stridePx) - firstColumn;
  const places = Array.from({ length: rows * across }, (_, index) => [Math.floor(index / across), index % across] as const);
  const tiles = await Promise.all(
    places.map(async ([row, column]) => await szi.readTile(level, firstRow + row, firstColumn + column)),
  );
  // Only the last tiles of a level are smaller, so every tile begins at a multiple of the stride.
  const all = tiles.length === 1 ? sharp(at(tiles, 0)) : sharp(tiles, { join: { across } });
  const part = { left: left - firstColumn * stridePx, top: top - firstRow * stridePx, width, height };
  return all.extract(part).toColourspace('srgb');
}

/** A box of one level out of its tiles, each without its margins. */
async function assembled(szi: Szi, level: number, [left, top, width, height]: Box, { stridePx, marginPx }: Plan): Promise<Sharp> {
  const info = { width, height, channels: 3 } as const;
  const data = Buffer.alloc(width * height * info.channels);
  const copyTile = async (row: number, column: number): Promise<void> => {
    const [fromX, toX] = [Math.max(left, column * stridePx), Math.min(left + width, (column + 1) * stridePx)];
    const [fromY, toY] = [Math.max(top, row * stridePx), Math.min(top + height, (row + 1) * stridePx)];
    const part = await decoded(await szi.readTile(level, row, column), {
      left: fromX - column * stridePx + (column === 0 ? 0 : marginPx),
      top: fromY - row * stridePx + (row === 0 ? 0 : marginPx),
      width: toX - fromX,
      height: toY - fromY,
    });
    const rowBytes = part.info.width * info.channels;
    for (let y = 0; y < part.info.height; y++) {
      part.data.copy(data, ((fromY - top + y) * width + fromX - left) * info.channels, y * rowBytes, (y + 1) * rowBytes);
    }
  };
  for (let row = Math.floor(top / stridePx); row * stridePx < top + height; row++) {
    const columns = [];
    for (let column = Math.floor(left / stridePx); column * stridePx < left + width; column++) columns.push(column);
    await Promise.all(columns.map(async (column) => await copyTile(row, column)));
  }
  return sharp(data, { raw: info });
}

/** Decodes no further down than the part. */
async function decoded(jpeg: Uint8Array, part: Region): Promise<Raster> {
  const { data, info } = await sharp(jpeg).extract(part).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return { data, info: { width: info.width, height: info.height, channels: 3 } };
}
