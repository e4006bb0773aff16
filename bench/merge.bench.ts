// Measures the merge. Speed: 1,000 to a million detections. Quality: recall and precision on drawn scenes with objects across tile
// edges, corners and levels, as an ideal detector reports them, compared with plain non-maximum suppression.
import { at } from '../pipeline/contract/at.ts';
import type { Box, Detection, Finding } from '../pipeline/contract/schemas.ts';
import { mergeDetections } from '../pipeline/merging/merge.ts';
import type { TileDetections } from '../pipeline/merging/table-of-tiles.ts';
import { iou } from '../pipeline/planning/geometry.ts';
import { boxInImage, tilesOf } from '../pipeline/planning/grid.ts';
import { type Plan, planTiles } from '../pipeline/planning/plan.ts';
import { idealDetections, type Planted, plantedScene, SCENE_KINDS } from '../tests/support/planted.ts';
import { type Random, seededRandom } from '../tests/support/seeded-random.ts';
import { type BenchResult, median, resultOf, rounded } from './result.ts';

const RUNS = 5;
const COUNTS = [1_000, 10_000, 100_000, 1_000_000] as const;
const CROWDED_100K_MS_MAX = 150;
const CROWDED_1M_MS_MAX = 2_000;
const RIGHT_SHARE_MIN = 0.98;
const SAME_OBJECT_IOU = 0.5;
const DETECTIONS_PER_OBJECT = 10;
const LABELS = ['person', 'cup', 'cat', 'car', 'boat'] as const;

/** Tile edge and overlap, in pixels. */
const TILES = [
  [640, 160],
  [640, 64],
  [640, 0],
  [1_024, 128],
  [1_024, 160],
  [1_024, 64],
] as const;
const SEEDS = 3;

type FoundObject = Pick<Finding, 'label' | 'box' | 'text'>;

export async function run(): Promise<BenchResult> {
  const figures = Object.assign(speed(), quality());
  return resultOf(figures, {
    crowded_100000_ms: ['<=', CROWDED_100K_MS_MAX],
    crowded_1000000_ms: ['<=', CROWDED_1M_MS_MAX],
    recall: ['>=', RIGHT_SHARE_MIN],
    precision: ['>=', RIGHT_SHARE_MIN],
  });
}

/** Medians, in milliseconds. */
function speed(): Record<string, number> {
  const plan = planOf(20_000, 15_000, 1_024, 128);
  const figures: Record<string, number> = {};
  for (const count of COUNTS) {
    for (const kind of ['crowded', 'scattered'] as const) {
      const tiles = scattered(plan, count, kind === 'crowded' ? DETECTIONS_PER_OBJECT : 1, seededRandom(count));
      const times: number[] = [];
      let findings = 0;
      for (let run = 0; run < RUNS; run++) {
        const beginMs = performance.now();
        findings = mergeDetections(tiles, plan).findings.length;
        times.push(performance.now() - beginMs);
      }
      const ms = rounded(median(times), 1);
      figures[`${kind}_${count}_ms`] = ms;
      console.log(JSON.stringify({ detections: count, kind, runs: RUNS, ms, findings }));
    }
  }
  return figures;
}

/** `count` detections of objects of 8 to 70 pixels, several per object: three quarters at full resolution, a quarter one level up. */
function scattered(plan: Plan, count: number, detectionsPerObject: number, random: Random): TileDetections[] {
  const tiles = tilesOf(plan).map((tile) => ({ tile, detections: [] as Detection[] }));
  const byName = new Map(tiles.map((reported) => [reported.tile.name, reported]));
  for (let made = 0; made < count; ) {
    const sidePx = detectionsPerObject > 1 ? 30 + 40 * random.next() : 8 + 12 * random.next();
    const [left, top] = [random.next() * (plan.width - 2 * sidePx), random.next() * (plan.height - 2 * sidePx)];
    const label = random.oneOf(LABELS);
    for (let copy = 0; copy < detectionsPerObject && made < count; copy++, made++) {
      const level = detectionsPerObject > 1 && random.next() < 0.25 ? 1 : 0;
      const jitter = () => 4 * random.next();
      const box: Box = [left + jitter(), top + jitter(), sidePx + jitter(), sidePx + jitter()];
      const { columns, rows } = at(plan.levels, level);
      const position = (start: number, count: number) => Math.min(count - 1, Math.floor(start / 2 ** level / plan.stridePx));
      const [column, row] = [position(box[0], columns), position(box[1], rows)];
      const reported = byName.get(`tile-${level}-r${row}-c${column}`);
      if (!reported) throw new Error(`No tile for ${box} on level ${level}.`);
      const [tileLeft, tileTop] = reported.tile.boxInLevel;
      const [x, y, width, height] = box.map((px) => px / 2 ** level) as Box;
      const boxInTile: Box = [Math.round(x - tileLeft), Math.round(y - tileTop), Math.round(width), Math.round(height)];
      const score = Math.round((0.4 + 0.6 * random.next()) * 1_000) / 1_000;
      reported.detections.push({ label, description: label, score, severity: 'info', box: boxInTile, text: null });
    }
  }
  return tiles;
}

