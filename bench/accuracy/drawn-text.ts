// Text that is drawn for the measurement, through the command line: lines at all angles, and a spreadsheet of tight rows.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import type { Finding } from '../../pipeline/contract/schemas.ts';
import { drawnAtAngles, linesRead } from '../../tests/support/text-at-angles.ts';

type Found = Pick<Finding, 'box' | 'text'>;
type Analyze = (image: string) => Promise<readonly Found[]>;

const ANGLES = Array.from({ length: 52 }, (_, index) => 7 * index);
const COLUMNS = 26;
const ROWS = 40;
const ROW_PX = 15;
const FONT_PX = 13;

export interface DrawnTextScore {
  lines: number;
  right: number;
  rows: number;
  rowsRight: number;
}

export async function scoreDrawnText(analyze: Analyze): Promise<DrawnTextScore> {
  const { image, lines } = drawnAtAngles(ANGLES, COLUMNS);
  const right = linesRead(lines, await analyzedAs('angles.png', image, analyze));
  const missed = lines.filter((line) => !right.includes(line)).map(({ text, angle }) => `${text} at ${angle}`);
  console.log(JSON.stringify({ image: 'lines at angles', lines: lines.length, right: right.length, missed }));
  const numbers = Array.from({ length: ROWS }, (_, row) => `${row + 10}`);
  const sheet = await analyzedAs('sheet.png', spreadsheet(numbers), analyze);
  const rowsRight = numbers.filter((number, row) => sheet.some(({ text, box }) => text === number && isInRow(box, row)));
  console.log(JSON.stringify({ image: 'spreadsheet', rows: ROWS, right: rowsRight.length }));
  return { lines: lines.length, right: right.length, rows: ROWS, rowsRight: rowsRight.length };
}

function isInRow([, top, , height]: Finding['box'], row: number): boolean {
  return Math.abs(top + height / 2 - centerOf(row)) < ROW_PX / 2;
}

function centerOf(row: number): number {
  return 19 + ROW_PX * row;
}

function spreadsheet(numbers: readonly string[]): Sharp {
  const cells = numbers.map((number, row) => {
    const y = centerOf(row) + 5; // of the base line
    return `<text x="14" y="${y}">${number}</text><text x="70" y="${y}">Item 1${number}</text><text x="220" y="${y}">${number}.50</text>`;
  });
  const size = `width="320" height="${centerOf(ROWS) + ROW_PX}"`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="${FONT_PX}"><rect width="100%" height="100%" fill="white"/>${cells.join('')}</svg>`;
  return sharp(Buffer.from(svg));
}

async function analyzedAs(name: string, image: Sharp, analyze: Analyze): Promise<readonly Found[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-drawn-text-'));
  try {
    const file = join(folder, name);
    await image.png().toFile(file);
    return await analyze(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
