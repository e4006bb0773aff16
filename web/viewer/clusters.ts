// Findings that lie too close to be told apart, gathered in the cells of a grid. Pure.
import type { Findings } from '../shared/findings.ts';

/** In columns; every array has an element a cluster. Pixels of the full image. */
export interface Clusters {
  count: number;
  /** The mean of the centres. */
  x: Float32Array;
  y: Float32Array;
  findings: Uint32Array;
  /** The worst of them, as a place in SEVERITIES, and one of them. */
  severity: Uint8Array;
  row: Uint32Array;
}

export function clustersOf({ boxes, severity: severities, image }: Findings, rows: Uint32Array, cellPx: number): Clusters {
  const columns = Math.ceil(image.width / cellPx) + 1;
  const byCell = new Map<number, number>();
  const clusters: Clusters = {
    ...{ count: 0, x: new Float32Array(rows.length), y: new Float32Array(rows.length), findings: new Uint32Array(rows.length) },
    ...{ severity: new Uint8Array(rows.length), row: new Uint32Array(rows.length) },
  };
  const { x, y, findings, severity, row: first } = clusters;
  for (const row of rows) {
    const at = row * 4;
    const centreX = (boxes[at] as number) + (boxes[at + 2] as number) / 2;
    const centreY = (boxes[at + 1] as number) + (boxes[at + 3] as number) / 2;
    const cell = Math.floor(centreY / cellPx) * columns + Math.floor(centreX / cellPx);
    let cluster = byCell.get(cell);
    if (cluster === undefined) {
      cluster = clusters.count++;
      byCell.set(cell, cluster);
      first[cluster] = row;
    }
    x[cluster] = (x[cluster] as number) + centreX;
    y[cluster] = (y[cluster] as number) + centreY;
    findings[cluster] = (findings[cluster] as number) + 1;
    severity[cluster] = Math.max(severity[cluster] as number, severities[row] as number);
  }
  for (let cluster = 0; cluster < clusters.count; cluster++) {
    x[cluster] = (x[cluster] as number) / (findings[cluster] as number);
    y[cluster] = (y[cluster] as number) / (findings[cluster] as number);
  }
  return clusters;
}
