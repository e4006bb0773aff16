// Draws lines of text at any angles, each in a cell of its own, for tests and benchmarks of text recognition.
import sharp, { type Sharp } from 'sharp';
import { at } from '../../pipeline/contract/at.ts';

const CELL_PX = 240;

export interface DrawnLine {
  text: string;
  /** Clockwise, in degrees. */
  angle: number;
  /** The center. */
  x: number;
  y: number;
}

/** Short and long, in capitals and digits, 15 to 24 px. */
export const LINES: readonly { text: string; sizePx: number }[] = [
  { text: 'Emergency exit', sizePx: 15 },
  { text: 'VALVE V-9220', sizePx: 18 },
  { text: 'R1.00', sizePx: 20 },
  { text: 'Room 214', sizePx: 22 },
  { text: 'Keep door closed', sizePx: 24 },
  { text: 'Max. load 250 kg', sizePx: 18 },
];

/** Every line at every angle, black on white, `columns` cells a row. */
export function drawnAtAngles(angles: readonly number[], columns: number): { image: Sharp; lines: DrawnLine[] } {
  const lines: DrawnLine[] = [];
  const marks: string[] = [];
  for (const angle of angles) {
    for (const { text, sizePx } of LINES) {
      const x = CELL_PX * ((lines.length % columns) + 0.5);
      const y = CELL_PX * (Math.floor(lines.length / columns) + 0.5);
      lines.push({ text, angle, x, y });
      marks.push(
        `<text x="${x}" y="${y}" font-size="${sizePx}" text-anchor="middle" dominant-baseline="central" transform="rotate(${angle} ${x} ${y})">${text}</text>`,
      );
    }
  }
  const width = CELL_PX * columns;
  const height = at(lines, lines.length - 1).y + CELL_PX / 2;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>${marks.join('')}</svg>`;
  return { image: sharp(Buffer.from(svg), { unlimited: true }), lines };
}

/** The number of lines that are found exactly, each once. */
export function linesRead(
  lines: readonly DrawnLine[],
  found: readonly { text: string | null; box: readonly number[] }[],
): DrawnLine[] {
  const left = [...found];
  return lines.filter(({ text, x, y }) => {
    const index = left.findIndex(({ text: read, box: [boxLeft = 0, top = 0, width = 0, height = 0] }) => {
      const [fromCenterX, fromCenterY] = [boxLeft + width / 2 - x, top + height / 2 - y];
      return read?.trim() === text && Math.max(Math.abs(fromCenterX), Math.abs(fromCenterY)) < CELL_PX / 4;
    });
    if (index >= 0) left.splice(index, 1);
    return index >= 0;
  });
}
