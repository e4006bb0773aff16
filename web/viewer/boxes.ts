// Draws findings over the image: boxes where they can be told apart, and bubbles with a number where they cannot. What is drawn is
// bounded by the screen, however many there are.

import { type Box, type Findings, SEVERITIES } from '../shared/findings.ts';
import { type Clusters, clustersOf } from './clusters.ts';
import type { Point, View } from './viewer.ts';

/** More boxes than these hide the image, and each other. */
const BOXES_MAX = 1_200;
const NAMED_MAX = 120;
const NAME_CHARACTERS_MAX = 32;
const NAMED_FROM_PX = 26;
/** A cell is at least as wide on the screen, and less than twice. */
const CELL_PX = 72;
const REACH_PX = 5;
const FONT = '600 12px system-ui, sans-serif';
const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g;

/** What a press on the image means. */
export type Target = { row: number } | { around: Box };

export interface BoxLayer {
  show(rows: Uint32Array): void;
  draw(context: CanvasRenderingContext2D, view: View, marked: { selected: number | null; hovered: number | null }): Drawn;
  at(point: Point, view: View): Target | null;
}

export interface Drawn {
  boxes: number;
  clusters: number;
}

interface Bubble {
  x: number;
  y: number;
  radius: number;
  findings: number;
  severity: number;
}

export function boxLayer(findings: Findings): BoxLayer {
  const colours = coloursOf();
  const isShown = new Uint8Array(findings.count);
  let rows = new Uint32Array();
  let byCell = new Map<number, Clusters>();
  let rowsDrawn: readonly number[] = [];
  let bubbles: Bubble[] = [];

  const rowsIn = (left: number, top: number, right: number, bottom: number) =>
    findings.index?.search(left, top, right, bottom, (row) => isShown[row] === 1) ?? [];
  const clustersAt = (scale: number) => {
    const cellPx = 2 ** Math.ceil(Math.log2(CELL_PX / scale));
    const known = byCell.get(cellPx) ?? clustersOf(findings, rows, cellPx);
    byCell.set(cellPx, known);
    return known;
  };

  /** Cells that hold one finding show its box. */
  const gather = (view: View) => {
    const { count, x, y, findings: sizes, severity, row } = clustersAt(view.scale);
    const alone: number[] = [];
    bubbles = [];
    for (let at = 0; at < count; at++) {
      const [across, down] = [((x[at] as number) - view.left) * view.scale, ((y[at] as number) - view.top) * view.scale];
      if (across < -CELL_PX || down < -CELL_PX || across > view.width + CELL_PX || down > view.height + CELL_PX) continue;
      const size = sizes[at] as number;
      if (size === 1) alone.push(row[at] as number);
      else
        bubbles.push({ x: across, y: down, radius: 9 + 4 * Math.log10(size), findings: size, severity: severity[at] as number });
    }
    rowsDrawn = alone;
  };

  return {
    show(shown) {
      isShown.fill(0);
      for (const row of shown) isShown[row] = 1;
      rows = shown.slice();
      byCell = new Map();
    },
    draw(context, view, { selected, hovered }) {
      const seen = rowsIn(view.left, view.top, view.left + view.width / view.scale, view.top + view.height / view.scale);
      if (seen.length > BOXES_MAX) gather(view);
      else [rowsDrawn, bubbles] = [seen, []];
      drawBoxes(context, view, findings, rowsDrawn, colours);
      for (const bubble of bubbles) drawBubble(context, bubble, colours[bubble.severity] ?? '');
      if (rowsDrawn.length <= NAMED_MAX && bubbles.length === 0) {
        for (const row of rowsDrawn) {
          if (row !== selected && row !== hovered) drawName(context, view, findings, row, colours);
        }
      }
      for (const row of new Set([hovered, selected])) {
        if (row !== null) drawMarked(context, view, findings, row, colours, row === selected);
      }
      return { boxes: rowsDrawn.length, clusters: bubbles.length };
    },
    at(point, view) {
      const bubble = bubbles.find(({ x, y, radius }) => Math.hypot(x - point.x, y - point.y) <= radius);
      if (bubble) {
        const [across, down] = [view.width / view.scale / 4, view.height / view.scale / 4];
        return {
          around: [bubble.x / view.scale + view.left - across / 2, bubble.y / view.scale + view.top - down / 2, across, down],
        };
      }
      const [x, y, reach] = [view.left + point.x / view.scale, view.top + point.y / view.scale, REACH_PX / view.scale];
      const there = new Set(rowsDrawn);
      const near = rowsIn(x - reach, y - reach, x + reach, y + reach).filter((row) => there.has(row));
      const row = near.reduce((best, one) => (best < 0 || areaOf(findings, one) < areaOf(findings, best) ? one : best), -1);
      return row < 0 ? null : { row };
    },
  };
}

