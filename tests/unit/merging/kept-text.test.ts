import { describe, expect, test } from 'vitest';
import { at } from '../../../pipeline/contract/at.ts';
import type { Box, Detection, Finding } from '../../../pipeline/contract/schemas.ts';
import { mergeDetections } from '../../../pipeline/merging/merge.ts';
import { tilesOf } from '../../../pipeline/planning/grid.ts';
import { type Plan, planTiles } from '../../../pipeline/planning/plan.ts';
import { type Random, seededRandom } from '../../support/seeded-random.ts';

/** 20 images x 10 lines x 5 edits: 1,000 lines. */
const IMAGES = 20;
const LINES_AN_IMAGE = 10;
/** In one finding. */
const WHOLE_SHARE_MIN = 0.98;
const HEIGHT_PX = 20;
const LETTERS = [...'abcdefghijklmnoprstuvwxyzABCDEFGHKLMNPRSTUVWXYZ0123456789.:-'] as [string, ...string[]];
const EDITS = ['space added', 'space dropped', 'letter dropped', 'letter doubled', 'letter replaced'] as const;

interface Line {
  text: string;
  left: number;
  top: number;
  letterPx: number;
}

interface Reading {
  tile: number;
  line: number;
  /** The letter of the line with which it begins. */
  from: number;
  detection: Detection;
}

function planWith(overlap: number): Plan {
  const request = {
    detail: 'fine',
    tile_size: 640,
    overlap,
    grid: null,
    region: null,
    max_tiles: null,
    skip_blank: true,
  } as const;
  return planTiles({ width: 2_600, height: 600 }, request, { edgePx: 640, overlapPx: overlap });
}

function randomLine(index: number, random: Random): Line {
  const words = Array.from({ length: random.between(2, 14) }, () =>
    Array.from({ length: random.between(2, 9) }, () => random.oneOf(LETTERS)).join(''),
  );
  return { text: words.join(' '), left: random.between(5, 1_500), top: 15 + 58 * index, letterPx: random.between(9, 12) };
}

/** The letters of each line that each tile shows whole. */
function readingsOf(lines: readonly Line[], plan: Plan): Reading[] {
  return tilesOf(plan).flatMap((tile, index) =>
    lines.flatMap(({ text, left, top, letterPx }, line): Reading[] => {
      const scale = 2 ** tile.level;
      const [tileLeft, tileTop, tileWidth] = tile.boxInLevel;
      const isShown = (at: number) =>
        left + at * letterPx >= tileLeft * scale && left + (at + 1) * letterPx <= (tileLeft + tileWidth) * scale;
      const shown = [...text].map((letter, at) => ({ letter, at })).filter(({ letter, at }) => letter !== ' ' && isShown(at));
      const [first, last] = [shown[0], shown.at(-1)];
      if (!first || !last) return [];
      const box: Box = [
        (left + first.at * letterPx) / scale - tileLeft,
        top / scale - tileTop,
        ((last.at + 1 - first.at) * letterPx) / scale,
        HEIGHT_PX / scale,
      ];
      const reading = text.slice(first.at, last.at + 1);
      const score = 0.9 + 0.0001 * index;
      return [
        {
          tile: index,
          line,
          from: first.at,
          detection: { label: 'text', description: reading, score, severity: 'info', box, text: reading },
        },
      ];
    }),
  );
}

function edited(text: string, edit: (typeof EDITS)[number], at: number): string {
  switch (edit) {
    case 'space added':
      return `${text.slice(0, at)} ${text.slice(at)}`.trim();
    case 'space dropped':
      return text.replace(' ', '');
    case 'letter dropped':
      return text.length > 1 ? text.slice(0, at) + text.slice(at + 1) : text;
    case 'letter doubled':
      return text.slice(0, at + 1) + text.slice(at);
    case 'letter replaced':
      return `${text.slice(0, at)}~${text.slice(at + 1)}`;
  }
}

/** The number of letters of `text` that `found` does not contain in their order. */
function lettersLost(text: string, found: string): number {
  let common = new Array<number>(found.length + 1).fill(0);
  for (const letter of text) {
    const next = [0];
    for (let at = 0; at < found.length; at++) {
      next.push(letter === found[at] ? (common[at] as number) + 1 : Math.max(next[at] as number, common[at + 1] as number));
    }
    common = next;
  }
  return text.length - (common.at(-1) as number);
}

function textOn({ top }: Line, findings: readonly Finding[]): string[] {
  return findings
    .filter(({ box }) => Math.abs(box[1] - top) < HEIGHT_PX)
    .sort((a, b) => a.box[0] - b.box[0])
    .map(({ text }) => (text ?? '').replaceAll(' ', ''));
}

