// From what a model reported in a tile to a look at an object: where it lies in the picture, and how far it can be trusted. Pure.
import Flatbush from 'flatbush';
import type { Box, Detection } from './contract.ts';
import { areaOf, intersectionOf, overSmaller } from './geometry.ts';
import { boxInImage, type Plan, type PlannedTile, tilesOf } from './plan.ts';

/** A box this near to a tile's inner edge, in pixels of its level, is taken for cut. */
const CUT_MARGIN_PX = 3;
/** What a doubt leaves of a score. */
const DOUBT_WEIGHT = 0.6;
/** An object over half a tile long is over a quarter of one on the next level, the size at which detectors see best. */
const CONFIRMED_FROM_TILE_SHARE = 0.5;
/** Half of the smaller box in common: the same object, or a part of it. */
const CONFIRMED_SHARE = 0.5;

export interface SeenTile {
  tile: PlannedTile;
  detections: readonly Detection[];
}

export interface Look {
  detection: Detection;
  /** Pixels of the full picture. */
  box: Box;
  level: number;
  tiles: number[];
  /** Which sides lie on an inner edge of the tile. */
  cut: { left: boolean; top: boolean; right: boolean; bottom: boolean };
  /** Score times 0.6 for every doubt. */
  weight: number;
  /** True when there is any doubt. */
  unsure: boolean;
}

/**
 * All looks, by lower-case label. A look is doubted when it is cut, when it is a coarse look at what a finer tile had whole,
 * and when it fills half a tile and more but nothing like it was seen on the next coarser level.
 */
export function looksByLabel(seen: readonly SeenTile[], plan: Plan): Look[][] {
  const wholeOnFiner = wholeOnFinerLevel(plan);
  const looks = seen.flatMap(({ tile, detections }) =>
    detections.map((detection) => lookAt(detection, tile, plan, wholeOnFiner)),
  );
  const byLabel = [...Map.groupBy(looks, ({ detection }) => detection.label.toLowerCase()).values()];
  return byLabel.map((sameLabel) => withUnconfirmedDoubted(sameLabel, plan));
}

/** The same look with its score weighed by so many doubts. */
export function doubted(look: Look, doubts: number): Look {
  return { ...look, unsure: doubts > 0, weight: look.detection.score * DOUBT_WEIGHT ** doubts };
}

export function isCut({ cut: { left, top, right, bottom } }: Look): boolean {
  return left || top || right || bottom;
}

export function indexOf(boxed: readonly { box: Box }[]): Flatbush {
  const index = new Flatbush(boxed.length);
  for (const { box } of boxed) index.add(box[0], box[1], box[0] + box[2], box[1] + box[3]);
  index.finish();
  return index;
}

/** Looks up who meets a box, without comparing all with all. */
export function neighboursIn<T extends { box: Box }>(boxed: readonly T[]): (box: Box) => T[] {
  if (boxed.length === 0) return () => [];
  const index = indexOf(boxed);
  return (box) => index.search(box[0], box[1], box[0] + box[2], box[1] + box[3]).map((at) => boxed[at] as T);
}

function lookAt(detection: Detection, tile: PlannedTile, plan: Plan, wholeOnFiner: (box: Box, level: number) => boolean): Look {
  const size = plan.levels.find(({ level }) => level === tile.level) ?? { width: 0, height: 0 };
  const [left, top, width, height] = detection.box;
  const [tileLeft, tileTop, tileWidth, tileHeight] = tile.boxInLevel;
  const cut = {
    left: tileLeft > 0 && left <= CUT_MARGIN_PX,
    top: tileTop > 0 && top <= CUT_MARGIN_PX,
    right: tileLeft + tileWidth < size.width && left + width >= tileWidth - CUT_MARGIN_PX,
    bottom: tileTop + tileHeight < size.height && top + height >= tileHeight - CUT_MARGIN_PX,
  };
  const box = boxInImage([tileLeft + left, tileTop + top, width, height], tile.level, plan);
  const look = { detection, box, level: tile.level, tiles: [tile.index], cut, weight: detection.score, unsure: false };
  return doubted(look, [isCut(look), wholeOnFiner(box, tile.level)].filter(Boolean).length);
}

/** Tells of a box on a level whether some tile of the next finer level shows it whole, at twice the size. */
function wholeOnFinerLevel(plan: Plan): (box: Box, level: number) => boolean {
  const byLevel = new Map(
    [...Map.groupBy(tilesOf(plan), ({ level }) => level)].map(([level, tiles]) => [level, neighboursIn(tiles)]),
  );
  return (box, level) =>
    byLevel
      .get(level - 1)?.(box)
      .some((tile) => intersectionOf(box, tile.box) >= areaOf(box)) ?? false;
}

function withUnconfirmedDoubted(sameLabel: Look[], plan: Plan): Look[] {
  const byLevel = new Map(
    [...Map.groupBy(sameLabel, ({ level }) => level)].map(([level, looks]) => [level, neighboursIn(looks)]),
  );
  const coarsest = plan.levels.at(-1)?.level ?? 0;
  const edgePx = plan.stridePx + 2 * plan.marginPx;
  return sameLabel.map((look) => {
    const sidePx = Math.max(look.box[2], look.box[3]) / 2 ** look.level;
    if (look.unsure || look.level === coarsest || sidePx < edgePx * CONFIRMED_FROM_TILE_SHARE) return look;
    const coarser = byLevel.get(look.level + 1)?.(look.box) ?? [];
    return coarser.some(({ box }) => overSmaller(look.box, box) > CONFIRMED_SHARE) ? look : doubted(look, 1);
  });
}
