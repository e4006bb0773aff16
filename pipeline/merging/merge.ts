// Merges the detections of all tiles into findings: one object, one finding. Pure: the order of tiles and detections does not matter.
import { at } from '../contract/at.ts';
import { type Finding, MIN_SCORE_DEFAULT, type ModelId } from '../contract/schemas.ts';
import { intersectionOf } from '../planning/geometry.ts';
import type { TileGrid } from '../planning/grid.ts';
import { cell } from './box-columns.ts';
import { coverageOf } from './coverage.ts';
import type { DetectionTable } from './detection-table.ts';
import { mergeLabels } from './labels.ts';
import { splitByScore, withLowScores } from './low-scores.ts';
import { suppressNonMaxima } from './nms.ts';
import { mergeParts } from './parts.ts';
import { SCORE_STEPS, sortByScore } from './ranking.ts';
import { rescore } from './rescore.ts';
import { SpatialIndex } from './spatial-index.ts';
import { stitchTruncated } from './stitch.ts';
import { type TileDetections, tableOf } from './table-of-tiles.ts';
import { keepText } from './text/kept-text.ts';
import { rescoreThingsOnText } from './text/things-on-text.ts';

export interface MergedDetections {
  /** Highest score first, then top to bottom, left to right. */
  findings: Finding[];
  /** The number of objects whose score is too low for a finding. */
  lowConfidence: number;
}

export interface MergeOptions {
  /** An object with a lower score is not a finding. */
  minScore?: number;
  /** True if objects that models report under several labels remain separate findings, for a judge that decides between them. */
  keepsLabels?: boolean;
  /** True if low-scoring things on pages of text are rescored: their detector was not trained on pages. */
  rescoresThingsOnText?: boolean;
}

/**
 * `tiles` may omit tiles without detections. `notAnalyzed` holds the indexes of tiles that could not be analyzed: they are no evidence
 * that an area is empty.
 */
export function mergeDetections(
  tiles: readonly TileDetections[],
  grid: TileGrid,
  notAnalyzed: readonly number[] = [],
  { minScore = MIN_SCORE_DEFAULT, keepsLabels = false, rescoresThingsOnText = false }: MergeOptions = {},
): MergedDetections {
  const options = { minScore, keepsLabels, rescoresThingsOnText };
  const merge = (some: readonly TileDetections[]) => mergeAtOnce(some, grid, notAnalyzed, options);
  if (minScore >= MIN_SCORE_DEFAULT) return merge(tiles);
  const { confident, low } = splitByScore(tiles);
  const [first, second] = [merge(confident), merge(low)];
  return {
    findings: withLowScores(first.findings, second.findings, keepsLabels),
    lowConfidence: first.lowConfidence + second.lowConfidence,
  };
}

function mergeAtOnce(
  tiles: readonly TileDetections[],
  grid: TileGrid,
  notAnalyzed: readonly number[],
  { minScore, keepsLabels, rescoresThingsOnText }: Required<MergeOptions>,
): MergedDetections {
  const table = tableOf(tiles, grid);
  stitchTruncated(table, grid);
  const index = new SpatialIndex(table, table.unmergedRows(), grid);
  rescore(table, index, coverageOf(table, grid, notAnalyzed), grid);
  const nestedPairs = suppressNonMaxima(table, index);
  mergeParts(table, nestedPairs);
  const textsTaken = keepText(table, grid);
  const objects = table.unmergedRows().filter((row) => isInRegion(table, row, grid));
  if (rescoresThingsOnText) rescoreThingsOnText(table, objects, grid);
  const confident = objects.filter((row) => table.score(row) >= minScore);
  const byScore = sortByScore(table, confident);
  const alternatives: ReturnType<typeof mergeLabels> = keepsLabels ? new Map() : mergeLabels(table, byScore, grid);
  const rows = alternatives.size === 0 ? byScore : byScore.filter((row) => !table.isMerged(row));
  return {
    findings: findingsOf(table, rows, textsTaken, alternatives),
    lowConfidence: objects.length - confident.length,
  };
}

function isInRegion(table: DetectionTable, row: number, { region }: TileGrid): boolean {
  return region === null || intersectionOf(table.box(row), region) > 0;
}

/** `textsTaken`: by row, the texts of objects that have none of their own. */
function findingsOf(
  table: DetectionTable,
  rows: Int32Array,
  textsTaken: ReadonlyMap<number, string>,
  alternatives: ReturnType<typeof mergeLabels>,
): Finding[] {
  const { tiles, models } = reportedBy(table, rows);
  return Array.from(rows, (row, index): Finding => {
    const { label, description, severity, text, angle } = table.detection(row);
    const outline = table.outline(row);
    const [left, top, width, height] = table.box(row);
    const said_by = at(models, index);
    const others = alternatives.get(row);
    return {
      id: `f${index + 1}`,
      label,
      description,
      score: Math.round(table.score(row) * SCORE_STEPS) / SCORE_STEPS,
      severity,
      box: [tenths(left), tenths(top), tenths(width), tenths(height)],
      text: text ?? textsTaken.get(row) ?? null,
      ...(outline && { polygon: outline.map(([x, y]) => [tenths(x), tenths(y)]) }),
      ...(angle !== undefined && { angle }),
      ...(others && { alternatives: others }),
      level: table.level(row),
      tiles: at(tiles, index),
      verified: null,
      ...(said_by.length > 0 && { said_by: said_by.toSorted() }),
    };
  });
}

/** For each of `rows`: the ascending indexes of the tiles whose detections were merged into it, and the models, where they are recorded. */
function reportedBy(table: DetectionTable, rows: Int32Array): { tiles: number[][]; models: ModelId[][] } {
  const positions = new Int32Array(table.count).fill(-1);
  rows.forEach((row, position) => {
    positions[row] = position;
  });
  const tiles: number[][] = Array.from(rows, () => []);
  const models: ModelId[][] = Array.from(rows, () => []);
  for (let row = 0; row < table.reportedCount; row++) {
    const position = cell(positions, table.finalRow(row));
    if (position < 0) continue; // not a finding
    const indexes = at(tiles, position);
    const { index } = table.tile(row);
    if (indexes.at(-1) !== index) indexes.push(index); // rows follow the order of tiles
    const { model } = table.detection(row);
    if (model !== undefined && !at(models, position).includes(model)) at(models, position).push(model);
  }
  return { tiles, models };
}

function tenths(px: number): number {
  return Math.round(px * 10) / 10;
}
