// Checks whether the boxes of a language model agree between the levels of an image. If they do not, but would in other numbers, the model
// answers in other numbers than it is asked for: no single tile shows that. Pure.
import type { Box, Detection, ModelId } from '../contract/schemas.ts';
import { intersectionOf, iou } from '../planning/geometry.ts';
import type { PlannedTile } from '../planning/grid.ts';
import { isLocal } from '../providers/prices.ts';

interface TileDetections {
  tile: PlannedTile;
  detections: readonly Detection[];
}

/** With fewer, agreement may be chance. */
const CHECKED_MIN = 20;
/** Of 100,000 tiles, 500 take less than a second in all readings together. */
const CHECKED_MAX = 500;
/** Boxes of small objects are inexact at coarse levels. */
const MATCH_IOU = 0.3;
const DISAGREE_BELOW = 0.3;
const AGREE_FROM = 0.6;

interface Reading {
  /** Completes "but agree if". */
  words: string;
  /** The edges of a box in a tile of `width` and `height`, all in pixels of the tile. */
  read(edges: Edges, width: number, height: number): Edges;
}

type Edges = readonly [left: number, top: number, right: number, bottom: number];

const AS_READ: Reading = { words: 'they are read as asked', read: (edges) => edges };
const EXCHANGED = 'across and down are exchanged';
const SCALED = 'they are scaled to the pixels of the tile';
/** What a model means if it answers with the top edge first, in pixels where thousandths are asked for, or the other way round. */
const OTHER_READINGS: readonly Reading[] = [
  { words: EXCHANGED, read: ([l, t, r, b], w, h) => [(t / h) * w, (l / w) * h, (b / h) * w, (r / w) * h] },
  { words: EXCHANGED, read: ([l, t, r, b]) => [t, l, b, r] },
  { words: SCALED, read: ([l, t, r, b], w, h) => [(l / w) * 1_000, (t / h) * 1_000, (r / w) * 1_000, (b / h) * 1_000] },
  {
    words: `${EXCHANGED} and ${SCALED}`,
    read: ([l, t, r, b], w, h) => [(t / h) * 1_000, (l / w) * 1_000, (b / h) * 1_000, (r / w) * 1_000],
  },
  {
    words: 'they are read as thousandths of the tile',
    read: ([l, t, r, b], w, h) => [(l / 1_000) * w, (t / 1_000) * h, (r / 1_000) * w, (b / 1_000) * h],
  },
];

/** One note for each of the detection models whose boxes agree only in another reading. */
export function agreementNotes(tiles: readonly TileDetections[], models: readonly ModelId[]): string[] {
  return models.flatMap((model) => {
    if (isLocal(model)) return [];
    // With a single model, its detections do not record it.
    const other = betterReading(models.length === 1 ? tiles : tiles.map((tile) => ofModel(tile, model)));
    if (!other) return [];
    return `Boxes of ${model} disagree between the levels of the image, but agree if ${other.words}: it may answer in other numbers than asked, and boxes may be wrong. Measure it with "npx tilesight calibrate ${model}".`;
  });
}

function ofModel({ tile, detections }: TileDetections, model: ModelId): TileDetections {
  return { tile, detections: detections.filter((detection) => detection.model === model) };
}

/** `null` if the boxes agree as they were read, or in no reading. */
function betterReading(tiles: readonly TileDetections[]): Reading | null {
  const asRead = agreement(tiles, AS_READ);
  if (asRead.checked < CHECKED_MIN || asRead.share >= DISAGREE_BELOW) return null;
  const others = OTHER_READINGS.map((reading) => ({ reading, ...agreement(tiles, reading) }));
  const fitting = others.filter(({ checked, share }) => checked >= CHECKED_MIN && share >= AGREE_FROM);
  return fitting.toSorted((a, b) => b.share - a.share)[0]?.reading ?? null;
}

/** The share of detections that are reported again by a tile of the next finer level, among those that such a tile shows whole. */
function agreement(tiles: readonly TileDetections[], reading: Reading): { checked: number; share: number } {
  const levels = Map.groupBy(tiles, ({ tile }) => tile.level);
  const candidates = tiles.filter(({ tile }) => levels.has(tile.level - 1));
  const every = Math.max(1, Math.ceil(candidates.reduce((sum, { detections }) => sum + detections.length, 0) / CHECKED_MAX));
  const finders = new Map([...levels].map(([level, ofLevel]) => [level, tileFinder(ofLevel)]));
  let [seen, checked, confirmed] = [0, 0, 0];
  for (const { tile, detections } of candidates) {
    for (const detection of detections) {
      if (seen++ % every !== 0) continue;
      const box = boxInImage(detection, tile, reading);
      const showing = finders.get(tile.level - 1)?.(box) ?? [];
      if (showing.length === 0) continue;
      checked++;
      const isSame = (one: Detection) => one.label.toLowerCase() === detection.label.toLowerCase();
      const isConfirmed = showing.some((finer) =>
        finer.detections.some((one) => isSame(one) && iou(box, boxInImage(one, finer.tile, reading)) > MATCH_IOU),
      );
      if (isConfirmed) confirmed++;
    }
  }
  return { checked, share: checked === 0 ? 0 : confirmed / checked };
}

/** Finds the tiles of a level that show a box whole. They are kept by their top left corner in cells as large as a tile. */
function tileFinder(tiles: readonly TileDetections[]): (box: Box) => TileDetections[] {
  const cellPx = tiles.reduce((most, { tile }) => Math.max(most, tile.box[2], tile.box[3]), 1);
  const cellOf = (px: number) => Math.floor(px / cellPx);
  const cells = Map.groupBy(tiles, ({ tile }) => `${cellOf(tile.box[0])} ${cellOf(tile.box[1])}`);
  return (box) => {
    const [column, row] = [cellOf(box[0]), cellOf(box[1])];
    const near = [column - 1, column].flatMap((x) => [row - 1, row].flatMap((y) => cells.get(`${x} ${y}`) ?? []));
    return near.filter(({ tile }) => isInside(box, tile.box));
  };
}

function boxInImage({ box }: Detection, { boxInLevel, level }: PlannedTile, { read }: Reading): Box {
  const [left, top, width, height] = box;
  const [tileLeft, tileTop, tileWidth, tileHeight] = boxInLevel;
  const [l, t, r, b] = read([left, top, left + width, top + height], tileWidth, tileHeight);
  const scale = 2 ** level;
  return [(tileLeft + l) * scale, (tileTop + t) * scale, (r - l) * scale, (b - t) * scale];
}

function isInside(box: Box, outer: Box): boolean {
  const area = box[2] * box[3];
  return area > 0 && intersectionOf(box, outer) >= area * (1 - 1e-9);
}