/** Every kind of scene on every kind of plan, from several seeds. */
function quality(): Record<string, number> {
  const ours = new Tally();
  const plain = new Tally();
  for (const [edgePx, overlapPx] of TILES) {
    const plan = planOf(6_000, 4_500, edgePx, overlapPx);
    for (const kind of SCENE_KINDS) {
      const [oursHere, plainHere] = [new Tally(), new Tally()];
      for (let seed = 1; seed <= SEEDS; seed++) {
        const random = seededRandom(seed);
        const planted = plantedScene(kind, plan, random);
        const tiles = idealDetections(planted, plan, random);
        const truth = planted.filter(({ isGroup }) => !isGroup);
        oursHere.count(truth, mergeDetections(tiles, plan).findings);
        plainHere.count(truth, plainNms(tiles, plan));
      }
      console.log(JSON.stringify({ tile: edgePx, overlap: overlapPx, kind, ours: oursHere.shares(), nms: plainHere.shares() }));
      ours.add(oursHere);
      plain.add(plainHere);
    }
  }
  const [merge, nms] = [ours.shares(), plain.shares()];
  return { recall: merge.recall, precision: merge.precision, nms_recall: nms.recall, nms_precision: nms.precision };
}

function planOf(width: number, height: number, tile_size: number, overlap: number): Plan {
  const request = { detail: 'fine', tile_size, overlap, grid: null, region: null, max_tiles: null, skip_blank: true } as const;
  return planTiles({ width, height }, request, { edgePx: tile_size, overlapPx: overlap });
}

/** A finding is right if it has the label and text of a planted object and an IoU of at least 0.5 with it. Each object counts once. */
class Tally {
  #planted = 0;
  #found = 0;
  #right = 0;

  count(truth: readonly Planted[], found: readonly FoundObject[]): void {
    const left = new Set(truth);
    this.#planted += truth.length;
    this.#found += found.length;
    for (const { label, box, text } of found) {
      const fits = [...left].filter(
        (object) => object.label === label && object.text === text && iou(object.box, box) >= SAME_OBJECT_IOU,
      );
      const best = fits.sort((a, b) => iou(b.box, box) - iou(a.box, box))[0];
      if (best && left.delete(best)) this.#right++;
    }
  }

  add(other: Tally): void {
    this.#planted += other.#planted;
    this.#found += other.#found;
    this.#right += other.#right;
  }

  shares(): { recall: number; precision: number } {
    const share = (of: number) => Math.round((this.#right / Math.max(1, of)) * 10_000) / 10_000;
    return { recall: share(this.#planted), precision: share(this.#found) };
  }
}

/** What most pipelines do: of boxes of one label that overlap by half, only the one with the highest score stays. */
function plainNms(tiles: readonly TileDetections[], plan: Plan): FoundObject[] {
  const all = tiles.flatMap(({ tile, detections }) =>
    detections.map(({ label, text, score, box: [left, top, width, height] }) => {
      const [tileLeft, tileTop] = tile.boxInLevel;
      return { label, text, score, box: boxInImage([tileLeft + left, tileTop + top, width, height], tile.level, plan) };
    }),
  );
  const kept: FoundObject[] = [];
  for (const candidate of all.sort((a, b) => b.score - a.score)) {
    const isDuplicate = kept.some(({ label, box }) => label === candidate.label && iou(box, candidate.box) > SAME_OBJECT_IOU);
    if (!isDuplicate) kept.push(candidate);
  }
  return kept;
}
