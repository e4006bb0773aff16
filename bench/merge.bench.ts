// How fast looks are merged, 1,000 to a million of them, and how well: drawn scenes with objects on seams, on corners and across
// levels, seen by an ideal detector, against their truth, with plain non-maximum suppression beside it.
import type { Box, Detection, Finding } from '../pipeline/contract/schemas.ts';
import type { SeenTile } from '../pipeline/merging/detection-table.ts';
import { mergeDetections } from '../pipeline/merging/merge.ts';
import { iou } from '../pipeline/planning/geometry.ts';
import { boxInImage, tilesOf } from '../pipeline/planning/grid.ts';
import { type Plan, planTiles } from '../pipeline/planning/plan.ts';
import { idealLooks, type Planted, plantedScene, SCENE_KINDS } from '../tests/support/planted.ts';
import { type Random, seededRandom } from '../tests/support/seeded-random.ts';
import type { BenchResult } from './run.ts';

const RUNS = 5;
const COUNTS = [1_000, 10_000, 100_000, 1_000_000] as const;
const CROWDED_100K_MS_MAX = 150;
const CROWDED_1M_MS_MAX = 2_000;
const RIGHT_SHARE_MIN = 0.98;
const SAME_OBJECT_IOU = 0.5;
const LOOKS_AN_OBJECT = 10;
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

type Seen = Pick<Finding, 'label' | 'box' | 'text'>;

export async function run(): Promise<BenchResult> {
  const figures = { ...speed(), ...quality() };
  const bars: Record<string, [sign: '>=' | '<=', bar: number]> = {
    crowded_100000_ms: ['<=', CROWDED_100K_MS_MAX],
    crowded_1000000_ms: ['<=', CROWDED_1M_MS_MAX],
    recall: ['>=', RIGHT_SHARE_MIN],
    precision: ['>=', RIGHT_SHARE_MIN],
  };
  const holds = ([figure, [sign, bar]]: [string, ['>=' | '<=', number]]) => {
    const came = figures[figure] ?? Number.NaN;
    return sign === '>=' ? came >= bar : came <= bar;
  };
  const words = Object.entries(bars).map(([figure, [sign, bar]]) => [figure, `${sign} ${bar}`]);
  return { figures, bars: Object.fromEntries(words), pass: Object.entries(bars).every(holds) };
}

/** Medians, in milliseconds. */
function speed(): Record<string, number> {
  const plan = planOf(20_000, 15_000, 1_024, 128);
  const figures: Record<string, number> = {};
  for (const count of COUNTS) {
    for (const kind of ['crowded', 'scattered'] as const) {
      const seen = strewn(plan, count, kind === 'crowded' ? LOOKS_AN_OBJECT : 1, seededRandom(count));
      const times = Array.from({ length: RUNS }, () => {
        const beginMs = performance.now();
        const { findings } = mergeDetections(seen, plan);
        return { ms: performance.now() - beginMs, findings: findings.length };
      }).sort((a, b) => a.ms - b.ms);
      const { ms = 0, findings = 0 } = times[Math.floor(RUNS / 2)] ?? {};
      figures[`${kind}_${count}_ms`] = Math.round(ms * 10) / 10;
      console.log(JSON.stringify({ looks: count, kind, runs: RUNS, ms: figures[`${kind}_${count}_ms`], findings }));
    }
  }
  return figures;
}

/** `count` looks at objects of 8 to 70 pixels, `looksAnObject` at each: three quarters at full resolution, the others one level up. */
function strewn(plan: Plan, count: number, looksAnObject: number, random: Random): SeenTile[] {
  const seen = tilesOf(plan).map((tile) => ({ tile, detections: [] as Detection[] }));
  const byName = new Map(seen.map((looked) => [looked.tile.name, looked]));
  for (let made = 0; made < count; ) {
    const side = looksAnObject > 1 ? 30 + 40 * random.next() : 8 + 12 * random.next();
    const [left, top] = [random.next() * (plan.width - 2 * side), random.next() * (plan.height - 2 * side)];
    const label = random.oneOf(LABELS);
    for (let look = 0; look < looksAnObject && made < count; look++, made++) {
      const level = looksAnObject > 1 && random.next() < 0.25 ? 1 : 0;
      const jitter = () => 4 * random.next();
      const box: Box = [left + jitter(), top + jitter(), side + jitter(), side + jitter()];
      const { columns = 1, rows = 1 } = plan.levels[level] ?? {};
      const place = (start: number, count: number) => Math.min(count - 1, Math.floor(start / 2 ** level / plan.stridePx));
      const [column, row] = [place(box[0], columns), place(box[1], rows)];
      const looked = byName.get(`tile-${level}-r${row}-c${column}`);
      if (!looked) throw new Error(`No tile for ${box} on level ${level}.`);
      const [tileLeft, tileTop] = looked.tile.boxInLevel;
      const boxInTile = box.map((side, at) => Math.round(side / 2 ** level - ([tileLeft, tileTop][at] ?? 0))) as Box;
      const score = Math.round((0.4 + 0.6 * random.next()) * 1_000) / 1_000;
      looked.detections.push({ label, description: label, score, severity: 'info', box: boxInTile, text: null });
    }
  }
  return seen;
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
        const seen = idealLooks(planted, plan, random);
        const truth = planted.filter(({ isGroup }) => !isGroup);
        oursHere.count(truth, mergeDetections(seen, plan).findings);
        plainHere.count(truth, suppressed(seen, plan));
      }
      console.log(JSON.stringify({ tile: edgePx, overlap: overlapPx, kind, ours: oursHere.shares(), nms: plainHere.shares() }));
      ours.add(oursHere);
      plain.add(plainHere);
    }
  }
  const nms = plain.shares();
  return { ...ours.shares(), nms_recall: nms.recall, nms_precision: nms.precision };
}

function planOf(width: number, height: number, tile_size: number, overlap: number): Plan {
  const wishes = { detail: 'fine', tile_size, overlap, grid: null, region: null, max_tiles: null, skip_blank: true } as const;
  return planTiles({ width, height }, wishes, { edgePx: tile_size, overlapPx: overlap });
}

/** Right: the label and text of a planted object, and IoU of at least 0.5 with it; each object once. */
class Tally {
  #planted = 0;
  #found = 0;
  #right = 0;

  count(truth: readonly Planted[], found: readonly Seen[]): void {
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

/** What most pipelines do: of boxes of one label that overlap by half, the surest stays. */
function suppressed(seen: readonly SeenTile[], plan: Plan): Seen[] {
  const all = seen.flatMap(({ tile, detections }) =>
    detections.map(({ label, text, score, box: [left, top, width, height] }) => {
      const [tileLeft, tileTop] = tile.boxInLevel;
      return { label, text, score, box: boxInImage([tileLeft + left, tileTop + top, width, height], tile.level, plan) };
    }),
  );
  const kept: Seen[] = [];
  for (const look of all.sort((a, b) => b.score - a.score)) {
    if (!kept.some(({ label, box }) => label === look.label && iou(box, look.box) > SAME_OBJECT_IOU)) kept.push(look);
  }
  return kept;
}
