// Findings as a YOLO detection data set of one image, as Ultralytics reads it: https://docs.ultralytics.com/datasets/detect. Pure.
import type { Box, FindingsDocument } from '../../contract/schemas.ts';
import type { ExportDefinition } from './export-definition.ts';
import { type ExportedFinding, type ExportSource, exportedFindings, labelsOf } from './export-source.ts';
import { imageFileName } from './image-file.ts';
import { batches, unicodeEscape, withoutSteering } from './pieces.ts';

/** 0.01 px of an image that is a million pixels wide. */
const DIGITS = 8;

export const yolo = {
  sentence: 'A data set for training YOLO detectors with Ultralytics.',
  files: [
    { path: 'data.yaml', link: 'yolo_data_yaml', contentType: 'application/yaml', pieces: dataYaml },
    { path: 'labels/{image}.txt', link: 'yolo_labels_txt', contentType: 'text/plain; charset=utf-8', pieces: labelRows },
  ],
  namesImage: false,
} as const satisfies ExportDefinition;

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

/** One row a finding: class, x and y of the center, width, height; the lengths as fractions of the image. Classes count from 0. */
function* labelRows({ document }: ExportSource): Generator<string> {
  const findings = exportedFindings(document);
  const classes = new Map(labelsOf(findings).map((label, index) => [label, index]));
  for (const batch of batches(findings)) {
    yield batch.map((one) => rowOf(one, classes, document.image)).join('');
  }
}

function rowOf({ finding }: ExportedFinding, classes: ReadonlyMap<string, number>, image: FindingsDocument['image']): string {
  const fractions = fractionsOf(finding.box, image).map((fraction) => fraction.toFixed(DIGITS));
  return `${classes.get(finding.label)} ${fractions.join(' ')}\n`;
}

/** Limited to the image: Ultralytics drops an image with a number above 1 (verify_image_label). */
function fractionsOf([left, top, width, height]: Box, image: FindingsDocument['image']): number[] {
  const [x0, x1] = [Math.min(1, left / image.width), Math.min(1, (left + width) / image.width)];
  const [y0, y1] = [Math.min(1, top / image.height), Math.min(1, (top + height) / image.height)];
  return [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0];
}

/** YAML readers refuse U+FEFF and noncharacters unless they are escaped. */
function yamlString(text: string): string {
  return withoutSteering(JSON.stringify(text)).replace(/[\uFEFF\uFFFE\uFFFF]/g, unicodeEscape);
}
