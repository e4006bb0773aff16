// From looks at single tiles to findings in the full image: one object, one finding. Pure; the order of its input does not matter.
import type { Box, Finding } from '../contract/schemas.ts';
import { intersectionOf } from '../planning/geometry.ts';
import type { Plan } from '../planning/plan.ts';
import { witnessesOf } from './coverage.ts';
import { detectionOf, type Looks, looksOf, type SeenTile, tileOf } from './detection-table.ts';
import { mergeDuplicates } from './nms.ts';
import { mergeParts } from './parts.ts';
import { SCORE_STEPS, sortByScore } from './ranking.ts';
import { weigh } from './rescore.ts';
import { neighboursOf } from './spatial-index.ts';
import { joinHalves } from './stitch.ts';

/** A weight below this is no finding: the score at which local detectors begin to report. */
const WEIGHT_MIN = 0.4;

export interface Merged {
  /** Highest score first, then top to bottom, left to right. */
  findings: Finding[];
  /** How many objects were too unsure to be a finding: doubted, and of a low score. */
  unsure: number;
}

/** Tiles that are not in `seen` showed nothing, unless `unseen` holds their indexes: those nobody could look at. */
export function mergeDetections(seen: readonly SeenTile[], plan: Plan, unseen: readonly number[] = []): Merged {
  const looks = looksOf(seen, plan);
  joinHalves(looks, plan);
  const neighbours = neighboursOf(looks, standing(looks), plan);
  weigh(looks, neighbours, witnessesOf(looks, plan, unseen), plan);
  mergeParts(looks, mergeDuplicates(looks, neighbours));
  const objects = standing(looks).filter((at) => meetsRegion(looks, at, plan));
  const sure = objects.filter((at) => (looks.weight[at] as number) >= WEIGHT_MIN);
  return { findings: findingsOf(looks, sortByScore(looks, sure)), unsure: objects.length - sure.length };
}

/** Rows of looks that were not merged into another. */
function standing({ count, owner }: Looks): Int32Array {
  const rows = new Int32Array(count);
  let found = 0;
  for (let at = 0; at < count; at++) if (owner[at] === at) rows[found++] = at;
  return rows.subarray(0, found);
}

function meetsRegion({ left, top, right, bottom }: Looks, at: number, { region }: Plan): boolean {
  if (!region) return true;
  const [x, y] = [left[at] as number, top[at] as number];
  return intersectionOf([x, y, (right[at] as number) - x, (bottom[at] as number) - y], region) > 0;
}

function findingsOf(looks: Looks, rows: Int32Array): Finding[] {
  const tiles = tilesByFinding(looks, rows);
  return Array.from(rows, (at, index) => {
    const { label, description, severity, text } = detectionOf(looks, at);
    const score = Math.round((looks.weight[at] as number) * SCORE_STEPS) / SCORE_STEPS;
    const level = looks.level[at] as number;
    const box = boxAt(looks, at);
    return {
      id: `f${index + 1}`,
      label,
      description,
      score,
      severity,
      box,
      text,
      level,
      tiles: tiles[index] ?? [],
      verified: null,
    };
  });
}

/** Indexes of the tiles whose looks were merged into each of `rows`, rising. */
function tilesByFinding(looks: Looks, rows: Int32Array): number[][] {
  const place = new Int32Array(looks.count).fill(-1);
  rows.forEach((row, index) => {
    place[row] = index;
  });
  const tiles: number[][] = Array.from(rows, () => []);
  for (let at = 0; at < looks.reported; at++) {
    const list = tiles[place[ownerOf(looks, at)] as number];
    const index = tileOf(looks, at).index;
    if (list && list.at(-1) !== index) list.push(index); // rows are in the order of tiles
  }
  return tiles;
}

function ownerOf({ owner }: Looks, at: number): number {
  let last = at;
  while (owner[last] !== last) last = owner[last] as number;
  return last;
}

/** To a tenth of a pixel. */
function boxAt({ left, top, right, bottom }: Looks, at: number): Box {
  const [x, y] = [left[at] as number, top[at] as number];
  return [tenth(x), tenth(y), tenth((right[at] as number) - x), tenth((bottom[at] as number) - y)];
}

function tenth(px: number): number {
  return Math.round(px * 10) / 10;
}
