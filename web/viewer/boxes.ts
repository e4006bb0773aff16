// Decides which findings are drawn over the image, and finds the one under a point. Where findings are too close for boxes, a bubble
// with their number is drawn, so that the screen bounds what is drawn, however many findings there are.
import { at } from '../../pipeline/contract/at.ts';
import { SEVERITY_LOOKS } from '../../pipeline/findings/marks.ts';
import { type Box, type Findings, SEVERITIES } from '../shared/findings.ts';
import { type Bubble, boxPainter } from './box-painter.ts';
import { type Cluster, clustersOf } from './clusters.ts';
import type { Point, View } from './layer.ts';

/** More boxes than these hide the image and each other. */
const BOXES_MAX = 1_200;
const NAMED_MAX = 120;
/** Findings gather in cells of this width on the screen, or up to twice as wide. */
const CELL_PX = 72;
/** The ring of a bubble. */
const SEVERAL_LABELS = '#ffffff';
/** A press this close to a box still hits it. */
const REACH_PX = 5;

/** What is pressed: a finding, or a bubble, whose surroundings are then shown. */
export type Target = { row: number } | { around: Box };

export interface BoxLayer {
  show(rows: Uint32Array): void;
  draw(context: CanvasRenderingContext2D, view: View, marked: { selected: number | null; hovered: number | null }): Drawn;
  targetAt(point: Point, view: View): Target | null;
}

export interface Drawn {
  boxes: number;
  clusters: number;
}

export function boxLayer(findings: Findings): BoxLayer {
  const isShown = new Uint8Array(findings.count);
  let rows = new Uint32Array();
  let clustersByCellPx = new Map<number, Cluster[]>();
  let rowsDrawn: readonly number[] = [];
  let bubbles: Bubble[] = [];

  const rowsIn = (left: number, top: number, right: number, bottom: number) =>
    findings.index?.search(left, top, right, bottom, (row) => isShown[row] === 1) ?? [];
  const clustersAt = (scale: number) => {
    const cellPx = 2 ** Math.ceil(Math.log2(CELL_PX / scale));
    const clusters = clustersByCellPx.get(cellPx) ?? clustersOf(findings, rows, cellPx);
    clustersByCellPx.set(cellPx, clusters);
    return clusters;
  };
  /** A cluster of one finding is drawn as its box. */
  const gather = (view: View) => {
    const visible = clustersAt(view.scale).filter((cluster) => isVisible(cluster, view));
    rowsDrawn = visible.filter(({ findings: count }) => count === 1).map(({ row }) => row);
    bubbles = visible.filter(({ findings: count }) => count > 1).map((cluster) => bubbleOf(cluster, view, findings));
  };
  const areaOf = (row: number) => {
    const [, , width, height] = findings.boxOf(row);
    return width * height;
  };

  return {
    show(shown) {
      isShown.fill(0);
      for (const row of shown) isShown[row] = 1;
      rows = shown.slice();
      clustersByCellPx = new Map();
    },
    draw(context, view, { selected, hovered }) {
      const inView = rowsIn(view.left, view.top, view.left + view.width / view.scale, view.top + view.height / view.scale);
      if (inView.length > BOXES_MAX) gather(view);
      else [rowsDrawn, bubbles] = [inView, []];
      const painter = boxPainter(context, view, findings);
      painter.boxes(rowsDrawn);
      for (const bubble of bubbles) painter.bubble(bubble);
      const marked = new Set([hovered, selected].filter((row) => row !== null));
      const named = rowsDrawn.length <= NAMED_MAX && bubbles.length === 0 ? rowsDrawn.filter((row) => !marked.has(row)) : [];
      painter.names([...marked], named);
      for (const row of marked) painter.marked(row, row === selected);
      return { boxes: rowsDrawn.length, clusters: bubbles.length };
    },
    targetAt(point, view) {
      const bubble = bubbles.find(({ x, y, radius }) => Math.hypot(x - point.x, y - point.y) <= radius);
      if (bubble) return { around: quarterAround(bubble, view) };
      const [x, y, reach] = [view.left + point.x / view.scale, view.top + point.y / view.scale, REACH_PX / view.scale];
      const drawn = new Set(rowsDrawn);
      const near = rowsIn(x - reach, y - reach, x + reach, y + reach).filter((row) => drawn.has(row));
      const [smallest] = near.sort((a, b) => areaOf(a) - areaOf(b));
      return smallest === undefined ? null : { row: smallest };
    },
  };
}

function isVisible({ x, y }: Cluster, view: View): boolean {
  const [across, down] = [(x - view.left) * view.scale, (y - view.top) * view.scale];
  return across >= -CELL_PX && down >= -CELL_PX && across <= view.width + CELL_PX && down <= view.height + CELL_PX;
}

function bubbleOf({ x, y, findings, severity, label }: Cluster, view: View, { labelColors }: Findings): Bubble {
  const { mark } = SEVERITY_LOOKS[at(SEVERITIES, severity)];
  return {
    x: (x - view.left) * view.scale,
    y: (y - view.top) * view.scale,
    radius: 9 + 4 * Math.log10(findings),
    findings,
    mark,
    color: label === null ? SEVERAL_LABELS : at(labelColors, label).color,
  };
}

/** A box of a quarter of the view's width and height, in pixels of the full image. */
function quarterAround({ x, y }: Point, view: View): Box {
  const [width, height] = [view.width / view.scale / 4, view.height / view.scale / 4];
  return [x / view.scale + view.left - width / 2, y / view.scale + view.top - height / 2, width, height];
}
