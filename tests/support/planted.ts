// Scenes of known objects, and an ideal detector: in every tile it reports what is visible of them, cut where the tile ends, off by a
// pixel or two, the less sure the less is visible. Everything is drawn from a seed.
import type { Box, Detection } from '../../pipeline/contract/schemas.ts';
import type { SeenTile } from '../../pipeline/merging/detection-table.ts';
import { intersectionOf } from '../../pipeline/planning/geometry.ts';
import { type PlannedTile, tilesOf } from '../../pipeline/planning/grid.ts';
import type { Plan } from '../../pipeline/planning/plan.ts';
import type { Random } from './seeded-random.ts';

/** What the detector can recognise, in pixels of the tile: not smaller, and not by a part of something larger than two tiles. */
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
  /** True for a box around several objects that the detector takes for one: not a part of the truth. */
  isGroup: boolean;
}

export type SceneKind = 'scattered' | 'seams' | 'rows' | 'levels' | 'groups' | 'lines';
export const SCENE_KINDS: readonly SceneKind[] = ['scattered', 'seams', 'rows', 'levels', 'groups', 'lines'];

const LABELS = ['person', 'cup', 'cat'] as const;
const WORDS = ['VALVE', 'PUMP', 'Office', 'stair', '12.8', 'm2', 'DN-150', 'north', 'EXIT', 'ROOM', 'A-204', 'kitchen'] as const;

/** Objects of which no two of a label cover each other. */
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

/** What the detector reports in every tile of the plan. */
export function idealLooks(planted: readonly Planted[], plan: Plan, random: Random): SeenTile[] {
  return tilesOf(plan).map((tile) => ({ tile, detections: planted.flatMap((object) => lookAt(object, tile, plan, random)) }));
}

const SCENES: Record<SceneKind, { objects: number; draw: (plan: Plan, random: Random) => Planted[] }> = {
  scattered: {
    objects: 300,
    draw: (plan, random) => [thing(anywhere(anySize(20, edgeOf(plan) / 2, random), plan, random), random)],
  },
  seams: { objects: 150, draw: (plan, random) => [thing(onSeam(anySize(20, edgeOf(plan), random), plan, random), random)] },
  rows: { objects: 300, draw: rowOfThings },
  levels: {
    objects: 40,
    draw: (plan, random) => [thing(anywhere(anySize(edgeOf(plan) / 2, 4 * edgeOf(plan), random), plan, random), random)],
  },
  groups: { objects: 200, draw: groupOfThings },
  lines: { objects: 150, draw: (plan, random) => [line(plan, random)] },
};

function thing(box: Box, random: Random): Planted {
  return { label: random.oneOf(LABELS), box, text: null, isGroup: false };
}

/** Sides by a logarithmic scale, so that there are as many small ones as large ones; one is up to twice the other. */
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

/** Over a seam of some level, every other time over a corner of four tiles. */
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

/** Up to 20 touching objects of one label, side by side or one above the other. */
function rowOfThings(plan: Plan, random: Random): Planted[] {
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

/** Rows and columns of objects with a little room between them, and a box around them. */
function groupOfThings(plan: Plan, random: Random): Planted[] {
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

/** A line of words, up to a tile and a half long. */
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

function lookAt({ label, box, text }: Planted, { level, boxInLevel }: PlannedTile, plan: Plan, random: Random): Detection[] {
  const [tileLeft, tileTop, tileWidth, tileHeight] = boxInLevel;
  const [left, top] = [box[0] / 2 ** level - tileLeft, box[1] / 2 ** level - tileTop];
  const [width, height] = [box[2] / 2 ** level, box[3] / 2 ** level];
  const inTile: Edges = [left, top, left + width, top + height];
  const visible = clipped(inTile, tileWidth, tileHeight);
  if (!visible) return [];
  const seen = text === null ? seenThing(inTile, visible, plan) : readLine(text, inTile, visible, random);
  if (!seen) return [];
  const jittered = seen.edges.map((edge) => Math.round(edge) + random.between(-JITTER_PX, JITTER_PX)) as Edges;
  const reported = clipped(jittered, tileWidth, tileHeight);
  if (!reported) return [];
  const score = Math.round((0.4 + 0.55 * seen.share + 0.04 * (random.next() - 0.5)) * 1_000) / 1_000;
  const boxInTile: Box = [reported[0], reported[1], reported[2] - reported[0], reported[3] - reported[1]];
  const description = seen.text === null ? label : `text: ${seen.text}`;
  return [{ label, description, score, severity: 'info', box: boxInTile, text: seen.text }];
}

type Edges = [left: number, top: number, right: number, bottom: number];

interface Seen {
  edges: Edges;
  /** How much of it is visible. */
  share: number;
  text: string | null;
}

/** Null when nothing is inside the tile. */
function clipped([left, top, right, bottom]: Edges, width: number, height: number): Edges | null {
  const inside: Edges = [Math.max(0, left), Math.max(0, top), Math.min(width, right), Math.min(height, bottom)];
  return inside[2] - inside[0] >= 1 && inside[3] - inside[1] >= 1 ? inside : null;
}

function seenThing(whole: Edges, visible: Edges, plan: Plan): Seen | null {
  const [width, height] = [visible[2] - visible[0], visible[3] - visible[1]];
  const [wholeWidth, wholeHeight] = [whole[2] - whole[0], whole[3] - whole[1]];
  const share = (width * height) / (wholeWidth * wholeHeight);
  const isSmall = Math.max(width, height) < SIDE_MIN_PX;
  const isLarge = Math.max(wholeWidth, wholeHeight) > edgeOf(plan) * TILE_EDGES_MAX;
  return isSmall || isLarge || share < VISIBLE_SHARE_MIN ? null : { edges: visible, share, text: null };
}

/** The letters that show; at a cut, one that shows by half is now and then taken for another. */
function readLine(text: string, whole: Edges, visible: Edges, random: Random): Seen | null {
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
