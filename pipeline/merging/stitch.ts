// Stitches what tile edges cut: joins the boxes of one object to their union, and the readings of one line of text to the whole line. Pure.
import type { Box, Detection } from '../contract/schemas.ts';
import type { Size } from '../planning/geometry.ts';
import { type Axis, SIDE } from './box-columns.ts';
import { type DetectionTable, EDGE_MARGIN_PX } from './detection-table.ts';
import { SpatialIndex } from './spatial-index.ts';
import { continues, directedLine, extentAlong, isCutAt, isSlanted } from './text/slanted-lines.ts';
import { joinReadings, type Reading } from './text/stitch-text.ts';

/** Truncated boxes of one object share more than this part of the longer box's side along the tile edge. */
const SHARED_SIDE_MIN = 0.5;

const AXES = {
  x: {
    startSide: SIDE.left,
    endSide: SIDE.right,
    startOf: ([left]: Box) => left,
    endOf: ([left, , width]: Box) => left + width,
  },
  y: {
    startSide: SIDE.top,
    endSide: SIDE.bottom,
    startOf: ([, top]: Box) => top,
    endOf: ([, top, , height]: Box) => top + height,
  },
} as const;

/** Adds a union for every object that lies in several neighboring tiles of one level, and merges its truncated boxes into it. */
export function stitchTruncated(table: DetectionTable, image: Size): void {
  const truncated = Int32Array.from(truncatedRows(table));
  const index = new SpatialIndex(table, truncated, image);
  const visited = new Uint8Array(table.count);
  for (const first of truncated) {
    if (visited[first] === 1) continue;
    visited[first] = 1;
    const parts = [first]; // grows during the loop: the neighbors of a part are parts too
    for (const part of parts) {
      const addPart = (other: number): boolean => {
        if (visited[other] === 1 || !areParts(table, part, other)) return false;
        visited[other] = 1;
        parts.push(other);
        return false;
      };
      index.visit(part, addPart, edgeTolerancePx(table, part));
    }
    if (parts.length > 1) addUnion(table, parts);
  }
}

function truncatedRows(table: DetectionTable): number[] {
  const rows: number[] = [];
  for (let row = 0; row < table.count; row++) if (table.truncatedSides(row) !== 0) rows.push(row);
  return rows;
}

/** True if two boxes are parts of one object that is cut between their tiles. */
function areParts(table: DetectionTable, a: number, b: number): boolean {
  if (table.level(a) !== table.level(b) || table.isText(a) !== table.isText(b)) return false;
  const across = table.tile(b).column - table.tile(a).column;
  const down = table.tile(b).row - table.tile(a).row;
  if (Math.abs(across) > 1 || Math.abs(down) > 1) return false;
  if (isSlanted(table, a) || isSlanted(table, b)) {
    const isNeighbor = across !== 0 || down !== 0;
    return isNeighbor && (continuesSlanted(table, a, b) || continuesSlanted(table, b, a));
  }
  const [leftRow, rightRow] = across > 0 ? [a, b] : [b, a];
  if (across !== 0 && shareExtent(table, a, b, 'y') && continuesIn(table, leftRow, rightRow, 'x')) {
    return !table.isText(a) || joinReadings([readingOf(table, a, 0), readingOf(table, b, 0)]) !== null;
  }
  if (down === 0 || table.isText(a)) return false; // a line that is cut along its length is not legible
  const [upperRow, lowerRow] = down > 0 ? [a, b] : [b, a];
  return shareExtent(table, a, b, 'x') && continuesIn(table, upperRow, lowerRow, 'y');
}

/**
 * True if the object that a tile edge cuts at the end of `before` may continue in `after`. Both boxes must span the overlap of the
 * tiles: two separate objects that touch inside the overlap would each be complete in one tile.
 */
function continuesIn(table: DetectionTable, before: number, after: number, axis: Axis): boolean {
  const { startSide, endSide } = AXES[axis];
  if ((table.truncatedSides(before) & endSide) === 0 || (table.truncatedSides(after) & startSide) === 0) return false;
  const tolerancePx = Math.min(edgeTolerancePx(table, before), edgeTolerancePx(table, after));
  const overlapStart = AXES[axis].startOf(table.tile(after).box);
  const overlapEnd = AXES[axis].endOf(table.tile(before).box);
  return (
    table.start(after, axis) - table.end(before, axis) <= tolerancePx &&
    table.start(before, axis) < overlapStart + tolerancePx &&
    table.end(after, axis) > overlapEnd - tolerancePx
  );
}

/** True if the line that a tile edge cuts at the end of `before` continues in `after`, where an edge cuts its start. */
function continuesSlanted(table: DetectionTable, before: number, after: number): boolean {
  if (!isCutAt(table, before, 'end') || !isCutAt(table, after, 'start')) return false;
  const line = directedLine(table, before);
  if (!continues(line, directedLine(table, after))) return false;
  return joinReadings([readingOf(table, before, line.angle), readingOf(table, after, line.angle)]) !== null;
}

/** How far from the edge that cuts it a box may end, in pixels of the image. */
function edgeTolerancePx(table: DetectionTable, row: number): number {
  if (isSlanted(table, row)) return directedLine(table, row).thickness;
  return table.isText(row) ? table.height(row) : EDGE_MARGIN_PX * 2 ** table.level(row);
}

/** True if the boxes lie side by side: they share most of their extent along the axis. */
function shareExtent(table: DetectionTable, a: number, b: number, axis: Axis): boolean {
  const sharedPx = Math.min(table.end(a, axis), table.end(b, axis)) - Math.max(table.start(a, axis), table.start(b, axis));
  const longerPx = Math.max(table.end(a, axis) - table.start(a, axis), table.end(b, axis) - table.start(b, axis));
  return sharedPx > longerPx * SHARED_SIDE_MIN;
}

/** `angle` is the direction of the whole line. */
function readingOf(table: DetectionTable, row: number, angle: number): Reading {
  const { text } = table.detection(row);
  if (text === null) throw new Error(`Row ${row} is not a line of text.`);
  if (angle === 0) return { text, left: table.left(row), right: table.right(row) };
  const [left, right] = extentAlong(directedLine(table, row), angle);
  return { text, left, right };
}

/** The union takes its content from its best part; a line of text takes its text from all parts. Adds nothing if the texts do not fit. */
function addUnion(table: DetectionTable, parts: readonly number[]): void {
  const best = parts.reduce((a, b) => ((table.score(b) - table.score(a) || table.compare(a, b)) <= 0 ? a : b));
  const detection = table.detection(best);
  if (detection.text === null) {
    table.addUnion(parts, best, detection);
    return;
  }
  const angle = isSlanted(table, best) ? directedLine(table, best).angle : 0;
  const line = joinReadings(parts.map((part) => readingOf(table, part, angle)));
  if (line) table.addUnion(parts, best, withText(detection, detection.text, line.text));
}

function withText(detection: Detection, partText: string, text: string): Detection {
  return { ...detection, text, description: detection.description.replace(partText, () => text) };
}
