// From looks at single tiles to findings in the full picture: one object, one finding. Pure; the order of its input does not matter.
import type { Box, Finding } from './contract.ts';
import { areaOf, intersectionOf, iou, overSmaller, unionOf } from './geometry.ts';
import { doubted, isCut, type Look, looksByLabel, neighboursIn, type SeenTile } from './look.ts';
import type { Plan } from './plan.ts';

/** Two boxes of one label that share more than half are one object: the field's usual threshold for a match. */
const SAME_OBJECT_IOU = 0.5;
/** A box that lies to 70 % inside another of its label is a part of it, or a second look at it. */
const INSIDE_SHARE = 0.7;
/** An unsure box has a rough outline: half of it inside a sure one is enough. */
const INSIDE_SHARE_UNSURE = 0.5;
/** So many sure objects inside one box, none of them much less sure than it, make the box a group of them and not their whole. */
const GROUP_MEMBERS_MIN = 3;
const GROUP_MEMBER_SCORE_SHARE = 0.8;
/** A weight below this is no finding: the score at which local detectors begin to report. */
const WEIGHT_MIN = 0.4;

export interface Merged {
  /** Highest score first, then top to bottom, left to right. */
  findings: Finding[];
  /** How many objects were too unsure to be a finding: doubted, and of a low score. */
  unsure: number;
}

export function mergeDetections(seen: readonly SeenTile[], plan: Plan): Merged {
  const { region } = plan;
  const all = looksByLabel(seen, plan).flatMap(merged);
  const objects = region ? all.filter(({ box }) => intersectionOf(box, region) > 0) : all;
  const sure = objects.filter(({ weight }) => weight >= WEIGHT_MIN);
  return { findings: sure.sort(byImportance).map(findingOf), unsure: objects.length - sure.length };
}

function merged(sameLabel: Look[]): Look[] {
  const wholes = withoutParts(withoutDuplicates(sameLabel));
  return withoutParts(withoutDuplicates(withHalvesJoined(wholes)));
}

/** Of looks at the same object the one of most weight, which takes over the others' tiles. */
function withoutDuplicates(looks: Look[]): Look[] {
  const near = neighboursIn(looks);
  const gone = new Set<Look>();
  const sorted = looks.toSorted(byImportance);
  for (const look of sorted) {
    if (gone.has(look)) continue;
    for (const other of near(look.box)) {
      if (gone.has(other) || byImportance(look, other) >= 0 || areHalves(look, other)) continue;
      if (iou(look.box, other.box) <= SAME_OBJECT_IOU) continue;
      gone.add(other);
      takeOver(look, other);
    }
  }
  return sorted.filter((look) => !gone.has(look));
}

/** A large object seen whole beats its parts; several whole objects beat the box around them, and a sure look an unsure one. */
function withoutParts(looks: Look[]): Look[] {
  const near = neighboursIn(looks);
  const gone = new Set<Look>();
  const isPart = (small: Look, large: Look) =>
    !gone.has(small) && isSmaller(small, large) && !areHalves(small, large) && liesInside(small, large);
  for (const large of looks.toSorted((a, b) => (isSmaller(a, b) ? 1 : -1))) {
    if (gone.has(large)) continue;
    const parts = near(large.box).filter((small) => isPart(small, large));
    if (isBeatenBy(parts, large)) {
      gone.add(large);
      continue;
    }
    for (const part of parts) gone.add(part);
    for (const part of parts) {
      const partsOfPart = near(part.box).filter((small) => isPart(small, part)); // a part of a part is a part: it joins the walk
      for (const small of partsOfPart) gone.add(small);
      parts.push(...partsOfPart);
    }
    for (const part of parts) takeOver(large, part);
  }
  return looks.filter((look) => !gone.has(look));
}

function isSmaller(a: Look, b: Look): boolean {
  return (areaOf(a.box) - areaOf(b.box) || byImportance(b, a)) < 0;
}

function liesInside(small: Look, large: Look): boolean {
  return overSmaller(small.box, large.box) > (small.unsure && !large.unsure ? INSIDE_SHARE_UNSURE : INSIDE_SHARE);
}

function isBeatenBy(parts: readonly Look[], large: Look): boolean {
  const sure = parts.filter(({ unsure }) => !unsure);
  const members = sure.filter(({ weight }) => weight >= large.weight * GROUP_MEMBER_SCORE_SHARE);
  return members.length >= GROUP_MEMBERS_MIN || (large.unsure && sure.length > 0);
}

/** Boxes cut by the facing edges of neighbouring tiles, level with each other, become their union. */
function withHalvesJoined(looks: Look[]): Look[] {
  const cut = looks.filter(isCut).sort(byImportance);
  const near = neighboursIn(cut);
  const joined = new Set<Look>();
  const unions = cut.flatMap((look) => {
    if (joined.has(look)) return [];
    const parts = [look]; // grows while it is walked: a quarter's neighbours' neighbours belong to it too
    joined.add(look);
    for (const part of parts) {
      const halves = near(part.box).filter((other) => !joined.has(other) && areHalves(part, other));
      for (const half of halves) joined.add(half);
      parts.push(...halves);
    }
    return [parts.sort(byImportance).reduce(unionLook)];
  });
  return [...looks.filter((look) => !isCut(look)), ...unions];
}

function areHalves(a: Look, b: Look): boolean {
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
function unionLook(a: Look, b: Look): Look {
  const cut = {
    left: (a.box[0] <= b.box[0] ? a : b).cut.left,
    top: (a.box[1] <= b.box[1] ? a : b).cut.top,
    right: (a.box[0] + a.box[2] >= b.box[0] + b.box[2] ? a : b).cut.right,
    bottom: (a.box[1] + a.box[3] >= b.box[1] + b.box[3] ? a : b).cut.bottom,
  };
  const union = { ...a, box: unionOf(a.box, b.box), cut, tiles: [...a.tiles] };
  takeOver(union, b);
  return doubted(union, isCut(union) ? 1 : 0);
}

function takeOver(keeper: Look, other: Look): void {
  keeper.tiles = [...new Set([...keeper.tiles, ...other.tiles])].sort((a, b) => a - b);
}

/** A total order, so that the same looks in any order give the same findings. */
function byImportance(a: Look, b: Look): number {
  return (
    b.weight - a.weight ||
    a.box[1] - b.box[1] ||
    a.box[0] - b.box[0] ||
    b.box[2] - a.box[2] ||
    b.box[3] - a.box[3] ||
    compared(a.detection.label, b.detection.label) ||
    compared(a.detection.text ?? '', b.detection.text ?? '') ||
    a.level - b.level ||
    (a.tiles[0] ?? 0) - (b.tiles[0] ?? 0)
  );
}

function compared(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function findingOf({ detection, box, level, tiles, weight }: Look, index: number): Finding {
  const { label, description, severity, text } = detection;
  const rounded = box.map((side) => Math.round(side * 10) / 10) as Box;
  const score = Math.round(weight * 1_000) / 1_000;
  return { id: `f${index + 1}`, label, description, score, severity, box: rounded, text, level, tiles, verified: null };
}
