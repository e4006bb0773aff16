// Several views side by side in one image, each with its number. Decides the scale of every view, also of a single one.
import sharp, { type Sharp } from 'sharp';
import { at } from '../../contract/at.ts';
import { textTag } from '../drawing/name-tag.ts';

const GAP_PX = 8;
const BACKGROUND = '#808080';
const NUMBER = { color: '#000000', ink: '#ffffff' } as const;

/** The place of a view on the sheet, in pixels of it, and the view's scale. */
export interface Cell {
  left: number;
  top: number;
  scale: number;
  sheet: { width: number; height: number };
}

export type Size = readonly [width: number, height: number];

/**
 * Rows of views whose sheet stays within both limits. Every view is shown at the largest scale, at most 1, that its cell allows; cells
 * have equal sizes, in the number of columns that shows most.
 */
export function cellsFor(sizes: readonly Size[], limits: { pixelsMax: number; edgePxMax: number }): Cell[] {
  const [only] = sizes;
  if (only && sizes.length === 1) {
    const scale = scaleWithin(only, limits);
    return [{ left: 0, top: 0, scale, sheet: scaled(only, scale) }];
  }
  const layouts = sizes.map((_, index) => inColumns(index + 1, sizes, limits));
  const shown = (cells: readonly Cell[]) => cells.reduce((sum, { scale }, index) => sum + scale ** 2 * area(at(sizes, index)), 0);
  return layouts.reduce((best, layout) => (shown(layout) > shown(best) ? layout : best));
}

const scaled = ([width, height]: Size, scale: number) => ({
  width: Math.max(1, Math.round(width * scale)),
  height: Math.max(1, Math.round(height * scale)),
});

const area = ([width, height]: Size): number => width * height;

function inColumns(
  columns: number,
  sizes: readonly Size[],
  { pixelsMax, edgePxMax }: { pixelsMax: number; edgePxMax: number },
): Cell[] {
  const rows = Math.ceil(sizes.length / columns);
  const edge = Math.min(edgePxMax, Math.floor(Math.sqrt((pixelsMax * Math.max(columns, rows)) / Math.min(columns, rows))));
  const cellEdge = Math.max(1, Math.floor((edge - GAP_PX * (Math.max(columns, rows) - 1)) / Math.max(columns, rows)));
  const scales = sizes.map((size) => scaleWithin(size, { pixelsMax: cellEdge ** 2, edgePxMax: cellEdge }));
  const shown = sizes.map((size, index) => scaled(size, at(scales, index)));
  const cell = { width: Math.max(...shown.map(({ width }) => width)), height: Math.max(...shown.map(({ height }) => height)) };
  const sheet = {
    width: columns * cell.width + (columns - 1) * GAP_PX,
    height: rows * cell.height + (rows - 1) * GAP_PX,
  };
  return scales.map((scale, index) => ({
    left: (index % columns) * (cell.width + GAP_PX),
    top: Math.floor(index / columns) * (cell.height + GAP_PX),
    scale,
    sheet,
  }));
}

/** At most 1. Rounds both sides down to whole pixels; a sliver keeps one pixel. */
function scaleWithin([width, height]: Size, { pixelsMax, edgePxMax }: { pixelsMax: number; edgePxMax: number }): number {
  const longer = Math.max(width, height);
  const scale = Math.min(1, Math.sqrt(pixelsMax / (width * height)), pixelsMax / longer, edgePxMax / longer);
  return Math.min(...[width, height].map((side) => Math.max(1, Math.floor(side * scale)) / side));
}

/** One image with all views, each with its number, from 1, in its top left corner. */
export async function onSheet(views: readonly { image: Sharp }[], cells: readonly Cell[]): Promise<Sharp> {
  const { width, height } = at(cells, 0).sheet;
  const placed = await Promise.all(
    views.map(async ({ image }, index) => {
      const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
      const { left, top } = at(cells, index);
      const tag = await textTag(String(index + 1), NUMBER);
      const fits = tag.info.width <= info.width && tag.info.height <= info.height;
      return [{ input: data, raw: info, left, top }, ...(fits ? [{ input: tag.data, left, top }] : [])];
    }),
  );
  return sharp({ create: { width, height, channels: 3, background: BACKGROUND } }).composite(placed.flat());
}
