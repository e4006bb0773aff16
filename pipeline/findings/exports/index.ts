// The registry of exports, one row a format. Stored files, their links and content types, the choices and the help of the command
// line, and docs/exports.md derive from it. Pure.
import { at } from '../../contract/at.ts';
import type { FindingsDocument } from '../../contract/schemas.ts';
import { coco } from './coco.ts';
import { csv } from './csv.ts';
import type { ExportDefinition, ExportFile } from './export-definition.ts';
import { geojson } from './geojson.ts';
import { imageStem } from './image-file.ts';
import { labelStudio } from './label-studio.ts';
import { pascalVoc } from './pascal-voc.ts';
import { yolo, yoloObb, yoloSeg } from './yolo.ts';

export const EXPORTS = {
  coco,
  geojson,
  csv,
  'label-studio': labelStudio,
  yolo,
  'pascal-voc': pascalVoc,
  'yolo-seg': yoloSeg,
  'yolo-obb': yoloObb,
} as const satisfies Record<string, ExportDefinition>;

export type ExportFormat = keyof typeof EXPORTS;
export const EXPORT_FORMATS = Object.keys(EXPORTS) as ExportFormat[];

/** A file with its place below the folder `exports` of an execution. */
export interface StoredExportFile extends ExportFile {
  storedAs: string;
}

/** The files of a format. Their paths contain `{image}` where they depend on the image. */
export function exportFiles(format: ExportFormat): StoredExportFile[] {
  const { files }: ExportDefinition = EXPORTS[format];
  return files.map((file) => ({ ...file, storedAs: files.length === 1 ? file.path : `${format}/${file.path}` }));
}

/** True if every execution stores the files of the format. */
export function isStored(format: ExportFormat): boolean {
  const definition: ExportDefinition = EXPORTS[format];
  return definition.isStored !== false;
}

/** Every file that an execution stores, in the order of the registry. */
export const EXPORT_FILES: readonly StoredExportFile[] = EXPORT_FORMATS.filter(isStored).flatMap(exportFiles);

const IMAGE = '{image}';

/** A path of the registry for the image of `document`. */
export function pathFor(path: string, document: FindingsDocument): string {
  return path.replace(IMAGE, () => imageStem(document));
}

/** True if `path`, below the folder `exports`, is that file of some image. */
export function isStoredAs({ storedAs }: StoredExportFile, path: string): boolean {
  const parts = storedAs.split(IMAGE);
  if (parts.length === 1) return path === storedAs;
  const [before, after] = [at(parts, 0), at(parts, 1)];
  return path.startsWith(before) && path.endsWith(after) && path.length > before.length + after.length;
}
