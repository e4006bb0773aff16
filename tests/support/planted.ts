// Random scenes of known objects, and an ideal detector. In every tile it reports the visible part of each object, off by a pixel or
// two; the smaller the visible part, the lower the score. A seed determines everything.
import type { Box, Detection } from '../../pipeline/contract/schemas.ts';
import type { TileDetections } from '../../pipeline/merging/table-of-tiles.ts';
import { intersectionOf } from '../../pipeline/planning/geometry.ts';
import { type PlannedTile, tilesOf } from '../../pipeline/planning/grid.ts';
import type { Plan } from '../../pipeline/planning/plan.ts';
import type { Random } from './seeded-random.ts';

/** The detector recognizes an object from this size on, in pixels of the tile, and up to a size of two tiles. */
const SIDE_MIN_PX = 16;
const TEXT_HEIGHT_MIN_PX = 12;
const TILE_EDGES_MAX = 2;
const VISIBLE_SHARE_MIN = 0.1;
const JITTER_PX = 2;
/** The share of a letter that must be visible for it to be read; a letter cut in the middle may be misread. */
const LETTER_SHARE_MIN = 0.6;
const LETTER_WIDTH_BY_HEIGHT = 0.6;
const MISREAD = '|';
const TRIES_MAX = 2_000;

export interface Planted {
  label: string;
  /** Pixels of the full image. */
  box: Box;
  text: string | null;
  /** True for a box around several objects that the detector reports as one: not part of the ground truth. */
  isGroup: boolean;
}

export type SceneKind = 'scattered' | 'seams' | 'rows' | 'levels' | 'groups' | 'lines';
export const SCENE_KINDS: readonly SceneKind[] = ['scattered', 'seams', 'rows', 'levels', 'groups', 'lines'];

const LABELS = ['person', 'cup', 'cat'] as const;
const WORDS = ['VALVE', 'PUMP', 'Office', 'stair', '12.8', 'm2', 'DN-150', 'north', 'EXIT', 'ROOM', 'A-204', 'kitchen'] as const;

/** Random objects. No two objects of one label overlap. */
export function plantedScene(kind: SceneKind, plan: Plan, random: Random): Planted[] {
  const planted: Planted[] = [];
  const plant = (...together: Planted[]): void => {
    const fits = together.every(({ box }) => box[0] + box[2] <= plan.width && box[1] + box[3] <= plan.height);
    const isFree = ({ label, box }: Planted) =>
      planted.every((other) => other.label !== label || intersectionOf(box, other.box) === 0);
    if (fits && together.every(isFree)) planted.push(...together);
  };
  for (let scene = 0; scene < TRIES_MAX && planted.length < SCENES[kind].objects; scene++)
    plant(...SCENES[kind].draw(plan, random));
  return planted;
}

/** The detector's report for every tile of the plan. */
export function idealDetections(planted: readonly Planted[], plan: Plan, random: Random): TileDetections[] {
  return tilesOf(plan).map((tile) => ({
    tile,
    detections: planted.flatMap((object) => detectionsOf(object, tile, plan, random)),
  }));
}

const SCENES: Record<SceneKind, { objects: number; draw: (plan: Plan, random: Random) => Planted[] }> = {
  scattered: {
    objects: 300,
    draw: (plan, random) => [object(anywhere(anySize(20, edgeOf(plan) / 2, random), plan, random), random)],
  },
  seams: { objects: 150, draw: (plan, random) => [object(onSeam(anySize(20, edgeOf(plan), random), plan, random), random)] },
  rows: { objects: 300, draw: rowOfObjects },
  levels: {
    objects: 40,
    draw: (plan, random) => [object(anywhere(anySize(edgeOf(plan) / 2, 4 * edgeOf(plan), random), plan, random), random)],
  },
  groups: { objects: 200, draw: groupOfObjects },
  lines: { objects: 150, draw: (plan, random) => [line(plan, random)] },
};

