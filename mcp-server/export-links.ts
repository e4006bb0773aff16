// Links to the findings in the formats of other programs.
import { EXPORT_FILES, ExportFormat } from '../pipeline/core/exports/format.ts';
import { keys } from '../pipeline/core/keys.ts';
import type { ToolDeps } from './deps.ts';
import type { ExecutionView } from './execution-view.ts';

const LINK_EXPIRES_S = 3_600; // the report says so

export interface ExportLink {
  file: string;
  url: string;
}

/** Of what is stored: an execution that has not ended has no exports, nor has one from before there were any. */
export async function exportLinks({ execution_id, artifacts }: ExecutionView, { blobs, links }: ToolDeps): Promise<ExportLink[]> {
  if (artifacts.findings_json === undefined) return [];
  const found = ExportFormat.options.map(async (format) => {
    const key = keys.export(execution_id, format);
    if (!(await blobs.head(key))) return [];
    return [{ file: EXPORT_FILES[format], url: await links.forGet(key, { expiresInS: LINK_EXPIRES_S }) }];
  });
  return (await Promise.all(found)).flat();
}
