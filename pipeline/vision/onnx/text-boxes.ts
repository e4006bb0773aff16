// Finds lines of text: PP-OCRv4's DB detector gives each pixel a probability, and connected pixels make a box.
import { bgrPlanes, channelTable, type Pixels, resize, scaled, valueAt } from './pixels.ts';
import { output, run, type Sessions } from './sessions.ts';

/** In pixels of the tile; right and bottom are exclusive. */
export interface TextBox {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const EDGE_PX_MAX = 1_024;
const PIXEL_PROBABILITY_MIN = 0.3; // of a pixel of text, as in PaddleOCR's db_thresh
const BOX_PROBABILITY_MIN = 0.6; // the mean over a box's text, as in det_db_box_thresh
const PIXELS_MIN = 16;
const SIDE_PX_MIN = 3;
const UNCLIP = 1.6; // the detector finds the core of a line; area x this / perimeter is the margin around it
const PADDING = { fill: 116, multiple: 32 }; // near the mean: no edge where the padding begins
// PaddleOCR applies ImageNet's means, which are for red, green, blue, to blue, green, red.
const TABLES = [
  channelTable(0.485 * 255, 0.229 * 255),
  channelTable(0.456 * 255, 0.224 * 255),
  channelTable(0.406 * 255, 0.225 * 255),
] as const;

/** Axis-parallel boxes, ordered by their tops. A longer side over 1,024 px is scaled down for the search only. */
export async function findTextBoxes(sessions: Sessions, detectorFile: string, tile: Pixels): Promise<TextBox[]> {
  const session = await sessions.get(detectorFile);
  const size = scaled(tile, 0, EDGE_PX_MAX);
  const planes = bgrPlanes(size.width === tile.width ? tile : await resize(tile, size.width, size.height), TABLES, PADDING);
  const probabilities = output(await run(session, planes.values, [1, 3, planes.height, planes.width])).values;
  const scaleX = tile.width / size.width;
  const scaleY = tile.height / size.height;
  return connectedBoxes(probabilities, planes.width, planes.height).flatMap((box) => {
    const inTile = {
      left: Math.max(0, Math.floor(box.left * scaleX)),
      top: Math.max(0, Math.floor(box.top * scaleY)),
      right: Math.min(tile.width, Math.ceil(box.right * scaleX)),
      bottom: Math.min(tile.height, Math.ceil(box.bottom * scaleY)),
    };
    return inTile.right - inTile.left >= SIDE_PX_MIN && inTile.bottom - inTile.top >= SIDE_PX_MIN ? [inTile] : [];
  });
}

function connectedBoxes(probabilities: Float32Array, width: number, height: number): TextBox[] {
  /** 1 for a pixel of text that is in no box yet. */
  const pending = new Uint8Array(width * height);
  for (let pixel = 0; pixel < pending.length; pixel++) {
    if (valueAt(probabilities, pixel) >= PIXEL_PROBABILITY_MIN) pending[pixel] = 1;
  }
  const boxes: TextBox[] = [];
  for (let start = pending.indexOf(1); start !== -1; start = pending.indexOf(1, start)) {
    const box = takeBox(start, pending, probabilities, width, height);
    if (box) boxes.push(box);
  }
  return boxes;
}

/** Takes all text pixels connected to `start`. `null` if they are too few, too thin or too unlikely. */
function takeBox(start: number, pending: Uint8Array, probabilities: Float32Array, width: number, height: number): TextBox | null {
  let [left, right, top, bottom] = [width, 0, height, 0];
  let [count, sum] = [0, 0];
  const stack: number[] = [];
  const take = (pixel: number): void => {
    if (pending[pixel] !== 1) return;
    pending[pixel] = 0;
    stack.push(pixel);
  };
  take(start);
  for (let pixel = stack.pop(); pixel !== undefined; pixel = stack.pop()) {
    const x = pixel % width;
    const y = (pixel - x) / width;
    count += 1;
    sum += valueAt(probabilities, pixel);
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
    if (x > 0) take(pixel - 1);
    if (x < width - 1) take(pixel + 1);
    if (y > 0) take(pixel - width);
    if (y < height - 1) take(pixel + width);
  }
  const boxWidth = right - left + 1;
  const boxHeight = bottom - top + 1;
  if (count < PIXELS_MIN || Math.min(boxWidth, boxHeight) < SIDE_PX_MIN || sum / count < BOX_PROBABILITY_MIN) return null;
  const margin = (boxWidth * boxHeight * UNCLIP) / (2 * (boxWidth + boxHeight));
  return { left: left - margin, top: top - margin, right: right + 1 + margin, bottom: bottom + 1 + margin };
}