function object(box: Box, random: Random): Planted {
  return { label: random.oneOf(LABELS), box, text: null, isGroup: false };
}

/** Sides on a logarithmic scale, so that small and large objects are equally frequent. The sides differ by 30 % at most. */
function anySize(leastPx: number, mostPx: number, random: Random): [width: number, height: number] {
  const side = leastPx * (mostPx / leastPx) ** random.next();
  const shape = 0.7 + 0.6 * random.next();
  return [Math.round(side), Math.round(Math.max(leastPx, side * shape))];
}

function anywhere([width, height]: [number, number], plan: Plan, random: Random): Box {
  return [
    random.between(0, Math.max(0, plan.width - width)),
    random.between(0, Math.max(0, plan.height - height)),
    width,
    height,
  ];
}

/** Across a tile edge of a random level; every third time across a corner of four tiles. */
function onSeam([width, height]: [number, number], plan: Plan, random: Random): Box {
  const box = anywhere([width, height], plan, random);
  const { level, columns, rows } = random.oneOf(plan.levels as [Plan['levels'][number], ...Plan['levels']]);
  const over = (seams: number, side: number) =>
    Math.max(0, Math.round(random.between(1, seams) * plan.stridePx * 2 ** level - side * (0.2 + 0.6 * random.next())));
  const axis = random.between(0, 2);
  if (axis !== 1 && columns > 1) box[0] = over(columns - 1, width);
  if (axis !== 0 && rows > 1) box[1] = over(rows - 1, height);
  return box;
}

/** 3 to 20 touching objects of one label, side by side or one below the other. */
function rowOfObjects(plan: Plan, random: Random): Planted[] {
  const [width, height] = anySize(20, edgeOf(plan) / 4, random);
  const [left, top] = anywhere([width, height], plan, random);
  const across = random.next() < 0.5;
  const label = random.oneOf(LABELS);
  const boxes = Array.from(
    { length: random.between(3, 20) },
    (_, at): Box => [left + (across ? at * width : 0), top + (across ? 0 : at * height), width, height],
  );
  return boxes.map((box) => ({ label, box, text: null, isGroup: false }));
}

/** Rows and columns of objects with small gaps, and a box around them. */
function groupOfObjects(plan: Plan, random: Random): Planted[] {
  const [width, height] = anySize(40, edgeOf(plan) / 6, random);
  const [columns, rows] = [random.between(2, 4), random.between(2, 4)];
  const [stepX, stepY] = [Math.round(width * 1.2), Math.round(height * 1.2)];
  const [left, top] = anywhere([columns * stepX, rows * stepY], plan, random);
  const label = random.oneOf(LABELS);
  const places = Array.from({ length: columns * rows }, (_, at) => [at % columns, Math.floor(at / columns)] as const);
  const members = places.map(
    ([column, row]): Planted => ({
      label,
      box: [left + column * stepX, top + row * stepY, width, height],
      text: null,
      isGroup: false,
    }),
  );
  return [...members, { label, box: [left, top, columns * stepX, rows * stepY], text: null, isGroup: true }];
}

/** A line of words, up to one and a half tiles long. */
function line(plan: Plan, random: Random): Planted {
  const height = random.between(20, 40);
  const wantedPx = random.between(edgeOf(plan) / 4, edgeOf(plan) * 1.5);
  let text: string = random.oneOf(WORDS);
  while (widthOf(text, height) < wantedPx) text += ` ${random.oneOf(WORDS)}`;
  const width = Math.round(widthOf(text, height));
  return { label: 'text', box: onSeam([width, height], plan, random), text, isGroup: false };
}

function widthOf(text: string, height: number): number {
  return text.length * height * LETTER_WIDTH_BY_HEIGHT;
}

function edgeOf({ stridePx, marginPx }: Plan): number {
  return stridePx + 2 * marginPx;
}

