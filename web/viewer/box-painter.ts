// Paints boxes or outlines, their names and bubbles on a canvas, in lines that are visible on any image. Decides nothing about which are painted.
import { at } from '../../pipeline/contract/at.ts';
import { nameOf, SEVERITY_LOOKS } from '../../pipeline/findings/marks.ts';
import { namePlaces } from '../../pipeline/findings/name-places.ts';
import type { Box, Findings } from '../shared/findings.ts';
import type { View } from './layer.ts';

const NAME_CHARACTERS_MAX = 32;
/** A narrower box has no room for a name. */
const NAMED_FROM_PX = 26;
const NAME_PX = 19;
const NAME_PADDING_PX = 12;
/** The thinnest line. */
const LINE_PX = 1.75;
const FONT = '600 12px system-ui, sans-serif';
const DIRECTION_MARKS = /[\u202a-\u202e\u2066-\u2069]/g;

/** In CSS pixels of the canvas. */
export interface Bubble {
  x: number;
  y: number;
  radius: number;
  findings: number;
  /** The mark of the most severe finding. */
  mark: string;
  color: string;
}

/** In CSS pixels of the canvas. */
interface Name {
  words: string;
  left: number;
  top: number;
  width: number;
}

export interface BoxPainter {
  boxes(rows: readonly number[]): void;
  /** Names that do not cover one another. Those of `marked` come first and are painted by `marked`; narrow boxes have none. */
  names(marked: readonly number[], rows: readonly number[]): void;
  /** The selected box, or the one under the pointer, with its name. */
  marked(row: number, selected: boolean): void;
  bubble(bubble: Bubble): void;
}

export function boxPainter(context: CanvasRenderingContext2D, view: View, findings: Findings): BoxPainter {
  const places = namePlaces(view);
  const markedNames = new Map<number, Name>();
  const nameFor = (row: number): Name | null => {
    const words = nameOf({
      text: null,
      label: isolated(findings.wordsOf(row)),
      severity: findings.severityOf(row),
      score: findings.scoreOf(row),
    });
    context.font = FONT;
    const width = context.measureText(words).width + NAME_PADDING_PX;
    const place = places.take(onScreen(findings.boxOf(row), view), { width, height: NAME_PX });
    return place && { words, width, left: place[0], top: place[1] };
  };
  const paintName = ({ words, width, left, top }: Name, color: string) => {
    context.font = FONT;
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    context.fillStyle = 'rgb(0 0 0 / 78%)';
    context.fillRect(left, top, width, NAME_PX - 2);
    context.fillStyle = color;
    context.fillRect(left, top, 4, NAME_PX - 2);
    context.fillStyle = '#fff';
    context.fillText(words, left + 8, top + NAME_PX / 2);
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
      // One path for each color and weight: 1,200 boxes are at most 55 strokes.
      const paths = new Map<string, { path: Path2D; color: string; weight: number }>();
      for (const row of rows) {
        const { color } = findings.colorOf(row);
        const { weight } = SEVERITY_LOOKS[findings.severityOf(row)];
        const look = `${color} ${weight}`;
        const lines = paths.get(look) ?? { path: new Path2D(), color, weight };
        paths.set(look, lines);
        addShape(lines.path, row);
      }
      for (const { path, weight } of paths.values()) {
        context.lineWidth = LINE_PX * weight + 1.75; // a dark line below the bright one
        context.strokeStyle = 'rgb(0 0 0 / 55%)';
        context.stroke(path);
      }
      for (const { path, color, weight } of paths.values()) {
        context.lineWidth = LINE_PX * weight;
        context.strokeStyle = color;
        context.stroke(path);
      }
    },
    names(marked, rows) {
      for (const row of marked) {
        const name = nameFor(row);
        if (name) markedNames.set(row, name);
      }
      for (const row of rows) {
        const [, , width] = onScreen(findings.boxOf(row), view);
        const name = width >= NAMED_FROM_PX ? nameFor(row) : null;
        if (name) paintName(name, findings.colorOf(row).color);
      }
    },
    marked(row, selected) {
      const { color } = findings.colorOf(row);
      const [x, y, width, height] = onScreen(findings.boxOf(row), view);
      const shape = new Path2D();
      addShape(shape, row);
      const outline = (lineColor: string, lineWidth: number) => {
        context.lineWidth = lineWidth;
        context.strokeStyle = lineColor;
        if (findings.outlines[row]) context.stroke(shape);
        else context.strokeRect(x - 2, y - 2, width + 4, height + 4);
      };
      outline('rgb(0 0 0 / 75%)', selected ? 8 : 6);
      if (selected) outline('#fff', 5);
      outline(color, selected ? 2.5 : 3.5);
      const name = markedNames.get(row);
      if (name) paintName(name, color);
    },
    bubble({ x, y, radius, findings: count, mark, color }) {
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
      context.fillText(`${shortCount(count)}${mark}`, x, y + 0.5);
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