describe.each([64, 160])('1,000 random lines over the seams of tiles that share %i px', (overlap) => {
  test.each(EDITS)('no letter is in no finding, and 98 of 100 lines are whole, if one reading of each has a %s', (edit) => {
    const plan = planWith(overlap);
    const tiles = tilesOf(plan);
    let whole = 0;
    for (let seed = 1; seed <= IMAGES; seed++) {
      const random = seededRandom(seed);
      const lines = Array.from({ length: LINES_AN_IMAGE }, (_, index) => randomLine(index, random));
      const readings = readingsOf(lines, plan);
      const misread: number[] = [];
      lines.forEach((_, line) => {
        const own = readings.filter((reading) => reading.line === line);
        const { detection, from } = random.oneOf(own as [Reading, ...Reading[]]);
        const text = detection.text ?? '';
        const letter = random.between(0, text.length - 1);
        detection.text = edited(text, edit, letter);
        misread.push(from + letter);
      });
      const reported = tiles.map((tile, index) => ({
        tile,
        detections: readings.filter((reading) => reading.tile === index).map(({ detection }) => detection),
      }));
      const { findings } = mergeDetections(reported, plan);
      const mayLose = edit === 'letter dropped' || edit === 'letter replaced'; // only the letter that was misread
      for (const [index, line] of lines.entries()) {
        const letters = [...line.text];
        if (mayLose) letters.splice(at(misread, index), 1);
        const truth = letters.join('').replaceAll(' ', '');
        const found = textOn(line, findings);
        expect(lettersLost(truth, found.join('')), `seed ${seed}: ${line.text} / ${found.join(' | ')}`).toBe(0);
        if (found.some((text) => lettersLost(truth, text) === 0)) whole++;
      }
    }
    expect(whole / (IMAGES * LINES_AN_IMAGE)).toBeGreaterThanOrEqual(WHOLE_SHARE_MIN);
  });
});

describe('text that a merge would drop', () => {
  const plan = planWith(160);
  const merged = (detections: Omit<Detection, 'description' | 'severity'>[]) =>
    mergeDetections(
      tilesOf(plan).map((tile) => ({
        tile,
        detections:
          tile.name === 'tile-0-r0-c0'
            ? detections.map((detection) => ({ ...detection, description: detection.label, severity: 'info' as const }))
            : [],
      })),
      plan,
    ).findings.map(({ text }) => text);

  test('stays with an object that has none', () => {
    const car = { label: 'car', box: [100, 100, 100, 60] as Box };
    expect(
      merged([
        { ...car, score: 0.9, text: null },
        { ...car, score: 0.8, text: 'AB 123' },
      ]),
    ).toEqual(['AB 123']);
  });

  test('stays a finding inside a larger box that says something else', () => {
    const column = { label: 'text', box: [100, 50, 25, 400] as Box, score: 0.95, text: '1' };
    const row = { label: 'text', box: [100, 200, 25, 14] as Box, score: 0.9, text: '17' };
    expect(merged([column, row])).toEqual(['1', '17']);
  });

  test.each([
    ['too small to read there', 'a f d', ['all insurance harbour office']],
    ['read as well there', 'all insurance harbour offlce', ['all insurance harbour offlce']],
  ])('of a line that a coarser level shows: %s', (_, coarse, expected) => {
    const line = (text: string, box: Box, score: number): Detection => ({
      label: 'text',
      description: text,
      severity: 'info',
      box,
      score,
      text,
    });
    const { findings } = mergeDetections(
      tilesOf(plan).map((tile) => ({
        tile,
        detections: [
          ...(tile.name === 'tile-0-r0-c0' ? [line('all insurance harbour office', [20, 100, 560, 20], 0.6)] : []),
          ...(tile.name === 'tile-1-r0-c0' ? [line(coarse, [10, 50, 280, 10], 0.95)] : []),
        ],
      })),
      plan,
    );
    expect(findings.map(({ text }) => text)).toEqual(expected);
  });

  test('is merged into a larger box that has it', () => {
    const sign = { label: 'text', box: [100, 50, 200, 38] as Box, score: 0.95, text: 'NO ENTRY EXCEPT BUSES' };
    const line = { label: 'text', box: [110, 52, 180, 16] as Box, score: 0.9, text: 'NOENTRY' };
    expect(merged([sign, line])).toEqual(['NO ENTRY EXCEPT BUSES']);
  });
});
