// Lines of text that tiles have read in this invocation: tiles of coarser levels show them again, and need not read them.
import type { Box, Detection, ModelId } from '../contract/schemas.ts';
import type { PlannedTile, TileGrid } from '../planning/grid.ts';
import type { ReadLine } from '../ports.ts';

export interface ReadLines {
  add(model: ModelId, tile: PlannedTile, detections: readonly Detection[]): void;
  /** Those in the tile that the same model has read on finer levels, in pixels of the tile. */
  of(model: ModelId, tile: PlannedTile): ReadLine[];
}

/** A line with a lower score may be legible elsewhere. */
const SCORE_MIN = 0.9;
/** In pixels of a tile: no text model finds a thinner line. */
const THICKNESS_PX_MIN = 4;
/** For each model, of some 200 bytes: 10 MB. */
const LINES_MAX = 50_000;
/** As many as a tile may report. */
const LINES_OF_TILE_MAX = 400;
const CELL_PX = 1_024;

interface Line extends ReadLine {
  level: number;
}

export function readLines(image: Pick<TileGrid, 'width' | 'height'>): ReadLines {
  const models = new Map<ModelId, { count: number; cells: Map<string, Line[]> }>();
  return {
    add(model, tile, detections) {
      const lines = models.get(model) ?? { count: 0, cells: new Map<string, Line[]>() };
      models.set(model, lines);
      for (const { text, score, box, polygon } of detections) {
        if (text === null || polygon !== undefined || score < SCORE_MIN || lines.count >= LINES_MAX) continue;
        const boxInImage = inImage(box, tile);
        if (!isWhole(boxInImage, tile, image)) continue;
        const cell = nameOf(cellOf(boxInImage[0]), cellOf(boxInImage[1]));
        const inCell = lines.cells.get(cell) ?? [];
        lines.cells.set(cell, inCell);
        inCell.push({ level: tile.level, box: boxInImage, text, score });
        lines.count++;
      }
    },
    of(model, tile) {
      const cells = models.get(model)?.cells;
      const found: ReadLine[] = [];
      if (cells === undefined || cells.size === 0) return found;
      const [left, top, width, height] = tile.box;
      for (let row = cellOf(top); row <= cellOf(top + height); row++) {
        for (let column = cellOf(left); column <= cellOf(left + width); column++) {
          for (const line of cells.get(nameOf(column, row)) ?? []) {
            if (found.length < LINES_OF_TILE_MAX && isLegible(line, tile))
              found.push({ box: inTile(line.box, tile), text: line.text, score: line.score });
          }
        }
      }
      return found;
    },
  };
}

/** At an inner side of its tile, a line may continue after a space. */
function isWhole(line: Box, { box: tile }: PlannedTile, image: { width: number; height: number }): boolean {
  const margin = Math.min(line[2], line[3]);
  const [right, bottom] = [tile[0] + tile[2], tile[1] + tile[3]];
  return (
    (tile[0] === 0 || line[0] - tile[0] >= margin) &&
    (tile[1] === 0 || line[1] - tile[1] >= margin) &&
    (right >= image.width || right - line[0] - line[2] >= margin) &&
    (bottom >= image.height || bottom - line[1] - line[3] >= margin)
  );
}

function isLegible({ level, box }: Line, tile: PlannedTile): boolean {
  const [left, top, width, height] = tile.box;
  const isInside = box[0] >= left && box[1] >= top && box[0] + box[2] <= left + width && box[1] + box[3] <= top + height;
  return level < tile.level && isInside && Math.min(box[2], box[3]) >= THICKNESS_PX_MIN * 2 ** tile.level;
}

function inImage([left, top, width, height]: Box, { level, box }: PlannedTile): Box {
  const scale = 2 ** level;
  return [box[0] + left * scale, box[1] + top * scale, width * scale, height * scale];
}

function inTile([left, top, width, height]: Box, { level, box }: PlannedTile): Box {
  const scale = 2 ** level;
  return [(left - box[0]) / scale, (top - box[1]) / scale, width / scale, height / scale];
}

function cellOf(position: number): number {
  return Math.floor(position / CELL_PX);
}

function nameOf(column: number, row: number): string {
  return `${column} ${row}`;
}
