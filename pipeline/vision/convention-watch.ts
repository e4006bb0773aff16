// Watches how a model places its boxes over many tiles, because no single tile shows it: a model that answers in pixels where it is asked for
// thousandths fills one corner of every tile, and one that writes the top edge first turns lines of text upright.
import { lru } from '../contract/lru.ts';
import type { ModelId } from '../contract/schemas.ts';
import type { MarkSeen } from '../ports.ts';
import type { Edges } from '../providers/coordinates.ts';
import { type BoxFrame, scaleOf } from './prompts/box-frame.ts';

const MODELS_KEPT_MAX = 100;
/** With fewer boxes or tiles, one corner may be chance. */
const BOXES_MIN = 40;
const TILES_MIN = 8;
/** The share of the width and of the height that the corner takes. */
const CORNER = 0.6;
/** A single box without area is an error; several, and a third of all, are no chance. */
const EMPTY_MIN = 5;
const EMPTY_SHARE = 1 / 3;
/** Lines of text may stand upright in any image, but rarely most of them. */
const LINES_MIN = 10;
const UPRIGHT_SHARE = 0.8;
/** A line in an alphabet that is written across: Chinese and Japanese are written downwards, too. */
const LINE = /^[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{N}\p{P}\p{Zs}]{10,}$/u;
/** An upright line is about as many times higher than wide as it has characters, halved. */
const UPRIGHT_PER_CHARACTER = 1 / 4;

/**
 * What the boxes of all tiles together show. `corner`: all lie in the top left corner of their tiles. `sizes`: many have no area, as if their
 * last two numbers were width and height. `upright`: most lines of text are higher than wide, as if the top edge came first.
 */
export type Suspicion = 'corner' | 'sizes' | 'upright';

interface Extent {
  tiles: number;
  boxes: number;
  /** The farthest edges so far, as shares of the sides. */
  right: number;
  bottom: number;
  /** Boxes whose far edge comes before the near one. */
  empty: number;
  lines: number;
  uprightLines: number;
}

const NOTHING: Extent = { tiles: 0, boxes: 0, right: 0, bottom: 0, empty: 0, lines: 0, uprightLines: 0 };

/** Adds the boxes of a tile, in the numbers of the model, to those before. */
export type ConventionWatch = (model: ModelId, reported: readonly MarkSeen[], frame: BoxFrame) => Suspicion[];

export function conventionWatch(): ConventionWatch {
  const extents = lru<ModelId, Extent>(MODELS_KEPT_MAX);
  return (model, reported, frame) => {
    if (reported.length === 0) return [];
    const before = extents.get(model) ?? NOTHING;
    const extent = extended(before, reported, frame);
    extents.set(model, extent);
    return suspicionsOf(extent);
  };
}

function extended(before: Extent, reported: readonly MarkSeen[], frame: BoxFrame): Extent {
  const scale = scaleOf(frame);
  const lines = reported.flatMap(({ text, edges }) => (text !== null && LINE.test(text) ? [{ text, edges }] : []));
  return {
    tiles: before.tiles + 1,
    boxes: before.boxes + reported.length,
    right: reported.reduce(
      (most, { edges }) => Math.max(most, edges.left / scale.width, edges.right / scale.width),
      before.right,
    ),
    bottom: reported.reduce(
      (most, { edges }) => Math.max(most, edges.top / scale.height, edges.bottom / scale.height),
      before.bottom,
    ),
    empty: before.empty + reported.filter(({ edges }) => edges.right < edges.left || edges.bottom < edges.top).length,
    lines: before.lines + lines.length,
    uprightLines: before.uprightLines + lines.filter((line) => isUpright(line, frame)).length,
  };
}

function isUpright({ text, edges }: { text: string; edges: Edges }, frame: BoxFrame): boolean {
  const { left, top, right, bottom } = edges;
  const scale = scaleOf(frame);
  const widthPx = ((right - left) / scale.width) * frame.image.width;
  const heightPx = ((bottom - top) / scale.height) * frame.image.height;
  return heightPx > widthPx * text.length * UPRIGHT_PER_CHARACTER;
}

function suspicionsOf({ tiles, boxes, right, bottom, empty, lines, uprightLines }: Extent): Suspicion[] {
  const isCorner = right <= CORNER && bottom <= CORNER && tiles >= TILES_MIN && boxes >= BOXES_MIN;
  const areSizes = empty >= EMPTY_MIN && empty >= boxes * EMPTY_SHARE;
  const areUpright = lines >= LINES_MIN && uprightLines >= lines * UPRIGHT_SHARE;
  return [
    ...(isCorner ? (['corner'] as const) : []),
    ...(areSizes ? (['sizes'] as const) : []),
    ...(areUpright ? (['upright'] as const) : []),
  ];
}
