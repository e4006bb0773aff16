// Findings as a COCO detection data set of one image: https://cocodataset.org/#format-data. Pure.

import { type ExportSource, imageUriOf, type Taken, taken } from './export-source.ts';
import { jsonPieces, opened } from './pieces.ts';

const IMAGE_ID = 1;

/**
 * Ids count from 1: the reference evaluation takes an annotation 0 for none. Categories are sorted by name, so that the same labels
 * have the same ids. What is not known of the image (its licence, when it was taken) is left out, not made up.
 */
export function coco(source: ExportSource): Iterable<string> {
  const { document, startedAt } = source;
  const findings = taken(document);
  const names = [...new Set(findings.map(({ finding }) => finding.label))].sort();
  const categories = names.map((name, index) => ({ id: index + 1, name, supercategory: '' }));
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
 * `segmentation` is a list of polygons, here of none: what was seen is a box, and a polygon in its shape would be read as the
 * outline of the thing. Our own fields come last; readers of COCO skip what they do not know.
 */
function annotationOf({ place, finding }: Taken, category_id: number | undefined) {
  const { id, score, severity, verified, level, text, description, box } = finding;
  const [, , width, height] = box;
  return {
    ...{ id: place, image_id: IMAGE_ID, category_id, bbox: box, area: width * height, iscrowd: 0, segmentation: [] },
    ...{ score, finding_id: id, severity, verified, level, text, description },
  };
}

/** The last segment of the address, without a query; never one that leads into a folder. */
function fileNameOf(address: string): string {
  const path = URL.parse(address)?.pathname ?? address;
  return decoded(path).split(/[/\\]/).filter(Boolean).at(-1) ?? URL.parse(address)?.hostname ?? 'picture';
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
