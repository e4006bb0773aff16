// Findings as data sets of one image, as Ultralytics reads them: boxes, outlines or oriented boxes. Pure.
// https://docs.ultralytics.com/datasets/detect, /segment and /obb.
import type { Box, Finding, FindingsDocument, Polygon } from '../../contract/schemas.ts';
import { cornersOf } from '../../outlines/polygons.ts';
import { simpleOutline } from '../../outlines/simple-outline.ts';
import type { ExportDefinition, ExportFile } from './export-definition.ts';
import { type ExportedFinding, type ExportSource, exportedFindings, labelsOf } from './export-source.ts';
import { imageFileName } from './image-file.ts';
import { batches, unicodeEscape, withoutSteering } from './pieces.ts';

/** 0.01 px of an image that is a million pixels wide. */
const DIGITS = 8;

type Size = Pick<FindingsDocument['image'], 'width' | 'height'>;
/** The numbers of a row after its class: lengths as fractions of the image. */
type Numbers = (finding: Finding, image: Size) => number[];

export const yolo = {
  sentence: 'A data set for training YOLO detectors with Ultralytics.',
  files: files((finding, image) => centerOf(finding.box, image)),
  namesImage: false,
} as const satisfies ExportDefinition;

/** A finding without an outline has the outline of its box. */
export const yoloSeg = {
  sentence: 'A data set of outlines, for training YOLO models for segmentation.',
  files: files(({ polygon, box }, image) => cornerFractions((polygon && simpleOutline(polygon)) ?? cornersOf(box), image)),
  namesImage: false,
  isStored: false,
} as const satisfies ExportDefinition;

/** A finding without an angle has the corners of its box. */
export const yoloObb = {
  sentence: 'A data set of oriented boxes, for training YOLO-OBB models.',
  files: files(({ polygon, angle, box }, image) =>
    cornerFractions((polygon && angle !== undefined && simpleOutline(polygon)) || cornersOf(box), image),
  ),
  namesImage: false,
  isStored: false,
} as const satisfies ExportDefinition;

function files(numbers: Numbers): [ExportFile, ExportFile] {
  return [
    { path: 'data.yaml', link: 'yolo_data_yaml', contentType: 'application/yaml', pieces: dataYaml },
    {
      path: 'labels/{image}.txt',
      link: 'yolo_labels_txt',
      contentType: 'text/plain; charset=utf-8',
      pieces: (source) => labelRows(source, numbers),
    },
  ];
}

/**
 * `train` and `val` are required, and here the same. Without `path`, both are relative to the folder of this file. The labels of
 * `images/x.jpg` are read from `labels/x.txt` (ultralytics/data/utils.py: check_det_dataset, img2label_paths). A JSON string is a
 * double-quoted YAML scalar.
 */
function dataYaml({ document }: ExportSource): Iterable<string> {
  const names = labelsOf(exportedFindings(document)).map((label, index) => `  ${index}: ${yamlString(label)}\n`);
  return [
    `# Findings of the tilesight execution ${document.execution_id}.\n`,
    `# Before training, save the image as images/${imageFileName(document)}\n`,
    'train: images\nval: images\n',
    names.length === 0 ? 'names: {}\n' : 'names:\n',
    ...names,
  ];
}

/** One row a finding: its class, counted from 0, and its numbers. */
function* labelRows({ document }: ExportSource, numbers: Numbers): Generator<string> {
  const findings = exportedFindings(document);
  const classes = new Map(labelsOf(findings).map((label, index) => [label, index]));
  const rowOf = ({ finding }: ExportedFinding) =>
    [classes.get(finding.label), ...numbers(finding, document.image).map((number) => number.toFixed(DIGITS))].join(' ');
  for (const batch of batches(findings)) yield batch.map((one) => `${rowOf(one)}\n`).join('');
}

/** Limited to the image: Ultralytics drops an image with a number above 1 (verify_image_label). */
function fraction(length: number, of: number): number {
  return Math.min(1, Math.max(0, length / of));
}

/** x and y of the center, width, height. */
function centerOf([left, top, width, height]: Box, image: Size): number[] {
  const [x0, x1] = [fraction(left, image.width), fraction(left + width, image.width)];
  const [y0, y1] = [fraction(top, image.height), fraction(top + height, image.height)];
  return [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0];
}

/** x and y of every corner. */
function cornerFractions(corners: Polygon, image: Size): number[] {
  return corners.flatMap(([x, y]) => [fraction(x, image.width), fraction(y, image.height)]);
}

/** YAML readers refuse U+FEFF and noncharacters unless they are escaped. */
function yamlString(text: string): string {
  return withoutSteering(JSON.stringify(text)).replace(/[\uFEFF\uFFFE\uFFFF]/g, unicodeEscape);
}
