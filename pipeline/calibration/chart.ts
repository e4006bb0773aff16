// Charts with marks of known places and sizes: what a model reports of them shows in which numbers it answers. Pure.
import type { Box } from '../contract/schemas.ts';
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
