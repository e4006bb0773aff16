import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Box, FindingsDocument } from '../../../pipeline/contract/schemas.ts';
import { boxes, documentOf, exportedFiles, findings, hostileWords, IMAGE } from '../../support/exported-findings.ts';
import { finding } from '../../support/tool-calls.ts';
import { readXml, textOfChild, type XmlElement } from '../../support/xml-reader.ts';

interface VocObject {
  name: string;
  /** Left, top, right, bottom in pixels from 0, the right and lower edge exclusive. */
  edges: number[];
}

/** As the loaders of torchvision and Detectron2 read a data set: names from the image set, then 1-based inclusive boxes. */
function readVoc(files: ReadonlyMap<string, string>): { root: XmlElement; objects: VocObject[] } {
  const [stem, ...others] = (files.get('ImageSets/Main/trainval.txt') ?? '').trim().split('\n');
  expect([others, [...files.keys()]]).toEqual([[], [`Annotations/${stem}.xml`, 'ImageSets/Main/trainval.txt']]);
  const root = readXml(files.get(`Annotations/${stem}.xml`) ?? '');
  const objects = root.children
    .filter(({ name }) => name === 'object')
    .map((object) => {
      const corners = ['xmin', 'ymin', 'xmax', 'ymax'].map((corner) => textOfChild(object, 'bndbox', corner));
      for (const corner of corners) expect(corner).toMatch(/^\d+$/);
      const [xmin = 0, ymin = 0, xmax = 0, ymax = 0] = corners.map(Number);
      return { name: textOfChild(object, 'name'), edges: [xmin - 1, ymin - 1, xmax, ymax] };
    });
  return { root, objects };
}

const vocOf = (document: FindingsDocument) => readVoc(exportedFiles('pascal-voc', document));
const edgesOf = (box: Box) => vocOf(documentOf([finding(1, { box })])).objects[0]?.edges;

describe('the Pascal VOC export', () => {
  test('is a data set of one image, in the form of the development kit', () => {
    const document = documentOf([
      finding(1, { label: 'person', box: [0, 0, 4_000, 3_000] }),
      finding(2, { verified: 'rejected' }),
    ]);
    expect(Object.fromEntries(exportedFiles('pascal-voc', document))).toEqual({
      'Annotations/site plan.xml': `<annotation>
  <folder>JPEGImages</folder>
  <filename>site plan.jpg</filename>
  <source>
    <database>tilesight</database>
    <annotation>${document.execution_id}</annotation>
    <image>s3://plans/site%20plan.jpg</image>
  </source>
  <size>
    <width>4000</width>
    <height>3000</height>
    <depth>3</depth>
  </size>
  <segmented>0</segmented>
  <object>
    <name>person</name>
    <pose>Unspecified</pose>
    <truncated>0</truncated>
    <difficult>0</difficult>
    <bndbox>
      <xmin>1</xmin>
      <ymin>1</ymin>
      <xmax>4000</xmax>
      <ymax>3000</ymax>
    </bndbox>
  </object>
</annotation>
`,
      'ImageSets/Main/trainval.txt': 'site plan\n',
    });
  });

  test('has the labels of all findings that were not rejected, in their order', () => {
    fc.assert(
      fc.property(findings, (all) => {
        const kept = all.filter(({ verified }) => verified !== 'rejected');
        expect(vocOf(documentOf(all)).objects.map(({ name }) => name)).toEqual(kept.map(({ label }) => asXml(label)));
      }),
    );
  });

  test('gives every box the pixels that it meets, and at least one', () => {
    fc.assert(
      fc.property(boxes, (box) => {
        const [left = -1, top = -1, right = -1, bottom = -1] = edgesOf(box) ?? [];
        for (const [from, to, start, length, end] of [
          [left, right, box[0], box[2], IMAGE.width],
          [top, bottom, box[1], box[3], IMAGE.height],
        ] as const) {
          expect(from).toBeGreaterThanOrEqual(0);
          expect(to).toBeLessThanOrEqual(end);
          expect(to).toBeGreaterThan(from);
          expect(start - from).toBeLessThanOrEqual(1); // 1 at the right edge, where no pixel begins
          expect(start - from).toBeGreaterThanOrEqual(0);
          expect(to - (start + length)).toBeLessThanOrEqual(1);
          expect(to - (start + length)).toBeGreaterThan(-1e-6);
        }
      }),
    );
  });

  test('gives back a box of whole pixels as it was', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3_998 }), fc.integer({ min: 1, max: 2_000 }), (left, width) => {
        const right = Math.min(left + width, IMAGE.width);
        expect(edgesOf([left, 0, right - left, 3_000])).toEqual([left, 0, right, 3_000]);
      }),
    );
  });

  test('is an image without objects when nothing was found, and has each of 1,700 findings', () => {
    expect(vocOf(documentOf([])).objects).toEqual([]);
    const many = Array.from({ length: 1_700 }, (_, index) => finding(index));
    expect(vocOf(documentOf(many)).objects).toHaveLength(1_700);
  });

  test.each(hostileWords)('keeps %s as one name, apart from characters that XML cannot hold', (_, said) => {
    const uri = `s3://plans/${said.slice(0, 500)}`;
    const document = documentOf([finding(1, { label: said }), finding(2)], { ...IMAGE, uri });
    const { root, objects } = vocOf(document);
    expect(objects.map(({ name }) => name)).toEqual([asXml(said), 'person']);
    expect(textOfChild(root, 'source', 'image')).toBe(asXml(uri));
    for (const text of exportedFiles('pascal-voc', document).values()) {
      expect(text.replace(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\p{Cs}\u2028-\u202E\u2066-\u2069]/u);
    }
  });

  /** XML 1.0 has no form for these characters, not even an escaped one. */
  function asXml(text: string): string {
    return text.toWellFormed().replace(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD');
  }
});
