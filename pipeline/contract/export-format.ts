// What findings can be taken away as: the name of each format, and of the file that it becomes.
import { z } from 'zod';

export const ExportFormat = z.enum(['coco', 'geojson', 'csv', 'label-studio']);
export type ExportFormat = z.infer<typeof ExportFormat>;

export const EXPORT_FILES: Readonly<Record<ExportFormat, string>> = {
  coco: 'coco.json',
  geojson: 'findings.geojson',
  csv: 'findings.csv',
  'label-studio': 'label-studio.json',
};
