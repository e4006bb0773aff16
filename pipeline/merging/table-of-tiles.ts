// Builds the detection table from the detections of all tiles, and marks truncated boxes. Pure.
import type { Detection } from '../contract/schemas.ts';
import type { PlannedLevel, PlannedTile, TileGrid } from '../planning/grid.ts';
import { SIDE } from './box-columns.ts';
import { DetectionTable, EDGE_MARGIN_PX } from './detection-table.ts';
import { endSides } from './text/slanted-lines.ts';

/** The detections of one tile, in pixels of the tile. */
export interface TileDetections {
  tile: PlannedTile;
  detections: readonly Detection[];
}

/** All detections of all tiles, in the order of the plan. */
export function tableOf(tiles: readonly TileDetections[], grid: TileGrid): DetectionTable {
  const table = new DetectionTable(
    tiles.reduce((sum, { detections }) => sum + detections.length, 0),
    grid,
  );
  const labels = new LabelNumbers();
  for (const { tile, detections } of tiles.toSorted((a, b) => a.tile.index - b.tile.index)) {
    const innerSides = innerSidesOf(tile, grid.levels);
    table.addTile(tile, detections);
    for (const detection of detections) {
      table.add(detection, labels.numberOf(detection.label), truncatedSidesOf(detection, tile, innerSides));
    }
  }
  return table;
}

/** Sides of a tile beyond which the image continues. */
function innerSidesOf({ level, boxInLevel: [left, top, width, height] }: PlannedTile, levels: readonly PlannedLevel[]): number {
  const size = levels.find((planned) => planned.level === level);
  if (!size) throw new Error(`The plan has no level ${level}.`);
  return (
    (left > 0 ? SIDE.left : 0) |
    (top > 0 ? SIDE.top : 0) |
    (left + width < size.width ? SIDE.right : 0) |
    (top + height < size.height ? SIDE.bottom : 0)
  );
}

/** A line of text may continue after a space, so its ends are truncated if they are closer to the edge than the line is high. */
function truncatedSidesOf({ box, text, polygon, angle }: Detection, { boxInLevel }: PlannedTile, innerSides: number): number {
  if (text !== null && polygon !== undefined && angle !== undefined) {
    const { start, end } = endSides(polygon, angle, [0, 0, boxInLevel[2], boxInLevel[3]], EDGE_MARGIN_PX);
    return (start | end) & innerSides;
  }
  const endMarginPx = text === null ? EDGE_MARGIN_PX : Math.max(EDGE_MARGIN_PX, Math.min(box[2], box[3]));
  const touchedSides =
    (box[0] <= endMarginPx ? SIDE.left : 0) |
    (box[1] <= EDGE_MARGIN_PX ? SIDE.top : 0) |
    (box[0] + box[2] >= boxInLevel[2] - endMarginPx ? SIDE.right : 0) |
    (box[1] + box[3] >= boxInLevel[3] - EDGE_MARGIN_PX ? SIDE.bottom : 0);
  return touchedSides & innerSides;
}

/** Numbers labels regardless of case. Lower-cases each spelling once: a run has a million detections but few labels. */
class LabelNumbers {
  readonly #bySpelling = new Map<string, number>();
  readonly #byName = new Map<string, number>();

  numberOf(spelling: string): number {
    return this.#bySpelling.get(spelling) ?? this.#add(spelling);
  }

  #add(spelling: string): number {
    const name = spelling.toLowerCase();
    const number = this.#byName.get(name) ?? this.#byName.size;
    this.#byName.set(name, number);
    this.#bySpelling.set(spelling, number);
    return number;
  }
}
