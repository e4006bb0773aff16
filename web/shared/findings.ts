// The findings of one execution as columns, with questions about a row. The number of a row never changes.
import Flatbush from 'flatbush';
import { at } from '../../pipeline/contract/at.ts';
import type { FindingColumns } from '../../pipeline/findings/finding-columns.ts';
import { colorsOfLabels, type LabelColor } from '../../pipeline/findings/marks.ts';
import * as read from './read.ts';
import { documentAt } from './server-requests.ts';

export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;
export const VERDICTS = ['none', 'confirmed', 'corrected', 'rejected'] as const;
export const REJECTED = VERDICTS.indexOf('rejected');

/** Left, top, width, height in pixels of the full image. */
export type Box = readonly [left: number, top: number, width: number, height: number];

export interface Findings extends FindingColumns {
  /** Finds the rows whose boxes are near a box. `null` if there are no findings. */
  index: Flatbush | null;
  idOf(row: number): string;
  /** `null` if no finding has this id. */
  rowOf(id: string): number | null;
  boxOf(row: number): Box;
  labelOf(row: number): string;
  /** The color of the label of a row, and of a label by its place in `labels`. */
  colorOf(row: number): LabelColor;
  labelColors: readonly LabelColor[];
  /** The text of a row, or else its label. */
  wordsOf(row: number): string;
  severityOf(row: number): (typeof SEVERITIES)[number];
  scoreOf(row: number): number;
}

const readColumns: read.Read<FindingColumns> = read.fields({
  image: read.fields({ uri: read.text, width: read.number, height: read.number }),
  count: read.number,
  ids: read.nullable(read.listOf(read.text)),
  labels: read.listOf(read.text),
  label: read.listOf(read.number),
  severity: read.listOf(read.number),
  verdict: read.listOf(read.number),
  score: read.listOf(read.number),
  boxes: read.listOf(read.number),
  texts: read.recordOf(read.text),
  outlines: read.recordOf(read.listOf(read.number)),
});

/** `null` if the execution has no findings document, or none yet. */
export async function loadFindings(executionId: string): Promise<Findings | null> {
  const columns = await documentAt(`/executions/${executionId}/findings`, readColumns);
  return columns && findingsOf(columns);
}

export function findingsOf(columns: FindingColumns): Findings {
  const { boxes, ids, labels, label, severity, score } = columns;
  const boxOf = (row: number): Box => {
    const first = row * 4;
    return [at(boxes, first), at(boxes, first + 1), at(boxes, first + 2), at(boxes, first + 3)];
  };
  const counts = new Map(labels.map((name) => [name, 0]));
  for (const place of label) counts.set(at(labels, place), (counts.get(at(labels, place)) ?? 0) + 1);
  const labelColors = labels.map(colorsOfLabels(counts));
  return {
    ...columns,
    labelColors,
    colorOf: (row) => at(labelColors, at(label, row)),
    wordsOf: (row) => columns.texts[row] ?? at(labels, at(label, row)),
    index: indexOf(columns.count, boxOf),
    idOf: (row) => (ids ? at(ids, row) : `f${row + 1}`),
    rowOf: (id) => rowOf(id, columns),
    boxOf,
    labelOf: (row) => at(labels, at(label, row)),
    severityOf: (row) => at(SEVERITIES, at(severity, row)),
    scoreOf: (row) => at(score, row) / 1_000,
  };
}

function indexOf(count: number, boxOf: (row: number) => Box): Flatbush | null {
  if (count === 0) return null; // Flatbush needs at least one
  const index = new Flatbush(count, 16, Float32Array);
  for (let row = 0; row < count; row++) {
    const [left, top, width, height] = boxOf(row);
    index.add(left, top, left + width, top + height);
  }
  index.finish();
  return index;
}

function rowOf(id: string, { ids, count }: FindingColumns): number | null {
  const row = ids ? ids.indexOf(id) : /^f[1-9]\d{0,5}$/.test(id) ? Number(id.slice(1)) - 1 : -1;
  return row >= 0 && row < count ? row : null;
}
