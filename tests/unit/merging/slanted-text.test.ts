// An ideal reader of slanted lines: in each tile, it reports the letters that the tile shows whole, with the corners around them.
import { describe, expect, test } from 'vitest';
import { at } from '../../../pipeline/contract/at.ts';
import type { Detection, Finding, Polygon } from '../../../pipeline/contract/schemas.ts';
import { mergeDetections } from '../../../pipeline/merging/merge.ts';
import { clippedTo } from '../../../pipeline/planning/geometry.ts';
import { type PlannedTile, tilesOf } from '../../../pipeline/planning/grid.ts';
import { planTiles } from '../../../pipeline/planning/plan.ts';
import { type Random, seededRandom } from '../../support/seeded-random.ts';

const IMAGES = 100;
const LINES_AN_IMAGE = 4;
const WHOLE_SHARE_MIN = 0.98;
const LETTER_PX = 11;
const HEIGHT_PX = 20;
const LETTERS = [...'abcdefghijklmnoprstuvwxyzABCDEFGHKLMNPRSTUVWXYZ0123456789.:-'] as [string, ...string[]];
const CELL_PX = 800;

const PLAN = planTiles(
  { width: 2 * CELL_PX, height: 2 * CELL_PX },
  { detail: 'fine', tile_size: 640, overlap: 160, grid: null, region: null, max_tiles: null, skip_blank: true },
  { edgePx: 640, overlapPx: 160 },
);
const TILES = tilesOf(PLAN);

interface Line {
  text: string;
  x: number;
  y: number;
  angle: number;
}

/** The rectangle from one letter to another one, in pixels of the image. */
function cornersOf({ text, x, y, angle }: Line, from: number, to: number): Polygon {
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const [start, end] = [from, to].map((letter) => (letter - text.length / 2) * LETTER_PX) as [number, number];
  const corner = (along: number, across: number): [number, number] => [
    x + along * cos - across * sin,
    y + along * sin + across * cos,
  ];
  const half = HEIGHT_PX / 2;
  return [corner(start, -half), corner(end, -half), corner(end, half), corner(start, half)];
}

function inTile({ level, boxInLevel: [left, top] }: PlannedTile, corners: Polygon): Polygon {
  return corners.map(([x, y]) => [x / 2 ** level - left, y / 2 ** level - top]);
}

