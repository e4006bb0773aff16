// From what was seen in single tiles to findings in the full picture: one object, one finding. Pure; the order of its input does not matter.
import Flatbush from 'flatbush';
import type { Box, Detection, Finding } from './contract.ts';
import { areaOf, intersectionOf, iou, overSmaller, unionOf } from './geometry.ts';
import { boxInImage, type Plan, type PlannedTile, tilesOf } from './plan.ts';

/** Two boxes of one label that share more than half are one object: the field's usual threshold for a match. */
const SAME_OBJECT_IOU = 0.5;
/** A box that lies to 70 % inside another of its label is a part of it, or a second look at it. */
const INSIDE_SHARE = 0.7;
/** An unsure box has a rough outline: half of it inside a sure one is enough. */
const INSIDE_SHARE_UNSURE = 0.5;
/** A box this near to a tile's inner edge, in pixels of its level, is taken for cut. */
const CUT_MARGIN_PX = 3;
/** What an unsure look is worth against a sure one: a box that is cut, or a coarse look at what a finer one had whole before it. */
const UNSURE_WEIGHT = 0.6;
/** Score times weight below this is no finding: the score at which local detectors begin to report. */
const WEIGHT_MIN = 0.4;
/** From this many whole objects inside one box on, the box is a group of them and not their whole. */
const GROUP_MEMBERS_MIN = 3;

interface Candidate {
  detection: Detection;
  /** Pixels of the full picture. */
  box: Box;
  level: number;
  tiles: number[];
  /** Which sides lie on an inner edge of the tile. */
  cut: { left: boolean; top: boolean; right: boolean; bottom: boolean };
  /** Cut, or a coarse look at what a finer tile had whole before it. */
  unsure: boolean;
  /** Score, less when unsure. */
  weight: number;
}

export interface SeenTile {
  tile: PlannedTile;
  detections: readonly Detection[];
}

export interface Merged {
  /** Highest score first, then top to bottom, left to right. */
  findings: Finding[];
  /** Looks that were too unsure to be a finding: cut by a tile's edge or coarse, and of a low score. */
  unsure: number;
}

export function mergeDetections(seen: readonly SeenTile[], plan: Plan): Merged {
  const whole = wholeOnFinerLevel(plan);
  const byLabel = Map.groupBy(
    seen.flatMap(({ tile, detections }) => detections.map((detection) => candidateOf(detection, tile, plan, whole))),
    (candidate) => candidate.detection.label.toLowerCase(),
  );
  const objects = [...byLabel.values()].flatMap((candidates) => merged(candidates));
  const sure = objects.filter(({ weight }) => weight >= WEIGHT_MIN);
  return { findings: sure.sort(byImportance).map(findingOf), unsure: objects.length - sure.length };
}

/** Tells of a box on a level whether some tile of the next finer level shows it whole, at twice the size. */
function wholeOnFinerLevel(plan: Plan): (box: Box, level: number) => boolean {
  const indexes = new Map(
    [...Map.groupBy(tilesOf(plan), (tile) => tile.level)].map(([level, tiles]) => [level, { tiles, index: indexOf(tiles) }]),
  );
  return (box, level) => {
    const finer = indexes.get(level - 1);
    if (!finer) return false;
    const near = finer.index.search(box[0], box[1], box[0] + box[2], box[1] + box[3]);
    return near.some((at) => intersectionOf(box, (finer.tiles[at] as PlannedTile).box) >= areaOf(box));
  };
}

function merged(candidates: Candidate[]): Candidate[] {
  const wholes = withoutParts(withoutDuplicates(candidates.sort(byImportance)));
  return withoutParts(withoutDuplicates(withHalvesJoined(wholes).sort(byImportance)));
}

