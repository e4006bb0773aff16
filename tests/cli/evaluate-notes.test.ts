// The notes of `tilesight evaluate`, and how its figures depend on images that one of the settings cannot analyze.
import { expect, test } from 'vitest';
import { evaluationText } from '../../cli/evaluate/evaluation-files.ts';
import { notesOn } from '../../cli/evaluate/evaluation-notes.ts';
import { bestScoreInWords, confusionsInWords, settingsTable } from '../../cli/evaluate/evaluation-table.ts';
import type { EvaluatedImage, MatchedImages } from '../../cli/evaluate/image-files.ts';
import { bestOf, type Measured, measured } from '../../cli/evaluate/measured.ts';
import { settingsOf } from '../../cli/evaluate/settings.ts';
import { at } from '../../pipeline/contract/at.ts';
import type { Box } from '../../pipeline/contract/schemas.ts';

type Objects = EvaluatedImage['truth']['objects'];
type Findings = { label: string; box: Box; score: number }[];

const A: Box = [0, 0, 10, 10];
const B: Box = [50, 0, 10, 10];
const SETTINGS = settingsOf({ models: [], tileSize: ['416', '640'], overlap: [], detail: [], minScore: [] });
const LABELS = ['cat', 'cup', 'dog'];
const NONE: MatchedImages = { images: [], withoutFile: [], withoutTruth: [] };

const object = (label: string, box: Box): Objects[number] => ({ label, box, area: box[2] * box[3], isCrowd: false, text: null });
const image = (name: string, objects: Objects): EvaluatedImage => ({
  path: `/images/${name}`,
  truth: { fileName: name, size: null, objects },
});
const result = (findings: Findings, more: { seconds?: number | null; missingTiles?: number; costUsd?: number | null } = {}) => {
  const { seconds = 2, missingTiles = 0, costUsd = 0 } = more;
  return {
    seconds,
    tiles: 4,
    missingTiles,
    costUsd,
    image: { width: 100, height: 100 },
    findings: findings.map((one) => ({ ...one, text: null })),
  };
};
const notes = (all: Measured, matched = NONE, leftOut = 0) => notesOn(all, { images: [], labels: LABELS, leftOut }, matched);

test('name what was left out, what was not scored, and what no setting reported', () => {
  const images = [image('a.jpg', [object('cup', A), object('dog', B)]), image('b.jpg', [object('cup', A)])];
  const cup = { label: 'cup', box: A, score: 0.9 };
  const all = measured(
    images,
    SETTINGS,
    [
      [result([cup, { label: 'text', box: B, score: 0.9 }], { missingTiles: 2 }), result([cup])],
      [result([cup]), { reason: 'The file is damaged.' }],
    ],
    LABELS,
  );
  const matched = { images, withoutFile: ['1', '2', '3', '4', '5', '6', '7'], withoutTruth: ['/images/z.jpg'] };
  expect(notes(all, matched, 1)).toEqual([
    '7 images of the truth were not among the given images and left out: 1, 2, 3, 4, 5, and 2 more.',
    '1 image is not in the truth and not analyzed: z.jpg.',
    '1 annotation has no area and counts for nothing.',
    'b.jpg is left out, because the setting "tiles 640" cannot analyze it: The file is damaged.',
    '2 tiles have no result with "tiles 416". Objects in them count as missed.',
    'Not scored with "tiles 416", because the truth has no such label: text 1.',
    'No setting reported dog. Check whether the models know it.',
    'These labels have no object in the images, so findings of them lower precision but not AP: cat.',
  ]);
});

test('state that all findings count if an image has more than 100 objects of a label', () => {
  const many = Array.from({ length: 101 }, (_, place) => object('cup', [place * 20, 0, 10, 10]));
  const found = many.map(({ label, box }) => ({ label, box, score: 0.9 }));
  const all = measured([image('a.jpg', many)], SETTINGS.slice(0, 1), [[result(found)]], ['cup']);
  expect(notesOn(all, { images: [], labels: ['cup'], leftOut: 0 }, NONE)).toEqual([
    'An image has more than 100 objects of one label, so all findings count for AP. COCO counts 100 in an image and label.',
  ]);
  expect(at(all.settings, 0).evaluation.averagePrecision.ar).toBe(1);
});

test('an image that one setting cannot analyze counts for none, so that settings stay comparable', () => {
  const images = [image('a.jpg', [object('cup', A)]), image('b.jpg', [object('cup', B)])];
  const [right, wrong] = [
    { label: 'cup', box: A, score: 0.9 },
    { label: 'cat', box: A, score: 0.7 },
  ] as const;
  const failed = { reason: 'The file is damaged.' };
  const all = measured(
    images,
    SETTINGS,
    [
      [result([wrong], { seconds: null }), failed],
      [result([right]), result([])],
    ],
    LABELS,
  );
  expect(all.images.map(({ path }) => path)).toEqual(['/images/a.jpg']);
  expect(all.settings.map(({ evaluation }) => evaluation.accuracy.objects)).toEqual([1, 1]);
  expect(bestOf(all.settings)?.setting.name).toBe('tiles 640');
  const [first, second] = [at(all.settings, 0), at(all.settings, 1)];
  expect([first.secondsPerImage, second.secondsPerImage, second.tiles]).toEqual([null, 2, 4]);
  expect([confusionsInWords(first), confusionsInWords(second)]).toEqual(['cup as cat 1', '']);
  expect([bestScoreInWords(first), bestScoreInWords(second)]).toEqual([
    '',
    'F1 is highest (1.000) if findings count from a score of 0.90.',
  ]);
  expect(evaluationText(all, ['A note.'])).toMatch(/^tiles 640\. F1 is highest .*\. By label:$[\s\S]*^Note: A note\.$/m);
});

test('the table has a column of costs if a model is not free, and names an unknown one', () => {
  const images = [image('a.jpg', [object('cup', A)]), image('b.jpg', [object('cup', A)])];
  const rows = (costs: (number | null)[][]) => {
    const results = costs.map((ofSetting) => ofSetting.map((costUsd) => result([], { costUsd })));
    return settingsTable(measured(images, SETTINGS, results, LABELS).settings);
  };
  const paid = rows([
    [0.5, 0.25],
    [0.5, null],
  ]);
  expect(paid).toMatch(/│ cost +│\n/);
  expect(paid).toMatch(/│ tiles 416 .*│ \$0\.75 +│/);
  expect(paid).toMatch(/│ tiles 640 .*│ unknown │/);
  const free = rows([
    [0, 0],
    [0, 0],
  ]);
  expect(free).not.toContain('cost');
});