function detectionOf(line: Line, tile: PlannedTile, from: number, to: number, random: Random): Detection | null {
  const [, , width, height] = tile.boxInLevel;
  const polygon = inTile(tile, cornersOf(line, from, to));
  const [xs, ys] = [polygon.map(([x]) => x), polygon.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const box = clippedTo([left, top, Math.max(...xs) - left, Math.max(...ys) - top], width, height);
  const text = line.text.slice(from, to);
  const angle = line.angle + random.between(-10, 10) / 10;
  return box && { label: 'text', description: text, score: 0.95, severity: 'info', box, text, polygon, angle };
}

function readingsIn(tile: PlannedTile, lines: readonly Line[], random: Random): Detection[] {
  const [, , width, height] = tile.boxInLevel;
  return lines.flatMap((line) => {
    const isShown = (letter: number): boolean =>
      inTile(tile, cornersOf(line, letter, letter + 1)).every(([x, y]) => x >= 0 && y >= 0 && x <= width && y <= height);
    const shown = [...line.text].flatMap((letter, index) => (letter !== ' ' && isShown(index) ? [index] : []));
    const [first, last] = [shown[0], shown.at(-1)];
    const detection = first === undefined || last === undefined ? null : detectionOf(line, tile, first, last + 1, random);
    return detection ? [detection] : [];
  });
}

/** Above `levelMax`, no letter is legible. */
function findingsOf(
  lines: readonly Line[],
  random: Random,
  levelMax = 9,
  edit: (detection: Detection) => Detection = (same) => same,
): Finding[] {
  const reported = TILES.filter(({ level }) => level <= levelMax).map((tile) => ({
    tile,
    detections: readingsIn(tile, lines, random).map(edit),
  }));
  return mergeDetections(reported, PLAN).findings;
}

/** One in a cell, so that no other line crosses it. */
function randomLines(random: Random): Line[] {
  return Array.from({ length: LINES_AN_IMAGE }, (_, index) => {
    const words = Array.from({ length: random.between(2, 9) }, () =>
      Array.from({ length: random.between(2, 7) }, () => random.oneOf(LETTERS)).join(''),
    );
    const angle = 90 * random.between(-2, 1) + random.between(4, 86);
    return {
      text: words.join(' ').slice(0, 60).trim(),
      x: CELL_PX * ((index % 2) + 0.5),
      y: CELL_PX * (Math.floor(index / 2) + 0.5),
      angle,
    };
  });
}

const squeezed = (text: string | null) => (text ?? '').replaceAll(' ', '');

describe('slanted lines', () => {
  test(`${IMAGES * LINES_AN_IMAGE} random ones over seams keep all letters, and 98 % are whole`, () => {
    const broken: string[] = [];
    for (let seed = 1; seed <= IMAGES; seed++) {
      const random = seededRandom(seed);
      const lines = randomLines(random);
      const findings = findingsOf(lines, random, seed % 3);
      for (const { text, angle, x, y } of lines) {
        const own = findings.filter(
          ({ box }) =>
            Math.floor((box[0] + box[2] / 2) / CELL_PX) === Math.floor(x / CELL_PX) &&
            Math.floor((box[1] + box[3] / 2) / CELL_PX) === Math.floor(y / CELL_PX),
        );
        const found = own.map((finding) => squeezed(finding.text));
        const hasAll = [...squeezed(text)].every((letter) => found.some((part) => part.includes(letter)));
        expect(hasAll, `seed ${seed}, ${angle} degrees: ${text} / ${found.join(' | ')}`).toBe(true);
        if (found.length !== 1 || found[0] !== squeezed(text))
          broken.push(`seed ${seed}, ${angle} degrees: ${text} / ${found.join(' | ')}`);
      }
    }
    expect(broken.length, broken.join('\n')).toBeLessThanOrEqual((1 - WHOLE_SHARE_MIN) * IMAGES * LINES_AN_IMAGE);
  });

  test.each([20, 45, 70, 110, -30, -135])('of a paragraph at %i degrees remain separate findings, with their angle', (angle) => {
    const across = ((angle + 90) * Math.PI) / 180;
    const lines = Array.from({ length: 9 }, (_, index) => ({
      text: `line ${index} of nine: ${'abcdefghi'.slice(index)} end`,
      x: CELL_PX + (index - 4) * 24 * Math.cos(across),
      y: CELL_PX + (index - 4) * 24 * Math.sin(across),
      angle,
    }));
    const findings = findingsOf(lines, seededRandom(1));
    expect(findings.map(({ text }) => text).sort()).toEqual(lines.map(({ text }) => text).sort());
    for (const finding of findings) expect(Math.abs((finding.angle ?? 0) - angle)).toBeLessThan(2);
  });

  test('that are read worse on a coarse level, or upside down there, are one finding', () => {
    const line = { text: 'ASSEMBLY DRAWING 4711', x: CELL_PX - 250, y: CELL_PX - 250, angle: -50 };
    const misread = (detection: Detection): Detection =>
      detection.box[2] > 120
        ? detection
        : { ...detection, text: 'LTZb 9NIMVRO', score: 0.7, angle: 130, polygon: turned(detection.polygon) };
    expect(findingsOf([line], seededRandom(1), 9, misread).map(({ text }) => text)).toEqual([line.text]);
  });

  test('are not joined to a line at another angle', () => {
    const lines = [
      { text: 'UPPER LINE BEFORE THE SEAM', x: 400, y: 300, angle: 20 },
      { text: 'LOWER LINE AFTER THE SEAM', x: 660, y: 460, angle: 35 },
    ];
    expect(
      findingsOf(lines, seededRandom(1))
        .map(({ text }) => text)
        .sort(),
    ).toEqual(lines.map(({ text }) => text).sort());
  });
});

/** The same corners, from where the text begins upside down. */
function turned(polygon: Polygon | undefined): Polygon {
  const corners = polygon ?? [];
  return [at(corners, 2), at(corners, 3), at(corners, 0), at(corners, 1)];
}
