// Charts with marks of known places and sizes: what a model reports of them shows in which numbers it answers. Pure but for the drawing.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { at } from '../contract/at.ts';
import type { Box } from '../contract/schemas.ts';
import type { Jpeg } from '../ports.ts';
import type { ImageSize } from '../providers/image-intake.ts';

export interface Mark {
  /** A letter and a digit, written into the mark. */
  code: string;
  /** Pixels of the chart. */
  box: Box;
}

export interface Chart extends ImageSize {
  marks: readonly Mark[];
}

const COLUMNS = 'ABCDEFGH';
const ROWS = 6;
const COLORS = ['#d55e00', '#0072b2', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'] as const;
/** A mark fills between these shares of its cell. */
const SHARE_MIN = 0.35;
const SHARE_MAX = 0.8;

/** Two charts of different shapes: on one alone, pixels and thousandths could be the same. */
export function chartsFor(edgePx: number): Chart[] {
  return [
    chartOf({ width: edgePx, height: Math.round(edgePx * 0.75) }),
    chartOf({ width: Math.round(edgePx * 0.6), height: edgePx }),
  ];
}

/** 48 marks, always the same for a size. */
export function chartOf({ width, height }: ImageSize): Chart {
  const cell = { width: width / COLUMNS.length, height: height / ROWS };
  const marks = [...COLUMNS].flatMap((letter, column) =>
    Array.from({ length: ROWS }, (_, row): Mark => {
      const place = column * ROWS + row;
      const [w, h] = [between(place, 1), between(place, 2)].map((share) => SHARE_MIN + share * (SHARE_MAX - SHARE_MIN));
      const markWidth = Math.round(cell.width * (w ?? SHARE_MIN));
      const markHeight = Math.round(cell.height * (h ?? SHARE_MIN));
      const left = Math.round(column * cell.width + between(place, 3) * (cell.width - markWidth));
      const top = Math.round(row * cell.height + between(place, 4) * (cell.height - markHeight));
      return { code: `${letter}${row + 1}`, box: [left, top, markWidth, markHeight] };
    }),
  );
  return { width, height, marks };
}

/** From 0 to 1, spread evenly: multiples of an irrational number. */
function between(place: number, which: number): number {
  return (place * 0.618_033_988_75 + which * 0.754_877_666_25 + place * which * 0.414_213_562_37) % 1;
}

export async function drawChart({ width, height, marks }: Chart): Promise<Jpeg> {
  const { default: sharp } = await import('sharp');
  // The font comes from npm: Lambda has none.
  const fontfile = join(
    dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')),
    'ttf/DejaVuSans-Bold.ttf',
  );
  const boxes = marks.map(
    ({ box: [x, y, w, h] }, place) =>
      `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${at(COLORS, place % COLORS.length)}"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${boxes.join('')}</svg>`;
  const names = await Promise.all(
    marks.map(async ({ code, box: [left, top, w, h] }) => {
      const span = `<span foreground="white">${code}</span>`;
      const text = {
        text: span,
        font: 'DejaVu Sans Bold',
        fontfile,
        rgba: true,
        width: Math.ceil(w * 0.8),
        height: Math.ceil(h * 0.6),
      };
      const { data, info } = await sharp({ text }).png().toBuffer({ resolveWithObject: true });
      const [across, down] = [Math.round((w - info.width) / 2), Math.round((h - info.height) / 2)];
      return { input: data, left: left + Math.max(0, across), top: top + Math.max(0, down) };
    }),
  );
  const background = sharp({ create: { width, height, channels: 3, background: 'white' } });
  const bytes = await background
    .composite([{ input: Buffer.from(svg), left: 0, top: 0 }, ...names])
    .jpeg({ quality: 92 })
    .toBuffer();
  return { bytes, width, height };
}
