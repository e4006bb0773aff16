// One export as pieces of text, whatever the format. Pure.

import type { ExportFormat } from '../../contract/export-format.ts';
import { coco } from './coco.ts';
import { csv } from './csv.ts';
import type { ExportSource } from './export-source.ts';
import { geojson } from './geojson.ts';
import { labelStudio } from './label-studio.ts';

const FORMATS: Readonly<Record<ExportFormat, (source: ExportSource) => Iterable<string>>> = {
  coco,
  geojson,
  csv,
  'label-studio': labelStudio,
};

/** The file in order, in pieces of UTF-16; one after another they are the whole. */
export function exportPieces(format: ExportFormat, source: ExportSource): Iterable<string> {
  return FORMATS[format](source);
}
