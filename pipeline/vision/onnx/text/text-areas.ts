// Finds lines of text: PP-OCR's DB detector gives each pixel a probability, and connected pixels make a line, at any angle.
import { at } from '../../../contract/at.ts';
import { AnswerError } from '../../../contract/errors.ts';
import { bgrPlanes, channelTable, giveBack, type Pixels, resize, scaled } from '../pixels.ts';
import type { Session } from '../runtime.ts';
import { output, run } from '../sessions.ts';
import { type Component, componentsOf } from './components.ts';
import { joinedPieces, type Piece } from './line-pieces.ts';
import { cornersOf, grown, lengthwise, type Rectangle, smallestRectangle } from './rectangle.ts';

/** In whole pixels of the tile; right and bottom are exclusive. */
export interface TextBox {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Where a line is. */
export interface TextArea {
  /** Along the axes, also of a slanted line. */
  box: TextBox;
  /** The line at its angle, its width at least its height. `null` if the box is as exact. */
  slanted: Rectangle | null;
  /** The areas that were joined to this one, because they lie in one slanted line. Empty if it was found as a whole. */
  pieces: TextArea[];
}

interface Found {
  area: TextArea;
  piece: Piece;
}

const EDGE_PX_MAX = 1_024;
const PIXEL_PROBABILITY_MIN = 0.3; // of a pixel of text, as in PaddleOCR's db_thresh
const BOX_PROBABILITY_MIN = 0.6; // the mean over a box's text, as in det_db_box_thresh
const PIXELS_MIN = 16;
const SIDE_PX_MIN = 3;
const UNCLIP = 1.6; // the detector finds the core of a line; area x this / perimeter is the margin around it
/** A single pixel at its end turns the rectangle of a short word by this much. */
const SLANT_DEGREES_MIN = 3;
/** The angle of a rectangle that is hardly smaller than its box is arbitrary. */
const SLANTED_AREA_SHARE_MAX = 0.9;
/** A long line may slant less, as on skewed scans: its box is then much larger than its rectangle. */
const SKEWED_AREA_SHARE_MAX = 0.8;
const PADDING = { fill: 116, multiple: 32 }; // near the mean: no edge where the padding begins
// PaddleOCR applies ImageNet's means, which are for red, green, blue, to blue, green, red.
const TABLES = [
  channelTable(0.485 * 255, 0.229 * 255),
  channelTable(0.456 * 255, 0.224 * 255),
  channelTable(0.406 * 255, 0.225 * 255),
] as const;

/**
 * Ordered by the tops of their cores. A longer side over 1,024 px is scaled down for the search only. Throws an AnswerError if the model
 * returns no map of the tile.
 */
export async function findTextAreas(session: Session, tile: Pixels): Promise<TextArea[]> {
  const size = scaled(tile, 0, EDGE_PX_MAX);
  const planes = bgrPlanes(await resize(tile, size.width, size.height), TABLES, PADDING);
  const { values: probabilities, shape } = output(await run(session, planes.values, [1, 3, planes.height, planes.width]));
  giveBack(planes);
  if (probabilities.length !== planes.width * planes.height) {
    const expected = `[1, 1, ${planes.height}, ${planes.width}]`;
    throw new AnswerError(`The model that finds text returned [${shape.join(', ')}] where ${expected} is expected.`);
  }
  const found: Found[] = [];
  for (const component of componentsOf(probabilities, planes.width, planes.height, PIXEL_PROBABILITY_MIN)) {
    const line = lineOf(component, tile, tile.width / size.width, tile.height / size.height);
    if (line) found.push(line);
  }
  return joinSlanted(found, tile).map(({ area }) => area);
}

/** `null` if the pixels are too few, too thin or too unlikely. */
function lineOf(component: Component, tile: Pixels, scaleX: number, scaleY: number): Found | null {
  const { left, top, right, bottom, pixels, probability } = component;
  if (pixels < PIXELS_MIN || Math.min(right - left, bottom - top) < SIDE_PX_MIN || probability < BOX_PROBABILITY_MIN) return null;
  const margin = marginAround(right - left, bottom - top);
  const box = wholePixels(
    (left - margin) * scaleX,
    (top - margin) * scaleY,
    (right + margin) * scaleX,
    (bottom + margin) * scaleY,
    tile,
  );
  if (box.right - box.left < SIDE_PX_MIN || box.bottom - box.top < SIDE_PX_MIN) return null;
  const outline = component.outline.map(({ x, y }) => ({ x: x * scaleX, y: y * scaleY }));
  const around = smallestRectangle(outline);
  if (around === null) return null;
  const core = lengthwise(around);
  const areaShareMax = isOffAxes(core) ? SLANTED_AREA_SHARE_MAX : SKEWED_AREA_SHARE_MAX;
  const isSlanted =
    core.height >= SIDE_PX_MIN && core.width * core.height <= areaShareMax * (right - left) * scaleX * (bottom - top) * scaleY;
  return { area: { box, slanted: isSlanted ? withMargin(core) : null, pieces: [] }, piece: { outline, core } };
}

/** Joins each slanted line to what continues it, until nothing does. */
function joinSlanted(found: readonly Found[], tile: Pixels): Found[] {
  const lines = [...found];
  for (let first = 0; first < lines.length; first++) {
    for (let second = 0; second < lines.length; second++) {
      const [a, b] = [at(lines, first), at(lines, second)];
      const isPair = second !== first && (a.area.slanted !== null || b.area.slanted !== null);
      const piece = isPair ? joinedPieces(a.piece, b.piece) : null;
      if (piece === null || !isOffAxes(piece.core)) continue;
      const slanted = withMargin(piece.core);
      lines[first] = { area: { box: boxAround(slanted, tile), slanted, pieces: [...partsOf(a), ...partsOf(b)] }, piece };
      lines.splice(second, 1);
      if (second < first) first--;
      second = -1; // the longer line may continue too
    }
  }
  return lines;
}

function partsOf({ area }: Found): TextArea[] {
  return area.pieces.length > 0 ? area.pieces : [area];
}

function isOffAxes({ angle }: Rectangle): boolean {
  const off = Math.abs(angle) % 90;
  return Math.min(off, 90 - off) >= SLANT_DEGREES_MIN;
}

function withMargin(core: Rectangle): Rectangle {
  return grown(core, marginAround(core.width, core.height));
}

function marginAround(width: number, height: number): number {
  return (width * height * UNCLIP) / (2 * (width + height));
}

/** The box around all four corners, inside the tile. */
export function boxAround(rectangle: Rectangle, tile: Pixels): TextBox {
  const corners = cornersOf(rectangle);
  const [xs, ys] = [corners.map(({ x }) => x), corners.map(({ y }) => y)];
  return wholePixels(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys), tile);
}

function wholePixels(left: number, top: number, right: number, bottom: number, { width, height }: Pixels): TextBox {
  return {
    left: Math.max(0, Math.floor(left)),
    top: Math.max(0, Math.floor(top)),
    right: Math.min(width, Math.ceil(right)),
    bottom: Math.min(height, Math.ceil(bottom)),
  };
}
