import { describe, expect, test } from 'vitest';
import { checkedKey } from '../../../pipeline/contract/key-checks.ts';
import { keys } from '../../../pipeline/contract/keys.ts';
import { contentTypeOf } from '../../../pipeline/findings/content-type.ts';
import { imageFileName, imageStem } from '../../../pipeline/findings/exports/image-file.ts';
import { EXPORT_FILES, EXPORT_FORMATS, EXPORTS, isStoredAs, pathFor } from '../../../pipeline/findings/exports/index.ts';
import { documentOf, IMAGE } from '../../support/exported-findings.ts';

const STEMS = ['plan', 'site plan.v2', 'data', 'trainval', '{image}', '$&', '図面'];
const at = (stem: string, storedAs: string) => storedAs.replace('{image}', () => stem);

describe('the registry of exports', () => {
  /** Stored or public: never change a row. A new format needs none. */
  const published = [
    ['coco.json', 'coco_json', 'application/json'],
    ['findings.geojson', 'findings_geojson', 'application/geo+json'],
    ['findings.csv', 'findings_csv', 'text/csv; charset=utf-8'],
    ['label-studio.json', 'label_studio_json', 'application/json'],
    ['yolo/data.yaml', 'yolo_data_yaml', 'application/yaml'],
    ['yolo/labels/{image}.txt', 'yolo_labels_txt', 'text/plain; charset=utf-8'],
    ['pascal-voc/Annotations/{image}.xml', 'pascal_voc_xml', 'application/xml'],
    ['pascal-voc/ImageSets/Main/trainval.txt', 'pascal_voc_trainval_txt', 'text/plain; charset=utf-8'],
  ];

  test('keeps the keys, links and content types of published formats', () => {
    const rows = EXPORT_FILES.map(({ storedAs, link, contentType }) => [storedAs, link, contentType]);
    expect(rows.slice(0, published.length)).toEqual(published);
    expect(keys.export('run-1', 'coco.json')).toBe('executions/run-1/exports/coco.json');
  });

  test('gives every stored file one link and one content type, whatever the name of the image', () => {
    for (const stem of STEMS) {
      for (const file of EXPORT_FILES) {
        const path = at(stem, file.storedAs);
        expect(EXPORT_FILES.filter((one) => isStoredAs(one, path)).map(({ link }) => link)).toEqual([file.link]);
        expect(contentTypeOf(keys.export('run-1', path))).toBe(file.contentType);
      }
    }
    expect(EXPORT_FILES.some((file) => isStoredAs(file, 'yolo/labels/.txt') || isStoredAs(file, 'yolo/data.json'))).toBe(false);
    expect(contentTypeOf('executions/run-1/exports/other.xml')).toBe('application/octet-stream');
    expect(contentTypeOf('uploads/exports/findings.csv')).toBe('application/octet-stream');
  });

  test('has link names that are no documents, formats that are words of a command, and sentences', () => {
    const links = EXPORT_FILES.map(({ link }) => link);
    expect(new Set(links).size).toBe(links.length);
    for (const link of links) expect(link).toMatch(/^(?!(?:findings_json|overlay_jpg|report_html)$)[a-z0-9_]+$/);
    for (const format of EXPORT_FORMATS) {
      expect(format).toMatch(/^[a-z][a-z0-9-]*$/);
      expect(EXPORTS[format].sentence).toMatch(/^[A-Z].*\.$/);
    }
  });
});

describe('the files of a data set are named after the image:', () => {
  const named: [uri: string, fileName: string, stem: string][] = [
    ['s3://plans/2026/site%20plan.jpg', 'site plan.jpg', 'site plan'],
    ['https://example.org/a/b.v2.PNG?token=1', 'b.v2.PNG', 'b.v2'],
    ['upload://site-plan.jpg-0123456789abcdef0123', 'site-plan.jpg', 'site-plan'],
    ['upload://site-plan.jpg-0123456789abcdef0123-owner1', 'site-plan.jpg', 'site-plan'],
    ['https://example.org', 'example.org', 'example'],
    ['https://example.org/images/42', '42.jpg', '42'],
    ['file:///C:/plans/..%2F..%2Fetc%2Fpasswd', 'passwd.jpg', 'passwd'],
    ['file:///plans/..', 'image.jpg', 'image'],
    ['file:///a/%2E%2E%2F.parts', 'image.parts', 'image'],
    ['file:///a/a%3Ab%5Cc%0Ad%E2%80%AEe%2A.tif', 'c_d_e_.tif', 'c_d_e_'],
    [`file:///${'図'.repeat(500)}.jpg`, `${'図'.repeat(33)}.jpg`, '図'.repeat(33)],
    ['', 'image.jpg', 'image'],
  ];
  test.each(named)('%j is %j', (uri, fileName, stem) => {
    const document = documentOf([], { ...IMAGE, uri });
    expect([imageFileName(document), imageStem(document)]).toEqual([fileName, stem]);
    for (const { storedAs } of EXPORT_FILES) {
      const key = keys.export(document.execution_id, pathFor(storedAs, document));
      expect(checkedKey(key)).toBe(key);
    }
  });
});