function areaOf(findings: Findings, row: number): number {
  const [, , width, height] = findings.boxOf(row);
  return width * height;
}

/** By severity, as the legend has them. */
function coloursOf(): string[] {
  const style = getComputedStyle(document.documentElement);
  return SEVERITIES.map((severity) => style.getPropertyValue(`--box-${severity}`).trim());
}

/** A dark line below a bright one: to be seen on any image. */
function drawBoxes(
  context: CanvasRenderingContext2D,
  view: View,
  findings: Findings,
  rows: readonly number[],
  colours: readonly string[],
): void {
  const paths = colours.map(() => new Path2D());
  for (const row of rows) paths[findings.severity[row] as number]?.rect(...onScreen(findings.boxOf(row), view));
  const all = new Path2D();
  for (const path of paths) all.addPath(path);
  context.lineWidth = 3.5;
  context.strokeStyle = 'rgb(0 0 0 / 55%)';
  context.stroke(all);
  context.lineWidth = 1.75;
  for (const [severity, path] of paths.entries()) {
    context.strokeStyle = colours[severity] ?? '';
    context.stroke(path);
  }
}

function drawMarked(
  context: CanvasRenderingContext2D,
  view: View,
  findings: Findings,
  row: number,
  colours: readonly string[],
  selected: boolean,
): void {
  const [x, y, width, height] = onScreen(findings.boxOf(row), view);
  const line = (colour: string, wide: number) => {
    context.lineWidth = wide;
    context.strokeStyle = colour;
    context.strokeRect(x - 2, y - 2, width + 4, height + 4);
  };
  line('rgb(0 0 0 / 75%)', selected ? 8 : 6);
  if (selected) line('#fff', 5);
  line(colours[findings.severity[row] as number] ?? '', selected ? 2.5 : 3.5);
  drawName(context, view, findings, row, colours, true);
}

function drawBubble(context: CanvasRenderingContext2D, { x, y, radius, findings }: Bubble, colour: string): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = 'rgb(0 0 0 / 70%)';
  context.fill();
  context.lineWidth = 2.5;
  context.strokeStyle = colour;
  context.stroke();
  context.font = FONT;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = '#fff';
  context.fillText(shortCount(findings), x, y + 0.5);
}

/** Above its box, or inside where there is no room. Small boxes have none, unless they are marked. */
function drawName(
  context: CanvasRenderingContext2D,
  view: View,
  findings: Findings,
  row: number,
  colours: readonly string[],
  always = false,
): void {
  const [x, y, width] = onScreen(findings.boxOf(row), view);
  if (width < NAMED_FROM_PX && !always) return;
  const text = `${isolated(findings.labelOf(row))} ${findings.scoreOf(row).toFixed(2)}`;
  context.font = FONT;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  const across = context.measureText(text).width + 10;
  const top = y >= 20 ? y - 19 : y + 3;
  context.fillStyle = 'rgb(0 0 0 / 78%)';
  context.fillRect(x - 1, top, across, 17);
  context.fillStyle = colours[findings.severity[row] as number] ?? '';
  context.fillRect(x - 1, top, 3, 17);
  context.fillStyle = '#fff';
  context.fillText(text, x + 6, top + 9);
}

function onScreen([left, top, width, height]: Box, view: View): [number, number, number, number] {
  return [(left - view.left) * view.scale, (top - view.top) * view.scale, width * view.scale, height * view.scale];
}

/** A canvas has no element that could isolate a text's direction: marks do, and those of the text itself are left out. */
function isolated(text: string): string {
  const plain = text.replace(DIRECTIONS, '').replace(/\s+/g, ' ');
  const short = [...plain].slice(0, NAME_CHARACTERS_MAX).join('');
  return `\u2068${short}${short.length < plain.length ? '…' : ''}\u2069`;
}

function shortCount(number: number): string {
  if (number < 1_000) return String(number);
  return number < 9_950 ? `${(number / 1_000).toFixed(1)}k` : `${Math.round(number / 1_000)}k`;
}
