// Writes docs/exports.md from the registry of exports, or with --check fails when it is stale: `node build/docs/exports-page.ts`.
import { EXPORT_FORMATS, EXPORTS, exportFiles, isStored } from '../../pipeline/findings/exports/index.ts';
import { table, writeOrCheck } from './generated-page.ts';

function page(): string {
  const formats = EXPORT_FORMATS.map((format) => [`\`${format}\``, EXPORTS[format].sentence]);
  const files = EXPORT_FORMATS.flatMap((format) =>
    exportFiles(format).map(({ path, storedAs, link, contentType }) => [
      `\`${format}\``,
      `\`${path}\``,
      isStored(format) ? `\`exports/${storedAs}\`` : '',
      isStored(format) ? `\`${link}\`` : '',
      contentType,
    ]),
  );
  return `# Exports

Written by \`npm run docs\` from [the registry of exports](../pipeline/findings/exports/index.ts). To add a format, follow [Add an export](contributing/add-an-export.md).

${table([['format', 'what it is'], ...formats])}

Boxes and outlines are in pixels of the upright full image unless the format has units of its own. An outline (\`polygon\`) is the \`segmentation\` of COCO, the geometry of GeoJSON and a row of \`yolo-seg\`; \`yolo-obb\` has the four corners of findings with an \`angle\`. All other formats have boxes only. Findings that verification rejected are left out; \`findings.json\` contains them.

## Get an export

- Every execution stores these formats when it ends, unless the table below names no place for one. \`get_execution\` with \`response_format\` set to \`detailed\`, and the resource \`tilesight://executions/{id}\`, link each file.
- \`npx tilesight export EXECUTION --format FORMAT\` converts the findings of any execution of the local server, also of one that an earlier version analyzed. It prints a single file, or writes it with \`--out FILE\`. A format of several files is written to a new or empty folder, \`--out DIR\`: all files or none.

## Files

Keys are relative to \`executions/<id>/\` in the bucket or in the folder \`blobs\` of the data folder. \`{image}\` is the file name of the image without its extension, as trainers expect it.

${table([['format', 'file', 'stored as', 'link', 'content type'], ...files])}

An export describes one image, without its pixels. To train with \`yolo\`, save the image in the folder \`images\` beside \`labels\`; with \`pascal-voc\`, in \`JPEGImages\` beside \`Annotations\`. The label file and \`<filename>\` state the name to save it under. Class numbers of YOLO belong to one export: before you join several, bring their \`names\` into one order. Outlines have no crossing edges: where a mask or a model crosses them, the corners are in another order. An outline without an area is that of the box, or is left out where boxes are separate (\`segmentation\` of COCO).
`;
}

writeOrCheck('exports.md', page());
