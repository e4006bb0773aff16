// Findings as a Pascal VOC data set of one image, by the VOC2012 development kit:
// http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc. Pure.
import type { Box, FindingsDocument } from '../../contract/schemas.ts';
import type { ExportDefinition } from './export-definition.ts';
import { type ExportedFinding, type ExportSource, exportedFindings } from './export-source.ts';
import { imageFileName, imageStem } from './image-file.ts';
import { batches, STEERING } from './pieces.ts';

export const pascalVoc = {
  sentence: 'A Pascal VOC data set: annotations in XML, and a list of its one image.',
  files: [
    {
      path: 'Annotations/{image}.xml',
      link: 'pascal_voc_xml',
      contentType: 'application/xml',
      pieces: annotation,
    },
    {
      path: 'ImageSets/Main/trainval.txt',
      link: 'pascal_voc_trainval_txt',
      contentType: 'text/plain; charset=utf-8',
      pieces: imageSet,
    },
  ],
  namesImage: false,
} as const satisfies ExportDefinition;

/** Readers take the images of a data set, without extension, from this list: torchvision/datasets/voc.py. */
function imageSet({ document }: ExportSource): Iterable<string> {
  return [`${imageStem(document)}\n`];
}

/** `depth` is that of the upright RGB image that was analyzed, whatever the file contains. */
function* annotation({ document }: ExportSource): Generator<string> {
  const { execution_id, image } = document;
  yield `<annotation>
  <folder>JPEGImages</folder>
  <filename>${xmlText(imageFileName(document))}</filename>
  <source>
    <database>tilesight</database>
    <annotation>${xmlText(execution_id)}</annotation>
    <image>${xmlText(image.uri)}</image>
  </source>
  <size>
    <width>${image.width}</width>
    <height>${image.height}</height>
    <depth>3</depth>
  </size>
  <segmented>0</segmented>
`;
  for (const batch of batches(exportedFindings(document))) yield batch.map((one) => objectOf(one, image)).join('');
  yield '</annotation>\n';
}

/** Pose, truncation and difficulty are required fields; a finding has none of them. */
function objectOf({ finding }: ExportedFinding, image: FindingsDocument['image']): string {
  const { xmin, ymin, xmax, ymax } = pixelsOf(finding.box, image);
  return `  <object>
    <name>${xmlText(finding.label)}</name>
    <pose>Unspecified</pose>
    <truncated>0</truncated>
    <difficult>0</difficult>
    <bndbox>
      <xmin>${xmin}</xmin>
      <ymin>${ymin}</ymin>
      <xmax>${xmax}</xmax>
      <ymax>${ymax}</ymax>
    </bndbox>
  </object>
`;
}

/**
 * Whole pixels, counted from 1, first and last one inclusive: "The top-left pixel in the image has coordinates (1,1)" (development
 * kit, 4.2). A box that covers the whole image is 1, 1, width, height. Pixels that the box meets in part belong to it, and a box
 * without size has the pixel at its place, so that xmin <= xmax.
 */
function pixelsOf([left, top, width, height]: Box, image: FindingsDocument['image']) {
  const [xmin, xmax] = pixelRange(left, left + width, image.width);
  const [ymin, ymax] = pixelRange(top, top + height, image.height);
  return { xmin, ymin, xmax, ymax };
}

function pixelRange(from: number, to: number, length: number): [first: number, last: number] {
  const first = Math.min(Math.floor(from) + 1, length);
  return [first, Math.min(Math.max(Math.ceil(to - ROUNDING), first), length)];
}

/** Sums of tenths of a pixel: 0.1 + 0.2 is a little more than 0.3, and 10.1 + 9.9 may be a little more than 20. */
const ROUNDING = 1e-6;

/** XML 1.0 has no place for most control characters and for noncharacters, not even escaped: https://www.w3.org/TR/xml/#charsets */
function xmlText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replace(/[&<>"'\r]/g, characterReference)
    .replace(STEERING, characterReference);
}

function characterReference(character: string): string {
  return `&#${character.charCodeAt(0)};`;
}
