// Findings as a COCO detection data set of one image: https://cocodataset.org/#format-data. Pure.
import { polygonArea } from '../../outlines/polygons.ts';
import { simpleOutline } from '../../outlines/simple-outline.ts';
import type { ExportDefinition } from './export-definition.ts';
import { type ExportedFinding, type ExportSource, exportedFindings, imageUriOf, labelsOf } from './export-source.ts';
import { fileNameOf } from './image-file.ts';
import { jsonPieces, opened } from './pieces.ts';

const IMAGE_ID = 1;

export const coco = {
  sentence: 'COCO JSON, for training and evaluating detectors.',
  files: [{ path: 'coco.json', link: 'coco_json', contentType: 'application/json', pieces }],
  namesImage: false,
} as const satisfies ExportDefinition;

/**
 * Ids count from 1, because the reference evaluation treats annotation 0 as no match. Categories are sorted by name, so that the
 * same labels have the same ids. Unknown properties of the image (license, date) are left out, not invented.
 */
function pieces(source: ExportSource): Iterable<string> {
  const { document, startedAt } = source;
  const findings = exportedFindings(document);
  const categories = labelsOf(findings).map((name, index) => ({ id: index + 1, name, supercategory: '' }));
  const categoryIds = new Map(categories.map(({ id, name }) => [name, id]));
  const head = { info: infoOf(document.execution_id, startedAt), licenses: [], images: [imageOf(source)], categories };
  return jsonPieces(
    `${opened(head)},"annotations":[`,
    findings,
    (one) => annotationOf(one, categoryIds.get(one.finding.label)),
    ']}',
  );
}

function infoOf(executionId: string, startedAt: string) {
  return {
    year: new Date(startedAt).getUTCFullYear(),
    version: '1.0',
    description: `Findings of the tilesight execution ${executionId}. Boxes are in pixels of the upright full image.`,
    contributor: 'tilesight',
    url: '',
    date_created: startedAt,
  };
}

function imageOf(source: ExportSource) {
  const { width, height } = source.document.image;
  const address = imageUriOf(source);
  const coco_url = /^https?:/i.test(address) ? { coco_url: address } : {};
  return { id: IMAGE_ID, width, height, file_name: fileNameOf(address), ...coco_url, uri: address };
}

/**
 * Without an outline, `segmentation` is an empty list of polygons: readers would take a polygon in the shape of the box for the object's
 * outline. `area` is that of the outline, as in COCO. Our own fields come last; readers of COCO ignore unknown fields.
 */
function annotationOf({ place, finding }: ExportedFinding, category_id: number | undefined) {
  const { id, score, severity, verified, level, text, description, box, polygon, angle, alternatives, said_by, judged } = finding;
  const [, , width, height] = box;
  const outline = polygon ? simpleOutline(polygon) : null;
  return {
    id: place,
    image_id: IMAGE_ID,
    category_id,
    bbox: box,
    area: outline ? polygonArea(outline) : width * height,
    iscrowd: 0,
    segmentation: outline ? [outline.flat()] : [],
    score,
    finding_id: id,
    severity,
    verified,
    level,
    text,
    description,
    angle,
    alternatives,
    said_by,
    judged,
  };
}