function candidateOf(
  detection: Detection,
  tile: PlannedTile,
  plan: Plan,
  wholeOnFiner: (box: Box, level: number) => boolean,
): Candidate {
  const level = plan.levels.find(({ level }) => level === tile.level);
  const [left, top, width, height] = detection.box;
  const [tileLeft, tileTop, tileWidth, tileHeight] = tile.boxInLevel;
  const cut = {
    left: tileLeft > 0 && left <= CUT_MARGIN_PX,
    top: tileTop > 0 && top <= CUT_MARGIN_PX,
    right: tileLeft + tileWidth < (level?.width ?? 0) && left + width >= tileWidth - CUT_MARGIN_PX,
    bottom: tileTop + tileHeight < (level?.height ?? 0) && top + height >= tileHeight - CUT_MARGIN_PX,
  };
  const box = boxInImage([tileLeft + left, tileTop + top, width, height], tile.level, plan);
  const doubts = [isCut(cut), wholeOnFiner(box, tile.level)];
  return { detection, box, level: tile.level, tiles: [tile.index], cut, ...sureness(detection.score, doubts) };
}

/** Every doubt counts. */
function sureness(score: number, doubts: boolean[]): Pick<Candidate, 'unsure' | 'weight'> {
  const count = doubts.filter(Boolean).length;
  return { unsure: count > 0, weight: score * UNSURE_WEIGHT ** count };
}

function isCut({ left, top, right, bottom }: Candidate['cut']): boolean {
  return left || top || right || bottom;
}

/** Of candidates that show the same object the one of most weight, which takes over the others' tiles. */
function withoutDuplicates(sorted: Candidate[]): Candidate[] {
  const near = neighbours(sorted);
  const gone = new Set<Candidate>();
  for (const candidate of sorted) {
    if (gone.has(candidate)) continue;
    for (const other of near(candidate)) {
      if (other === candidate || gone.has(other) || iou(candidate.box, other.box) <= SAME_OBJECT_IOU) continue;
      if (byImportance(candidate, other) > 0 || areHalves(candidate, other)) continue;
      gone.add(other);
      takeOver(candidate, other);
    }
  }
  return sorted.filter((candidate) => !gone.has(candidate));
}

/** A large object seen whole beats its parts; several whole objects beat the box around them, and a sure look an unsure one. */
function withoutParts(candidates: Candidate[]): Candidate[] {
  const near = neighbours(candidates);
  const gone = new Set<Candidate>();
  const largestFirst = candidates.toSorted((a, b) => areaOf(b.box) - areaOf(a.box) || byImportance(a, b));
  for (const large of largestFirst) {
    if (gone.has(large)) continue;
    const inside = near(large)
      .filter(
        (small) => small !== large && !gone.has(small) && areaOf(small.box) <= areaOf(large.box) && !areHalves(small, large),
      )
      .filter(
        (small) => overSmaller(large.box, small.box) > (small.unsure && !large.unsure ? INSIDE_SHARE_UNSURE : INSIDE_SHARE),
      );
    const sure = inside.filter((small) => !small.unsure);
    if (sure.length >= GROUP_MEMBERS_MIN || (large.unsure && sure.length > 0)) {
      gone.add(large);
      continue;
    }
    for (const part of inside) {
      gone.add(part);
      takeOver(large, part);
    }
  }
  return candidates.filter((candidate) => !gone.has(candidate));
}

/** Boxes cut by the facing edges of neighbouring tiles, level with each other, become their union. */
function withHalvesJoined(candidates: Candidate[]): Candidate[] {
  const cut = candidates.filter((candidate) => isCut(candidate.cut));
  const near = neighbours(cut);
  const joined = new Set<Candidate>();
  const unions = cut.flatMap((candidate) => {
    if (joined.has(candidate)) return [];
    const parts = [candidate]; // grows while it is walked: a quarter's neighbours' neighbours belong to it too
    joined.add(candidate);
    for (const part of parts) {
      const halves = near(part).filter((other) => !joined.has(other) && areHalves(part, other));
      for (const half of halves) joined.add(half);
      parts.push(...halves);
    }
    return [parts.sort(byImportance).reduce(unionCandidate)];
  });
  return [...candidates.filter((candidate) => !isCut(candidate.cut)), ...unions];
}

