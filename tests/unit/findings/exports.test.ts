import { check } from '@placemarkio/check-geojson';
import { Ajv, type ValidateFunction } from 'ajv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Box, type FindingsDocument } from '../../../pipeline/contract/schemas.ts';
import { COCO_SCHEMA } from '../../support/coco-schema.ts';
import { cellsWithoutQuotes, csvRows } from '../../support/csv-rows.ts';
import { boxes, documentOf, exported, findings, hostileWords, IMAGE } from '../../support/exported-findings.ts';
import { LABEL_STUDIO_SCHEMA } from '../../support/label-studio-schema.ts';
import { finding } from '../../support/tool-calls.ts';

const COLUMNS = 'id,label,score,severity,x,y,width,height,level,verified,text,description,said_by,judged_by,judged_label'.split(
  ',',
);

const Coco = z.object({
  images: z.array(z.record(z.string(), z.unknown())),
  categories: z.array(z.object({ id: z.number(), name: z.string() })),
  annotations: z.array(
    z.object({
      id: z.number(),
      finding_id: z.string(),
      category_id: z.number(),
      bbox: Box,
      area: z.number(),
      score: z.number(),
      text: z.string().nullable(),
      description: z.string(),
    }),
  ),
});
const GeoJson = z.object({
  space: z.string(),
  features: z.array(
    z.object({
      id: z.string(),
      geometry: z.object({ coordinates: z.array(z.array(z.tuple([z.number(), z.number()]))) }),
      properties: z.object({ label: z.string(), text: z.string().nullable(), description: z.string() }),
    }),
  ),
});
const Region = z.object({
  id: z.string(),
  value: z.object({
    x: z.number(),
    y: z.number(),
    width: z.number(),
    height: z.number(),
    rectanglelabels: z.tuple([z.string()]),
  }),
  meta: z.object({ text: z.tuple([z.string()]) }),
});
const Task = z.object({
  data: z.object({ image: z.string(), labels: z.array(z.object({ value: z.string() })) }),
  predictions: z.tuple([z.object({ score: z.number().optional(), result: z.array(Region) })]),
});

const cocoOf = (document: FindingsDocument) => Coco.parse(JSON.parse(exported('coco', document)));
const geoJsonOf = (document: FindingsDocument) => GeoJson.parse(JSON.parse(exported('geojson', document)));
const taskOf = (document: FindingsDocument) => z.tuple([Task]).parse(JSON.parse(exported('label-studio', document)))[0];
const rowsOf = (document: FindingsDocument) => csvRows(exported('csv', document).slice(1));

const ajv = new Ajv({ allErrors: true });
const isCoco = ajv.compile(COCO_SCHEMA);
const isLabelStudio = ajv.compile(LABEL_STUDIO_SCHEMA);

function expectValid(validate: ValidateFunction, json: string): void {
  expect(validate(JSON.parse(json)) ? [] : validate.errors).toEqual([]);
}

describe('every export', () => {
  test('has the findings that were not rejected, in their order, with their boxes', () => {
    fc.assert(
      fc.property(findings, (all) => {
        const document = documentOf(all);
        const kept = all.filter(({ verified }) => verified !== 'rejected');
        const ids = kept.map(({ id }) => id);
        const expected = kept.map(({ box }) => box);

        const { annotations } = cocoOf(document);
        expect(annotations.map(({ finding_id }) => finding_id)).toEqual(ids);
        expect(annotations.map(({ bbox }) => bbox)).toEqual(expected);

        const [head, ...rows] = rowsOf(document);
        expect(head).toEqual(COLUMNS);
        expect(rows.map(([id]) => id)).toEqual(ids);
        expect(rows.map((row) => row.slice(4, 8).map(Number))).toEqual(expected);

        const { features } = geoJsonOf(document);
        expect(features.map(({ id }) => id)).toEqual(ids);
        expectClose(
          features.map(({ geometry }) => boxAround(geometry.coordinates[0] ?? [])),
          expected,
        );

        const regions = taskOf(document).predictions[0].result;
        expect(regions.map(({ id }) => id)).toEqual(ids);
        const { width, height } = IMAGE;
        const inPixels = regions.map(
          ({ value }): Box => [
            ...([(value.x * width) / 100, (value.y * height) / 100] as const),
            ...([(value.width * width) / 100, (value.height * height) / 100] as const),
          ],
        );
        expectClose(inPixels, expected);
      }),
    );
  });

  test('is valid in its format, whatever was found', () => {
    fc.assert(
      fc.property(findings, (all) => {
        const document = documentOf(all);
        expectValid(isCoco, exported('coco', document));
        expectValid(isLabelStudio, exported('label-studio', document));
        expect(() => check(exported('geojson', document))).not.toThrow();
        for (const row of rowsOf(document)) expect(row).toHaveLength(COLUMNS.length);
      }),
    );
  });

  test('is valid without findings, and with more than one piece of them', () => {
    for (const count of [0, 1, 500, 501, 1_700]) {
      const document = documentOf(Array.from({ length: count }, (_, index) => finding(index)));
      expect(cocoOf(document).annotations).toHaveLength(count);
      expect(geoJsonOf(document).features).toHaveLength(count);
      expect(taskOf(document).predictions[0].result).toHaveLength(count);
      expect(rowsOf(document)).toHaveLength(count + 1);
      expectValid(isLabelStudio, exported('label-studio', document));
    }
  });

  function boxAround(ring: readonly (readonly [number, number])[]): Box {
    const [xs, ys] = [ring.map(([x]) => x), ring.map(([, y]) => y)];
    const [left, top] = [Math.min(...xs), Math.min(...ys)];
    return [left, top, Math.max(...xs) - left, Math.max(...ys) - top];
  }

  function expectClose(got: readonly Box[], expected: readonly Box[]): void {
    const off = got.flat().map((side, index) => Math.abs(side - (expected.flat()[index] ?? Number.NaN)));
    expect(got).toHaveLength(expected.length);
    expect(off.every((pixels) => pixels < 1e-6)).toBe(true);
  }
});

