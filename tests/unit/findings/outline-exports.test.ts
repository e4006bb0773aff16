// What exports hold of outlines, oriented boxes and other labels.
import { check } from '@placemarkio/check-geojson';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import type { Polygon } from '../../../pipeline/contract/schemas.ts';
import { EXPORT_FILES } from '../../../pipeline/findings/exports/index.ts';
import { isClockwise, polygonArea } from '../../../pipeline/outlines/polygons.ts';
import { COCO_SCHEMA } from '../../support/coco-schema.ts';
import { documentOf, exported, exportedFiles, IMAGE } from '../../support/exported-findings.ts';
import { finding } from '../../support/tool-calls.ts';

/** Clockwise in the image. */
const DIAMOND: Polygon = [
  [200, 100],
  [300, 200],
  [200, 300],
  [100, 200],
];
const LEAF: Polygon = [
  [1_000, 1_000],
  [1_000.5, 1_400],
  [1_200, 1_200],
];
const MASKED = finding(1, { label: 'leaf', box: [1_000, 1_000, 200, 400], polygon: LEAF });
const TURNED = finding(2, {
  label: 'ship',
  box: [100, 100, 200, 200],
  polygon: DIAMOND,
  angle: 45,
  alternatives: [{ label: 'boat\uD800', score: 0.6 }],
});
const BOXED = finding(3, { label: 'buoy', box: [3_900, 2_900, 100, 100] });
const ALL = documentOf([MASKED, TURNED, BOXED]);

describe('outlines', () => {
  test('are the segmentation of COCO, with their area', () => {
    const data = JSON.parse(exported('coco', ALL));
    expect(new Ajv().validate(COCO_SCHEMA, data)).toBe(true);
    expect(data.annotations).toMatchObject([
      { segmentation: [[1_000, 1_000, 1_000.5, 1_400, 1_200, 1_200]], area: 39_950, bbox: MASKED.box },
      { segmentation: [[200, 100, 300, 200, 200, 300, 100, 200]], area: 20_000, angle: 45 },
      { segmentation: [], area: 10_000 },
    ]);
    expect(data.annotations[1].alternatives).toEqual([{ label: 'boat\uFFFD', score: 0.6 }]);
  });

  test('are the geometry of GeoJSON, in rings of one direction', () => {
    const text = exported('geojson', ALL);
    expect(() => check(text)).not.toThrow();
    const rings = JSON.parse(text).features.map(
      (feature: { geometry: { coordinates: Polygon[] } }) => feature.geometry.coordinates[0],
    );
    expect(rings[0]).toEqual([[1_200, 1_200], [1_000.5, 1_400], [1_000, 1_000], [1_200, 1_200]]); // biome-ignore format: one line
    expect(rings[1]).toEqual([...DIAMOND, DIAMOND[0]]);
    expect(rings[2]).toHaveLength(5);
  });

  test('are the rows of yolo-seg; a finding without an outline has the corners of its box', () => {
    const rows = labelRows('yolo-seg');
    expect(rows.map(([label]) => label)).toEqual([1, 2, 0]);
    expect(rows.map(pixels)).toEqual([LEAF.flat(), DIAMOND.flat(), [3_900, 2_900, 4_000, 2_900, 4_000, 3_000, 3_900, 3_000]]);
  });

  test('are the rows of yolo-obb if they are oriented boxes', () => {
    const rows = labelRows('yolo-obb');
    expect(rows.map(pixels)).toEqual([
      [1_000, 1_000, 1_200, 1_000, 1_200, 1_400, 1_000, 1_400],
      DIAMOND.flat(),
      [3_900, 2_900, 4_000, 2_900, 4_000, 3_000, 3_900, 3_000],
    ]);
  });

  test('with crossing edges are those of a simple one, and without an area those of the box', () => {
    const bowTie = finding(1, {
      box: [100, 100, 100, 100],
      polygon: [DIAMOND[0], DIAMOND[2], DIAMOND[1], DIAMOND[3]].filter((corner) => corner !== undefined),
    });
    const line = finding(2, { box: [10, 20, 30, 30], polygon: [[10, 20], [40, 50], [25, 35]], angle: 45 }); // biome-ignore format: one line
    const document = documentOf([bowTie, line]);
    const { annotations } = JSON.parse(exported('coco', document));
    expect(annotations).toMatchObject([{ area: 20_000 }, { segmentation: [], area: 900 }]);
    const text = exported('geojson', document);
    expect(() => check(text)).not.toThrow();
    const [diamond, box] = JSON.parse(text).features.map(
      (feature: { geometry: { coordinates: [Polygon] } }) => feature.geometry.coordinates[0],
    );
    expect([polygonArea(diamond), isClockwise(diamond), isClockwise(box)]).toEqual([20_000, true, true]);
    const corners = [10, 20, 40, 20, 40, 50, 10, 50];
    expect(box.flat()).toEqual([...corners, 10, 20]);
    expect(labelRows('yolo-seg', document).map(pixels)[1]).toEqual(corners);
    expect(labelRows('yolo-obb', document).map(pixels)[1]).toEqual(corners);
  });

  test.each(['yolo-seg', 'yolo-obb'] as const)('of %s never leave the image, for which Ultralytics drops it', (format) => {
    const beyond = DIAMOND.map(([x, y]): [number, number] => [x - 150, y + 2_800]);
    const rows = labelRows(format, documentOf([finding(1, { box: [0, 2_900, 150, 100], polygon: beyond, angle: 45 })]));
    for (const [, ...numbers] of rows) for (const number of numbers) expect(number >= 0 && number <= 1).toBe(true);
    expect(rows[0]).toHaveLength(9);
  });

  test('the files of yolo-seg and yolo-obb are not stored with every execution', () => {
    expect(EXPORT_FILES.filter(({ storedAs }) => /yolo-/.test(storedAs))).toEqual([]);
    expect([...exportedFiles('yolo-obb', ALL).keys()]).toEqual(['data.yaml', 'labels/site plan.txt']);
  });
});

function labelRows(format: 'yolo-seg' | 'yolo-obb', document = ALL): number[][] {
  const text = exportedFiles(format, document).get('labels/site plan.txt') ?? '';
  return text.trim().split('\n').map((row) => row.split(' ').map(Number)); // biome-ignore format: one line
}

/** The corners in pixels, to a tenth. */
function pixels([, ...numbers]: number[]): number[] {
  return numbers.map((number, index) => Math.round(number * (index % 2 === 0 ? IMAGE.width : IMAGE.height) * 10) / 10);
}
