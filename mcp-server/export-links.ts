// Links to the findings in the formats of other programs.
import { EXPORT_FILES, ExportFormat } from '../pipeline/core/exports/format.ts';
import { keys } from '../pipeline/core/keys.ts';
import { linkTo } from './artifacts.ts';
import type { ToolDeps } from './deps.ts';

export interface ExportLink {
  file: string;
  url: string;
}

/** Of what is stored: an execution that has not ended has no exports, nor has one from before there were any. */
export async function exportLinks(executionId: string, deps: Pick<ToolDeps, 'blobs' | 'links'>): Promise<ExportLink[]> {
  const found = ExportFormat.options.map(async (format) => {
    const url = await linkTo(keys.export(executionId, format), deps);
    return url === null ? [] : [{ file: EXPORT_FILES[format], url }];
  });
  return (await Promise.all(found)).flat();
}
