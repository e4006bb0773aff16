// Links to what people take away: the report, and the findings in the formats of other programs.
import { EXPORT_FILES, ExportFormat } from '../pipeline/core/exports/format.ts';
import { keys } from '../pipeline/core/keys.ts';
import type { ToolDeps } from './deps.ts';
import type { ExecutionView } from './execution-view.ts';

const LINK_EXPIRES_S = 3_600; // the report says so

export interface ExportLink {
  file: string;
  url: string;
}

/** Of what is stored: an execution that has not ended has none of it, nor has one from before there were any. */
export async function exportLinks({ execution_id, artifacts }: ExecutionView, { blobs, links }: ToolDeps): Promise<ExportLink[]> {
  if (artifacts.findings_json === undefined) return [];
  const exports = ExportFormat.options.map((format) => ({ file: EXPORT_FILES[format], key: keys.export(execution_id, format) }));
  const found = [{ file: 'report.html', key: keys.report(execution_id) }, ...exports].map(async ({ file, key }) => {
    if (!(await blobs.head(key))) return [];
    return [{ file, url: await links.forGet(key, { expiresInS: LINK_EXPIRES_S }) }];
  });
  return (await Promise.all(found)).flat();
}
