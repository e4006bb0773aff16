// Finds lines of text: PP-OCRv4's DB detector gives a probability a pixel, connected pixels make a box.
import { bgrPlanes, channelTable, type Pixels, resize, scaled } from './pixels.ts';
import { output, run, type Sessions } from './sessions.ts';

/** In pixels of the tile; right and bottom are exclusive. */
export interface TextBox {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const EDGE_PX_MAX = 1_024;
const INK_MIN = 0.3; // a pixel of text, as in PaddleOCR's db_thresh
const BOX_MIN = 0.6; // the mean over a box's text, as in det_db_box_thresh
const PIXELS_MIN = 16;
const SIDE_PX_MIN = 3;
const UNCLIP = 1.6; // the detector sees the core of a line; area x this / perimeter is what is around it
const PADDING = { fill: 116, multiple: 32 }; // near the mean: no edge where the padding begins
// PaddleOCR applies ImageNet's means, which are for red, green, blue, to blue, green, red.
const TABLES = [
  channelTable(0.485 * 255, 0.229 * 255),
  channelTable(0.456 * 255, 0.224 * 255),
  channelTable(0.406 * 255, 0.225 * 255),
] as const;

/** Axis-parallel boxes in reading order of their tops. A longer side over 1,024 px is shrunk for the search only. */
export async function findTextBoxes(sessions: Sessions, detectorFile: string, tile: Pixels): Promise<TextBox[]> {
  const session = await sessions.get(detectorFile);
  const size = scaled(tile, 0, EDGE_PX_MAX);
  const planes = bgrPlanes(size.width === tile.width ? tile : await resize(tile, size.width, size.height), TABLES, PADDING);
  const ink = output(await run(session, planes.values, [1, 3, planes.height, planes.width])).values;
  const scaleX = tile.width / size.width;
  const scaleY = tile.height / size.height;
  return connectedBoxes(ink, planes.width, planes.height).flatMap((box) => {
    const inTile = {
      left: Math.max(0, Math.floor(box.left * scaleX)),
      top: Math.max(0, Math.floor(box.top * scaleY)),
      right: Math.min(tile.width, Math.ceil(box.right * scaleX)),
      bottom: Math.min(tile.height, Math.ceil(box.bottom * scaleY)),
    };
    return inTile.right - inTile.left >= SIDE_PX_MIN && inTile.bottom - inTile.top >= SIDE_PX_MIN ? [inTile] : [];
  });
}

function connectedBoxes(ink: Float32Array, width: number, height: number): TextBox[] {
  const seen = new Uint8Array(width * height);
  const stack = new Int32Array(width * height);
  const boxes: TextBox[] = [];
  for (let start = 0; start < ink.length; start++) {
    if (seen[start] === 1 || (ink[start] as number) < INK_MIN) continue;
    const box = fillFrom(start, ink, width, height, seen, stack);
    if (box) boxes.push(box);
  }
  return boxes;
}

/** Visits all text pixels connected to `start`. Null when they are too few, too thin or too doubtful. */
function fillFrom(
  start: number,
  ink: Float32Array,
  width: number,
  height: number,
  seen: Uint8Array,
  stack: Int32Array,
): TextBox | null {
  let [left, right, top, bottom] = [width, 0, height, 0];
  let [count, sum, depth] = [0, 0, 0];
  const visit = (pixel: number): void => {
    if (seen[pixel] === 1 || (ink[pixel] as number) < INK_MIN) return;
    seen[pixel] = 1;
    stack[depth++] = pixel;
  };
  visit(start);
  while (depth > 0) {
    const pixel = stack[--depth] as number;
    const x = pixel % width;
    const y = (pixel - x) / width;
    count += 1;
    sum += ink[pixel] as number;
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
    if (x > 0) visit(pixel - 1);
    if (x < width - 1) visit(pixel + 1);
    if (y > 0) visit(pixel - width);
    if (y < height - 1) visit(pixel + width);
  }
  const boxWidth = right - left + 1;
  const boxHeight = bottom - top + 1;
  if (count < PIXELS_MIN || Math.min(boxWidth, boxHeight) < SIDE_PX_MIN || sum / count < BOX_MIN) return null;
  const margin = (boxWidth * boxHeight * UNCLIP) / (2 * (boxWidth + boxHeight));
  return { left: left - margin, top: top - margin, right: right + 1 + margin, bottom: bottom + 1 + margin };
}
