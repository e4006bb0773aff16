// From what a model reported in a tile to a look at an object: where it lies in the image, which edges of its tile cut it. Pure.
// Looks are rows of typed columns, as a run may hold a million of them.
import type { Detection } from '../contract/schemas.ts';
import type { PlannedLevel, PlannedTile } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';

/** A box this near to a tile's inner edge, in pixels of its level, is taken for cut. */
export const CUT_MARGIN_PX = 3;

/** Sides of a box; a sum of them says which are cut. */
export const SIDE = { left: 1, top: 2, right: 4, bottom: 8 } as const;

export interface SeenTile {
  tile: PlannedTile;
  detections: readonly Detection[];
}

export interface Looks {
  /** Rows that tiles reported; behind them come unions of two or more cut looks. */
  reported: number;
  /** Rows in use. */
  count: number;
  /** Finest level first, then rows, then columns, with the row of the first look of each. */
  seen: (SeenTile & { first: number })[];
  /** What the unions say. */
  unions: Detection[];
  /** Place in `seen`; of a union, that of its surest part. */
  tile: Int32Array;
  level: Uint8Array;
  /** The same for the same label, in capitals or not; below `labels`. */
  label: Int32Array;
  labels: number;
  /** Edges in pixels of the full image: to 1/100 of a pixel up to sides of 131,072. */
  left: Float32Array;
  top: Float32Array;
  right: Float32Array;
  bottom: Float32Array;
  /** Sides that lie on an inner edge of the tile: a sum of SIDE. */
  cut: Uint8Array;
  /** 1 when the detection is a reading of text. */
  isText: Uint8Array;
  /** Score, halved for every doubt; of a union, by both its surest parts. */
  weight: Float32Array;
  /** Of a union, the score of its second surest part; else 0. */
  second: Float32Array;
  /** What is looked at first: as `weight`, halved where a finer look shows the same thing better. */
  rank: Float32Array;
  /** 1 when there is any doubt, or a better look at the same thing. */
  unsure: Uint8Array;
  /** The look that this one was merged into; itself while it stands. */
  owner: Int32Array;
}

interface ScaledImage {
  width: number;
  height: number;
  /** Pixels of the image in a pixel of the tile. */
  scale: number;
}

/** All looks of all tiles, in the order of the plan. */
export function looksOf(seen: readonly SeenTile[], plan: Plan): Looks {
  const sorted = seen.toSorted((a, b) => a.tile.index - b.tile.index);
  const looks = roomFor(sorted.reduce((sum, { detections }) => sum + detections.length, 0));
  const labels = new LabelNumbers();
  for (const { tile, detections } of sorted) {
    const place = looks.seen.push({ tile, detections, first: looks.count }) - 1;
    const inner = innerEdges(tile, plan.levels);
    const image = { width: plan.width, height: plan.height, scale: 2 ** tile.level };
    for (const detection of detections) {
      const at = looks.count++;
      looks.tile[at] = place;
      looks.level[at] = tile.level;
      looks.label[at] = labels.of(detection.label);
      looks.cut[at] = cutSides(detection, tile, inner);
      looks.isText[at] = detection.text === null ? 0 : 1;
      looks.weight[at] = detection.score;
      looks.owner[at] = at;
      setBox(looks, at, detection, tile, image);
    }
  }
  looks.reported = looks.count;
  looks.labels = labels.count;
  return looks;
}

/** What was reported of a look, or what its parts say together. */
export function detectionOf({ reported, seen, tile, unions }: Looks, at: number): Detection {
  const looked = at < reported ? seen[tile[at] as number] : undefined;
  return (looked ? looked.detections[at - looked.first] : unions[at - reported]) as Detection;
}

export function tileOf({ seen, tile }: Looks, at: number): PlannedTile {
  return (seen[tile[at] as number] as SeenTile).tile;
}

function roomFor(count: number): Looks {
  const rows = count + (count >> 1); // a union has two parts at least
  const floats = () => new Float32Array(rows);
  const [left, top, right, bottom] = [floats(), floats(), floats(), floats()];
  const [weight, second, rank] = [floats(), floats(), floats()];
  const [tile, label, owner] = [new Int32Array(rows), new Int32Array(rows), new Int32Array(rows)];
  const [level, cut, isText, unsure] = [new Uint8Array(rows), new Uint8Array(rows), new Uint8Array(rows), new Uint8Array(rows)];
  const columns = { tile, level, label, left, top, right, bottom, cut, isText, weight, second, rank, unsure, owner };
  return { reported: 0, count: 0, seen: [], unions: [], labels: 0, ...columns };
}

/** Sides of a tile behind which the image goes on. */
function innerEdges({ level, boxInLevel: [left, top, width, height] }: PlannedTile, levels: readonly PlannedLevel[]): number {
  const size = levels.find((planned) => planned.level === level);
  if (!size) throw new Error(`No level ${level} in the plan.`);
  return (
    (left > 0 ? SIDE.left : 0) |
    (top > 0 ? SIDE.top : 0) |
    (left + width < size.width ? SIDE.right : 0) |
    (top + height < size.height ? SIDE.bottom : 0)
  );
}

/** A line of text may go on behind a space: its ends are taken for cut when they are nearer to the edge than the line is high. */
function cutSides({ box, text }: Detection, { boxInLevel }: PlannedTile, inner: number): number {
  const marginPx = text === null ? CUT_MARGIN_PX : Math.max(CUT_MARGIN_PX, Math.min(box[2], box[3]));
  const touched =
    (box[0] <= marginPx ? SIDE.left : 0) |
    (box[1] <= CUT_MARGIN_PX ? SIDE.top : 0) |
    (box[0] + box[2] >= boxInLevel[2] - marginPx ? SIDE.right : 0) |
    (box[1] + box[3] >= boxInLevel[3] - CUT_MARGIN_PX ? SIDE.bottom : 0);
  return touched & inner;
}

/** From pixels of the tile to pixels of the image, whose last pixels on a coarse level may stand for less than the others. */
function setBox(looks: Looks, at: number, { box }: Detection, { boxInLevel }: PlannedTile, image: ScaledImage): void {
  const { scale, width, height } = image;
  const left = (boxInLevel[0] + box[0]) * scale;
  const top = (boxInLevel[1] + box[1]) * scale;
  looks.left[at] = Math.min(left, width);
  looks.top[at] = Math.min(top, height);
  looks.right[at] = Math.min(left + box[2] * scale, width);
  looks.bottom[at] = Math.min(top + box[3] * scale, height);
}

/** Numbers labels as they come; the spelling with capitals is looked up once. */
class LabelNumbers {
  readonly #bySpelling = new Map<string, number>();
  readonly #byName = new Map<string, number>();

  of(spelling: string): number {
    return this.#bySpelling.get(spelling) ?? this.#add(spelling);
  }

  #add(spelling: string): number {
    const name = spelling.toLowerCase();
    const number = this.#byName.get(name) ?? this.#byName.size;
    this.#byName.set(name, number);
    this.#bySpelling.set(spelling, number);
    return number;
  }

  get count(): number {
    return this.#byName.size;
  }
}
