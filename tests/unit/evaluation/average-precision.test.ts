import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Box } from '../../../pipeline/contract/schemas.ts';
import { averagePrecision } from '../../../pipeline/evaluation/average-precision.ts';
import type { FoundBox, TruthBox } from '../../../pipeline/evaluation/compared-boxes.ts';

interface Case {
  name: string;
  truths: TruthBox[];
  found: FoundBox[];
  stats: number[];
  categories: { label: string; ap: number; ap50: number }[];
}

function casesIn(text: string): Case[] {
  const cases: Case[] = [];
  for (const line of text.split('\n').filter((row) => row !== '' && !row.startsWith('#'))) {
    const [kind = '', ...words] = line.split(' ');
    if (kind === 'case') cases.push({ name: `case ${words[0]}`, truths: [], found: [], stats: [], categories: [] });
    const current = cases.at(-1);
    if (!current) throw new Error(`Expected a case before: ${line}`);
    const [image = 0, category = 0, left = 0, top = 0, width = 0, height = 0, areaOrScore = 0, isCrowd = 0] = words.map(Number);
    const boxed = { image, label: String(category), box: [left, top, width, height] satisfies Box };
    if (kind === 'truth') current.truths.push({ ...boxed, area: areaOrScore, isCrowd: isCrowd === 1 });
    if (kind === 'found') current.found.push({ ...boxed, score: areaOrScore });
    if (kind === 'stats') current.stats = words.map(Number);
    if (kind === 'category') current.categories.push({ label: String(image), ap: category, ap50: left });
  }
  return cases;
}

const CASES = casesIn(readFileSync(join(import.meta.dirname, '../../fixtures/coco-cases.txt'), 'utf8'));
const EXACT = 1e-9;

/** As pycocotools writes a figure without objects. */
const written = (figure: number | null | undefined) => figure ?? -1;

describe('the figures of pycocotools', () => {
  test('are there', () => {
    expect(CASES).toHaveLength(41);
    expect(CASES.filter(({ stats, found }) => stats.length === 12 && found.length > 100).length).toBeGreaterThan(5);
  });

  test.each(CASES)('$name: all twelve, and those of each category', ({ truths, found, stats, categories }) => {
    const { all, byLabel } = averagePrecision(truths, found);
    const { ap, ap50, ap75, apSmall, apMedium, apLarge, ar1, ar10, ar, arSmall, arMedium, arLarge } = all;
    const ours = [ap, ap50, ap75, apSmall, apMedium, apLarge, ar1, ar10, ar, arSmall, arMedium, arLarge].map(written);
    const differences = stats.map((stat, place) => Math.abs(stat - (ours[place] ?? Number.NaN)));
    expect(Math.max(...differences)).toBeLessThan(EXACT);
    for (const { label, ap: apOfLabel, ap50: ap50OfLabel } of categories) {
      expect(Math.abs(written(byLabel.get(label)?.ap) - apOfLabel)).toBeLessThan(EXACT);
      expect(Math.abs(written(byLabel.get(label)?.ap50) - ap50OfLabel)).toBeLessThan(EXACT);
    }
  });
});

describe('average precision', () => {
  const truth = (label: string, box: Box, image = 0): TruthBox => ({ image, label, box, area: box[2] * box[3], isCrowd: false });
  const box = fc.tuple(fc.nat(400), fc.nat(400), fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 200 }));
  const anyTruths = fc.array(fc.record({ label: fc.constantFrom('cup', 'cat'), box, image: fc.nat(3) }), { minLength: 1 });

  test('is 1 if the findings are the truth', () => {
    fc.assert(
      fc.property(anyTruths, (objects) => {
        const truths = objects.map((object) => truth(object.label, object.box, object.image));
        const found = objects.map((object, place) => ({ ...object, score: 1 / (place + 1) }));
        const { ap, ar, ap50 } = averagePrecision(truths, found).all;
        expect([ap, ap50, ar]).toEqual([expect.closeTo(1, 9), expect.closeTo(1, 9), 1]);
      }),
    );
  });

  test('does not fall if a finding of a lower score is added, and does not rise if it is false', () => {
    const truths = [truth('cup', [0, 0, 10, 10]), truth('cup', [50, 0, 10, 10])];
    const first: FoundBox = { image: 0, label: 'cup', box: [0, 0, 10, 10], score: 0.9 };
    const apOf = (more: FoundBox[]) => averagePrecision(truths, [first, ...more]).all.ap;
    const alone = apOf([]);
    expect(apOf([{ ...first, box: [200, 200, 10, 10], score: 0.5 }])).toBe(alone);
    expect(apOf([{ ...first, box: [50, 0, 10, 10], score: 0.5 }])).toBeGreaterThan(alone ?? 1);
    expect(apOf([{ ...first, box: [200, 200, 10, 10], score: 0.95 }])).toBeLessThan(alone ?? 0);
  });

  test('counts the 100 findings of the highest score in an image and label, or more if more are asked for', () => {
    const truths = Array.from({ length: 150 }, (_, place) => truth('cup', [place * 20, 0, 10, 10]));
    const found = truths.map(({ label, box: of, image }, place) => ({ image, label, box: of, score: 1 - place / 1_000 }));
    expect(averagePrecision(truths, found).all.ar).toBeCloseTo(100 / 150, 9);
    expect(averagePrecision(truths, found, 150).all.ar).toBe(1);
  });
});
