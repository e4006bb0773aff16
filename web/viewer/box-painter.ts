// Paints boxes or outlines, their names and bubbles on a canvas, in lines that are visible on any image. Decides nothing about which are painted.
import { at } from '../../pipeline/contract/at.ts';
import type { Box, Findings } from '../shared/findings.ts';
import type { View } from './layer.ts';

const NAME_CHARACTERS_MAX = 32;
/** A narrower box has no room for a name. */
const NAMED_FROM_PX = 26;
const FONT = '600 12px system-ui, sans-serif';
const DIRECTION_MARKS = /[\u202a-\u202e\u2066-\u2069]/g;

/** In CSS pixels of the canvas. */
export interface Bubble {
  x: number;
  y: number;
  radius: number;
  findings: number;
  color: string;
}

export interface BoxPainter {
  boxes(rows: readonly number[]): void;
  /** The selected box, or the one under the pointer, with its name. */
  marked(row: number, selected: boolean): void;
  nameIfWide(row: number): void;
  bubble(bubble: Bubble): void;
}

export function boxPainter(
  context: CanvasRenderingContext2D,
  view: View,
  findings: Findings,
  colors: readonly string[],
): BoxPainter {
  const colorOf = (row: number) => at(colors, at(findings.severity, row));

  /** Above its box, or inside where there is no room above. */
  const name = (row: number) => {
    const [x, y] = onScreen(findings.boxOf(row), view);
    const text = `${isolated(findings.labelOf(row))} ${findings.scoreOf(row).toFixed(2)}`;
    context.font = FONT;
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    const width = context.measureText(text).width + 10;
    const top = y >= 20 ? y - 19 : y + 3;
    context.fillStyle = 'rgb(0 0 0 / 78%)';
    context.fillRect(x - 1, top, width, 17);
    context.fillStyle = colorOf(row);
    context.fillRect(x - 1, top, 3, 17);
    context.fillStyle = '#fff';
    context.fillText(text, x + 6, top + 9);
  };

  /** The outline of the finding; its box if it has none. */
  const addShape = (path: Path2D, row: number) => {
    const outline = findings.outlines[row];
    if (!outline) {
      path.rect(...onScreen(findings.boxOf(row), view));
      return;
    }
    for (let corner = 0; corner + 1 < outline.length; corner += 2) {
      const x = (at(outline, corner) - view.left) * view.scale;
      const y = (at(outline, corner + 1) - view.top) * view.scale;
      // A line to the first corner would begin at the previous outline.
      if (corner === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    }
    path.closePath();
  };

  return {
    boxes(rows) {
      const paths = colors.map(() => new Path2D());
      for (const row of rows) addShape(at(paths, at(findings.severity, row)), row);
      const all = new Path2D();
      for (const path of paths) all.addPath(path);
      context.lineWidth = 3.5; // a dark line below the bright one
      context.strokeStyle = 'rgb(0 0 0 / 55%)';
      context.stroke(all);
      context.lineWidth = 1.75;
      for (const [severity, path] of paths.entries()) {
        context.strokeStyle = at(colors, severity);
        context.stroke(path);
      }
    },
    marked(row, selected) {
      const [x, y, width, height] = onScreen(findings.boxOf(row), view);
      const shape = new Path2D();
      addShape(shape, row);
      const outline = (color: string, lineWidth: number) => {
        context.lineWidth = lineWidth;
        context.strokeStyle = color;
        if (findings.outlines[row]) context.stroke(shape);
        else context.strokeRect(x - 2, y - 2, width + 4, height + 4);
      };
      outline('rgb(0 0 0 / 75%)', selected ? 8 : 6);
      if (selected) outline('#fff', 5);
      outline(colorOf(row), selected ? 2.5 : 3.5);
      name(row);
    },
    nameIfWide(row) {
      const [, , width] = onScreen(findings.boxOf(row), view);
      if (width >= NAMED_FROM_PX) name(row);
    },
    bubble({ x, y, radius, findings: count, color }) {
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fillStyle = 'rgb(0 0 0 / 70%)';
      context.fill();
      context.lineWidth = 2.5;
      context.strokeStyle = color;
      context.stroke();
      context.font = FONT;
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.fillStyle = '#fff';
      context.fillText(shortCount(count), x, y + 0.5);
    },
  };
}

function onScreen([left, top, width, height]: Box, view: View): [x: number, y: number, width: number, height: number] {
  return [(left - view.left) * view.scale, (top - view.top) * view.scale, width * view.scale, height * view.scale];
}

/** A canvas has no element that isolates the direction of a text, so marks do it, and marks in the text itself are left out. */
function isolated(text: string): string {
  const plain = text.replace(DIRECTION_MARKS, '').replace(/\s+/g, ' ');
  const short = [...plain].slice(0, NAME_CHARACTERS_MAX).join('');
  return `\u2068${short}${short.length < plain.length ? '…' : ''}\u2069`;
}

/** `999`, `1.2k`, `12k`. */
function shortCount(number: number): string {
  if (number < 1_000) return String(number);
  return number < 9_950 ? `${(number / 1_000).toFixed(1)}k` : `${Math.round(number / 1_000)}k`;
}
