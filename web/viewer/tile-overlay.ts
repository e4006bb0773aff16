// Tints the tiles of one level over the image, by state. Draws only tiles that are on the screen.
import { at } from '../../pipeline/contract/at.ts';
import type { GridLevel } from '../../pipeline/planning/tile-states.ts';
import type { Grid, TileState } from './grid-states.ts';
import type { View } from './layer.ts';

/** `null`: an analyzed tile shows the image as it is. */
const TINTS: Readonly<Record<TileState, string | null>> = {
  waiting: 'rgb(10 14 20 / 55%)',
  analyzing: 'rgb(255 210 63 / 35%)',
  done: null,
  failed: 'rgb(255 60 90 / 45%)',
  blank: 'rgb(255 255 255 / 40%)',
  'not-analyzed': 'rgb(10 14 20 / 55%)',
};
/** Left of a column and its width, or top of a row and its height; pixels of the full image. */
type Edge = GridLevel['columns'][number];

/** One column or row on the screen, in CSS pixels. */
interface Strip {
  place: number;
  begin: number;
  length: number;
}

export function drawTilesOver(
  context: CanvasRenderingContext2D,
  view: View,
  { first, columns, rows }: GridLevel,
  states: Grid['states'],
): void {
  const across = stripsOf(columns, view.left, view.width, view.scale);
  for (const row of stripsOf(rows, view.top, view.height, view.scale)) {
    for (const column of across) {
      const state = at(states, first + row.place * columns.length + column.place);
      const tint = state && TINTS[state];
      if (!tint) continue;
      context.fillStyle = tint;
      context.fillRect(column.begin + 1, row.begin + 1, column.length - 2, row.length - 2);
    }
  }
}

function stripsOf(edges: readonly Edge[], fromPx: number, lengthPx: number, scale: number): Strip[] {
  return edges.flatMap((edge, place) => {
    const begin = (beginOf(edge, edges[place - 1]) - fromPx) * scale;
    const end = (endOf(edge, edges[place + 1]) - fromPx) * scale;
    return end > 0 && begin < lengthPx ? [{ place, begin, length: end - begin }] : [];
  });
}

/** Neighbors overlap: each is drawn up to the middle of what they share. */
function beginOf([start]: Edge, before: Edge | undefined): number {
  return before ? (before[0] + before[1] + start) / 2 : start;
}

function endOf([start, length]: Edge, after: Edge | undefined): number {
  return after ? (start + length + after[0]) / 2 : start + length;
}
