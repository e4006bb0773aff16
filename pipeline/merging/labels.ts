// Decides between labels: rows that show one object under several labels become one, and the other labels its alternatives. Pure.
import type { Finding } from '../contract/schemas.ts';
import type { Size } from '../planning/geometry.ts';
import type { DetectionTable } from './detection-table.ts';
import { SCORE_STEPS } from './ranking.ts';
import { SpatialIndex } from './spatial-index.ts';

/** Boxes of different labels whose IoU exceeds this show one object: those of a rider and the bicycle share less. */
export const IOU_THRESHOLD_LABELS = 0.8;
export const ALTERNATIVES_MAX = 5;

type Alternatives = NonNullable<Finding['alternatives']>;

/**
 * Merges each of `rows`, which come by falling score, into an earlier one of another label at the same place. Rows with text remain: a
 * sign and its text are two findings. Returns the alternatives by row, the highest score first.
 */
export function mergeLabels(table: DetectionTable, rows: Int32Array, image: Size): Map<number, Alternatives> {
  const alternatives = new Map<number, Alternatives>();
  if (table.labelCount < 2) return alternatives;
  const index = new SpatialIndex(table, rows, image, 'all labels');
  for (const row of rows) {
    if (table.isMerged(row) || table.isText(row)) continue;
    const same: number[] = [];
    index.visit(row, (other) => {
      const mayBeSame = table.label(other) !== table.label(row) && !table.isText(other) && !table.isMerged(other);
      if (mayBeSame && table.iouExceeds(row, other, IOU_THRESHOLD_LABELS)) same.push(other);
      return false;
    });
    for (const other of same) table.mergeInto(other, row);
    if (same.length > 0) alternatives.set(row, alternativesOf(table, same));
  }
  return alternatives;
}

/** One for each label. */
function alternativesOf(table: DetectionTable, rows: readonly number[]): Alternatives {
  const byScore = rows.toSorted((a, b) => table.score(b) - table.score(a) || table.compare(a, b));
  const best = byScore.filter((row, place) => byScore.findIndex((other) => table.label(other) === table.label(row)) === place);
  return best.slice(0, ALTERNATIVES_MAX).map((row) => ({
    label: table.detection(row).label,
    score: Math.round(table.score(row) * SCORE_STEPS) / SCORE_STEPS,
  }));
}
