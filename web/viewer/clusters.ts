// Gathers findings that lie too close together for boxes, by the cells of a grid. Pure.
import { at } from '../../pipeline/contract/at.ts';
import type { Findings } from '../shared/findings.ts';

export interface Cluster {
  /** Mean of the centers, in pixels of the full image. */
  x: number;
  y: number;
  findings: number;
  /** The highest of its findings, as a place in SEVERITIES. */
  severity: number;
  /** The place of their label in `labels`; `null` if they have several. */
  label: number | null;
  /** One of its findings. */
  row: number;
}

export function clustersOf({ boxOf, severity, label, image }: Findings, rows: Uint32Array, cellPx: number): Cluster[] {
  const columns = Math.ceil(image.width / cellPx) + 1;
  const byCell = new Map<number, Cluster>();
  for (const row of rows) {
    const [left, top, width, height] = boxOf(row);
    const [x, y] = [left + width / 2, top + height / 2];
    const cell = Math.floor(y / cellPx) * columns + Math.floor(x / cellPx);
    const cluster = byCell.get(cell);
    if (cluster) {
      cluster.findings++;
      cluster.x += (x - cluster.x) / cluster.findings;
      cluster.y += (y - cluster.y) / cluster.findings;
      cluster.severity = Math.max(cluster.severity, at(severity, row));
      if (cluster.label !== at(label, row)) cluster.label = null;
    } else {
      byCell.set(cell, { x, y, findings: 1, severity: at(severity, row), label: at(label, row), row });
    }
  }
  return [...byCell.values()];
}