function areHalves(a: Candidate, b: Candidate): boolean {
  if (a.level !== b.level) return false;
  if (a.detection.text !== null || b.detection.text !== null) return false; // two readings of a line do not add up to one
  const besideEachOther = (a.cut.right && b.cut.left) || (a.cut.left && b.cut.right);
  const aboveEachOther = (a.cut.bottom && b.cut.top) || (a.cut.top && b.cut.bottom);
  return (besideEachOther && sharedSide(a.box, b.box, 1)) || (aboveEachOther && sharedSide(a.box, b.box, 0));
}

/** True when two boxes meet and have the greater part of their extent along `axis` (0: x, 1: y) in common. */
function sharedSide(a: Box, b: Box, axis: 0 | 1): boolean {
  const across = axis === 0 ? 1 : 0;
  const common = (along: 0 | 1) =>
    Math.min(a[along] + sideOf(a, along), b[along] + sideOf(b, along)) - Math.max(a[along], b[along]);
  return common(across) >= 0 && common(axis) > Math.max(sideOf(a, axis), sideOf(b, axis)) * SAME_OBJECT_IOU;
}

function sideOf(box: Box, axis: 0 | 1): number {
  return axis === 0 ? box[2] : box[3];
}

/** `a` is the more important one: the union speaks with its words. */
function unionCandidate(a: Candidate, b: Candidate): Candidate {
  const cut = {
    left: (a.box[0] <= b.box[0] ? a : b).cut.left,
    top: (a.box[1] <= b.box[1] ? a : b).cut.top,
    right: (a.box[0] + a.box[2] >= b.box[0] + b.box[2] ? a : b).cut.right,
    bottom: (a.box[1] + a.box[3] >= b.box[1] + b.box[3] ? a : b).cut.bottom,
  };
  const union = { ...a, box: unionOf(a.box, b.box), cut, ...sureness(a.detection.score, [isCut(cut)]), tiles: [...a.tiles] };
  takeOver(union, b);
  return union;
}

function takeOver(keeper: Candidate, other: Candidate): void {
  keeper.tiles = [...new Set([...keeper.tiles, ...other.tiles])].sort((a, b) => a - b);
}

/** Looks up who meets a candidate's box, without comparing all with all. */
function neighbours(candidates: readonly Candidate[]): (of: Candidate) => Candidate[] {
  if (candidates.length === 0) return () => [];
  const index = indexOf(candidates);
  return ({ box }) => index.search(box[0], box[1], box[0] + box[2], box[1] + box[3]).map((at) => candidates[at] as Candidate);
}

function indexOf(boxed: readonly { box: Box }[]): Flatbush {
  const index = new Flatbush(boxed.length);
  for (const { box } of boxed) index.add(box[0], box[1], box[0] + box[2], box[1] + box[3]);
  index.finish();
  return index;
}

/** A total order, so that the same candidates in any order give the same findings. */
function byImportance(a: Candidate, b: Candidate): number {
  return (
    b.weight - a.weight ||
    a.box[1] - b.box[1] ||
    a.box[0] - b.box[0] ||
    b.box[2] - a.box[2] ||
    b.box[3] - a.box[3] ||
    a.detection.label.localeCompare(b.detection.label) ||
    a.level - b.level ||
    (a.tiles[0] ?? 0) - (b.tiles[0] ?? 0)
  );
}

function findingOf({ detection, box, level, tiles, weight }: Candidate, index: number): Finding {
  const { label, description, severity, text } = detection;
  const rounded = box.map((side) => Math.round(side * 10) / 10) as Box;
  const score = Math.round(weight * 1_000) / 1_000;
  return { id: `f${index + 1}`, label, description, score, severity, box: rounded, text, level, tiles, verified: null };
}