describe('words from an image', () => {
  test.each(hostileWords)('%s are the same words in JSON, and cannot steer a terminal', (_, said) => {
    const document = documentOf([finding(1, { label: said, description: said, text: said }), finding(2)]);
    const words = said.toWellFormed();
    const coco = cocoOf(document);
    const { category_id, text, description } = coco.annotations[0] ?? expect.fail();
    expect([coco.categories.find(({ id }) => id === category_id)?.name, text, description]).toEqual([words, words, words]);
    expect(geoJsonOf(document).features[0]?.properties).toMatchObject({ label: words, text: words, description: words });
    const task = taskOf(document);
    const region = task.predictions[0].result[0];
    expect(task.data.labels.map(({ value }) => value).sort()).toEqual(['person', words].sort());
    expect(region?.value.rectanglelabels).toEqual([words]);
    expect(region?.meta.text).toEqual([`Severity: info\n${words}\nText: ${words}`]);
    for (const format of ['coco', 'geojson', 'label-studio'] as const) {
      expect(exported(format, document).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cs}\u2028-\u202E\u2066-\u2069]/u);
    }
  });

  test.each(hostileWords)('%s stay in their cell of the table', (_, said) => {
    const document = documentOf([finding(1, { label: said, description: said, text: said }), finding(2)]);
    const [, row = [], next = []] = rowsOf(document);
    const [label = '', text, description] = [row[1], row[10], row[11]];
    expect([row.length, text, description, next[0], next.length]).toEqual([COLUMNS.length, label, label, 'f2', COLUMNS.length]);
    expect(label.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cs}\u202A-\u202E\u2066-\u2069]/u);
    const kept = (words: string) => words.toWellFormed().replace(/[^\p{L}\p{N}\p{P}\p{S}]|\uFFFD/gu, '');
    expect(kept(label).replaceAll("'", '')).toBe(kept(said.replace(/[\p{Cc}]/gu, '')).replaceAll("'", ''));
  });

  test('are the same in the table where they are harmless', () => {
    const harmless = [
      'PUMP 3=off',
      'a - b',
      'x@y.example',
      'two\nlines',
      'a,b',
      'say "hi"',
      '5;6',
      "it's",
      '€ 5',
      '標識',
      'a;b c=d',
    ];
    const document = documentOf(harmless.map((text, index) => finding(index, { text })));
    expect(
      rowsOf(document)
        .slice(1)
        .map((row) => row[10]),
    ).toEqual(harmless);
  });

  const formulas = [
    '=1+1',
    '+1',
    '-1',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    '＝1',
    '＋1',
    '－1',
    '＠1',
    ' =1',
    '"=1',
    '\u200B=1',
    'a;=1',
    'a;"=1',
    'a\n=1',
    'a\r\n+1',
    'a; \u00A0-1',
  ];
  test.each(formulas)('%j starts no formula, in any cell that a spreadsheet could see in it', (said) => {
    const text = exported('csv', documentOf([finding(1, { id: said, label: said, description: said, text: said })]));
    const cells = rowsOf(documentOf([finding(1, { id: said, label: said, description: said, text: said })])).flat();
    const outsideQuotes = cellsWithoutQuotes(text).map((cell) => cell.replace(/^[\s"\p{Cf}]+/u, ''));
    expect([...cells, ...outsideQuotes].filter((cell) => /^[=+\-@\t\r＝＋－＠]/.test(cell))).toEqual([]);
    expect(cells.join('')).toContain("'");
  });

  test('start no formula, whatever they are', () => {
    fc.assert(
      fc.property(findings, (all) => {
        const cells = rowsOf(documentOf(all)).flatMap((row) => [row[0], row[1], row[10], row[11]]);
        const starts = cells.flatMap((cell = '') => cell.split(/[;\n]/)).map((part) => part.replace(/^[\s"\uFFFD\p{Cf}]+/u, ''));
        expect(starts.filter((part) => /^[=+\-@＝＋－＠]/.test(part))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('COCO', () => {
  test('ids are the same whatever was rejected, and the same labels have the same ids in any order', () => {
    const [a, b, c] = [finding(1, { label: 'cup' }), finding(2, { label: 'person' }), finding(3, { label: 'cat' })];
    const all = cocoOf(documentOf([a, b, c]));
    expect(all.categories).toMatchObject([
      { id: 1, name: 'cat' },
      { id: 2, name: 'cup' },
      { id: 3, name: 'person' },
    ]);
    expect(all.annotations.map(({ id, category_id }) => [id, category_id])).toEqual([
      [1, 2],
      [2, 3],
      [3, 1],
    ]);
    expect(cocoOf(documentOf([c, b, a])).categories).toEqual(all.categories);
    const without = cocoOf(documentOf([{ ...a, verified: 'rejected' }, b, c]));
    expect(without.annotations.map(({ id }) => id)).toEqual([2, 3]);
  });

  test.each([
    ['s3://plans/2026/site%20plan.jpg', 'site plan.jpg'],
    ['https://example.org/a/b.png?token=1', 'b.png'],
    ['https://example.org', 'example.org'],
    ['upload://abc123', 'abc123'],
    ['file:///C:/plans/..%2F..%2Fetc%2Fpasswd', 'passwd'],
    ['100%.jpg', '100%.jpg'],
    ['', 'image'],
  ])('the image %j is the file %j', (uri, file) => {
    const [image] = cocoOf(documentOf([], { ...IMAGE, uri })).images;
    expect(image).toMatchObject({ id: 1, width: 4_000, height: 3_000, file_name: file, uri });
    expect(image?.coco_url).toBe(uri.startsWith('https:') ? uri : undefined);
  });

  test('the area is that of the box', () => {
    const { annotations } = cocoOf(documentOf([finding(1, { box: [1, 2, 30.5, 10] })]));
    expect(annotations[0]?.area).toBe(305);
  });
});

describe('GeoJSON', () => {
  test('says its space, and rings are closed and counter-clockwise by their numbers', () => {
    fc.assert(
      fc.property(boxes, (box) => {
        const { space, features } = geoJsonOf(documentOf([finding(1, { box })]));
        expect(space).toBe('pixels of the upright full image, y down');
        const ring = features[0]?.geometry.coordinates[0] ?? [];
        expect(ring).toHaveLength(5);
        expect(ring[4]).toEqual(ring[0]);
        const doubleArea = ring
          .slice(1)
          .reduce((sum, [x, y], index) => sum + (ring[index]?.[0] ?? 0) * y - x * (ring[index]?.[1] ?? 0), 0);
        expect(doubleArea / 2).toBeCloseTo(box[2] * box[3], 2); // a clockwise one has a negative area
      }),
    );
  });
});

describe('Label Studio', () => {
  test('gets no number over 100, for which it would refuse the whole task', () => {
    const document = documentOf([finding(1, { box: [3_999, 0, 9_000, 3_000.1] })]);
    expectValid(isLabelStudio, exported('label-studio', document));
  });

  test('names the address that was analyzed, or another one on request', () => {
    const document = documentOf([finding(1), finding(2, { score: 0.5 })]);
    expect(taskOf(document).data.image).toBe(IMAGE.uri);
    expect(taskOf(document).predictions[0].score).toBe(0.7);
    expect(exported('label-studio', document, 'https://cdn.example/plan.jpg')).toContain(
      '"image":"https://cdn.example/plan.jpg"',
    );
  });
});