function detectionsOf(
  { label, box, text }: Planted,
  { level, boxInLevel }: PlannedTile,
  plan: Plan,
  random: Random,
): Detection[] {
  const [tileLeft, tileTop, tileWidth, tileHeight] = boxInLevel;
  const [left, top] = [box[0] / 2 ** level - tileLeft, box[1] / 2 ** level - tileTop];
  const [width, height] = [box[2] / 2 ** level, box[3] / 2 ** level];
  const inTile: Edges = [left, top, left + width, top + height];
  const inside = clipped(inTile, tileWidth, tileHeight);
  if (!inside) return [];
  const visible = text === null ? detectObject(inTile, inside, plan) : readLine(text, inTile, inside, random);
  if (!visible) return [];
  const jittered = visible.edges.map((edge) => Math.round(edge) + random.between(-JITTER_PX, JITTER_PX)) as Edges;
  const reported = clipped(jittered, tileWidth, tileHeight);
  if (!reported) return [];
  const score = Math.round((0.4 + 0.55 * visible.share + 0.04 * (random.next() - 0.5)) * 1_000) / 1_000;
  const boxInTile: Box = [reported[0], reported[1], reported[2] - reported[0], reported[3] - reported[1]];
  const description = visible.text === null ? label : `text: ${visible.text}`;
  return [{ label, description, score, severity: 'info', box: boxInTile, text: visible.text }];
}

type Edges = [left: number, top: number, right: number, bottom: number];

interface Visible {
  edges: Edges;
  /** The share of the object that is visible. */
  share: number;
  text: string | null;
}

/** `null` if nothing lies inside the tile. */
function clipped([left, top, right, bottom]: Edges, width: number, height: number): Edges | null {
  const inside: Edges = [Math.max(0, left), Math.max(0, top), Math.min(width, right), Math.min(height, bottom)];
  return inside[2] - inside[0] >= 1 && inside[3] - inside[1] >= 1 ? inside : null;
}

function detectObject(whole: Edges, visible: Edges, plan: Plan): Visible | null {
  const [width, height] = [visible[2] - visible[0], visible[3] - visible[1]];
  const [wholeWidth, wholeHeight] = [whole[2] - whole[0], whole[3] - whole[1]];
  const share = (width * height) / (wholeWidth * wholeHeight);
  const isSmall = Math.max(width, height) < SIDE_MIN_PX;
  const isLarge = Math.max(wholeWidth, wholeHeight) > edgeOf(plan) * TILE_EDGES_MAX;
  return isSmall || isLarge || share < VISIBLE_SHARE_MIN ? null : { edges: visible, share, text: null };
}

/** The visible letters. A letter that is half visible at a cut is sometimes misread. */
function readLine(text: string, whole: Edges, visible: Edges, random: Random): Visible | null {
  const [left, top, right, bottom] = whole;
  const height = bottom - top;
  if (height < TEXT_HEIGHT_MIN_PX || visible[3] - visible[1] < height * LETTER_SHARE_MIN) return null;
  const letterPx = (right - left) / text.length;
  const letters = [...text].map((letter, at) => {
    const [start, end] = [left + at * letterPx, left + (at + 1) * letterPx];
    const shown = (Math.min(end, visible[2]) - Math.max(start, visible[0])) / letterPx;
    if (shown >= LETTER_SHARE_MIN) return letter;
    return shown > 1 - LETTER_SHARE_MIN && letter !== ' ' && random.next() < 0.5 ? MISREAD : '';
  });
  const isInk = (letter: string) => letter.trim() !== '';
  const [first, last] = [letters.findIndex(isInk), letters.findLastIndex(isInk)];
  if (first < 0) return null;
  const from = Math.max(visible[0], left + first * letterPx);
  const to = Math.min(visible[2], left + (last + 1) * letterPx);
  return { edges: [from, visible[1], to, visible[3]], share: 1, text: letters.join('').trim() };
}
