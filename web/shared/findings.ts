// The findings of one execution as they came, in columns, with what is asked of a row. A row's number never changes.
import Flatbush from 'flatbush';
import type { FindingColumns } from '../../pipeline/findings/finding-columns.ts';

export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;
export const VERDICTS = ['none', 'confirmed', 'corrected', 'rejected'] as const;
export const REJECTED = VERDICTS.indexOf('rejected');

/** Left, top, width, height in pixels of the full image. */
export type Box = readonly [left: number, top: number, width: number, height: number];

export interface Findings extends FindingColumns {
  boxes: number[];
  /** Where every box lies. */
  index: Flatbush | null;
  idOf(row: number): string;
  /** -1 when there is none. */
  rowOf(id: string): number;
  boxOf(row: number): Box;
  labelOf(row: number): string;
  severityOf(row: number): (typeof SEVERITIES)[number];
  scoreOf(row: number): number;
}

/** Null when there are none, or none yet. */
export async function loadFindings(executionId: string): Promise<Findings | null> {
  const response = await fetch(`/executions/${executionId}/findings`).catch(() => null);
  const columns = response?.ok ? ((await response.json()) as FindingColumns | null) : null;
  return columns && findingsOf(columns);
}

export function findingsOf(columns: FindingColumns): Findings {
  const { boxes, ids, labels, label, severity, score } = columns;
  const at = (row: number, side: number) => boxes[row * 4 + side] ?? 0;
  return {
    ...columns,
    index: indexOf(columns),
    idOf: (row) => ids?.[row] ?? `f${row + 1}`,
    rowOf: (id) => (ids ? ids.indexOf(id) : rowOfNumber(id, columns.count)),
    boxOf: (row) => [at(row, 0), at(row, 1), at(row, 2), at(row, 3)],
    labelOf: (row) => labels[label[row] ?? 0] ?? '',
    severityOf: (row) => SEVERITIES[severity[row] ?? 0] ?? 'info',
    scoreOf: (row) => (score[row] ?? 0) / 1_000,
  };
}

/** Without any, there is nothing to build it from. */
function indexOf({ boxes, count }: FindingColumns): Flatbush | null {
  if (count === 0) return null;
  const index = new Flatbush(count, 16, Float32Array);
  for (let at = 0; at < count * 4; at += 4) {
    const [left = 0, top = 0, width = 0, height = 0] = [boxes[at], boxes[at + 1], boxes[at + 2], boxes[at + 3]];
    index.add(left, top, left + width, top + height);
  }
  index.finish();
  return index;
}

function rowOfNumber(id: string, count: number): number {
  const row = /^f\d{1,6}$/.test(id) ? Number(id.slice(1)) - 1 : -1;
  return row < count ? row : -1;
}
