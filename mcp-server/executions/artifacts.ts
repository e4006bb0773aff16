// Links to the files of an execution that has ended, for an hour. Given only when somebody asks: a signed one is 400 tokens.
import { z } from 'zod';
import { EXPORT_FILES, type ExportFormat } from '../../pipeline/contract/export-format.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import type { Status } from '../../pipeline/contract/schemas.ts';
import type { Links } from '../../pipeline/ports.ts';
import type { ToolDeps } from '../access/deps.ts';
import type { ExecutionView } from './status.ts';

const LINK_EXPIRES_S = 3_600; // the report says so, and so does get_execution
/** Agents ask again and again, and a link is good for an hour. */
const LINKS_KEPT_MS = 60_000;
const LINKS_KEPT_MAX = 1_000; // of 10 KB an execution

export const Artifacts = z.object({
  findings_json: z.string().optional(),
  overlay_jpg: z.string().optional(),
  report_html: z.string().optional(),
  coco_json: z.string().optional(),
  findings_geojson: z.string().optional(),
  findings_csv: z.string().optional(),
  label_studio_json: z.string().optional(),
});
export type Artifacts = z.infer<typeof Artifacts>;

type Name = keyof Artifacts;

/** Each file's name as people see it, and where it is. */
export const FILES: Readonly<Record<Name, { file: string; key(executionId: string): string }>> = {
  findings_json: { file: 'findings.json', key: keys.findings },
  overlay_jpg: { file: 'overlay.jpg', key: keys.overlay },
  report_html: { file: 'report.html', key: keys.report },
  coco_json: exported('coco'),
  findings_geojson: exported('geojson'),
  findings_csv: exported('csv'),
  label_studio_json: exported('label-studio'),
};

function exported(format: ExportFormat) {
  return { file: EXPORT_FILES[format], key: (executionId: string) => keys.export(executionId, format) };
}

const kept = new WeakMap<Links, Map<string, { until: number; artifacts: Artifacts }>>();

/** What a run is still writing is nobody's yet, and of a blocked image nothing is shown. */
export function mayHaveFiles(status: Status): boolean {
  return status !== 'RUNNING' && status !== 'BLOCKED';
}

/** Of what is stored; none where there may be no files. */
export async function artifactsOf(
  { execution_id, status }: Pick<ExecutionView, 'execution_id' | 'status'>,
  deps: Pick<ToolDeps, 'blobs' | 'links' | 'clock'>,
): Promise<Artifacts> {
  if (!mayHaveFiles(status)) return {};
  const { links, clock } = deps;
  const byExecution = kept.get(links) ?? new Map();
  kept.set(links, byExecution);
  const nowMs = clock.now().getTime();
  const known = byExecution.get(execution_id);
  if (known && known.until > nowMs) return known.artifacts;
  const artifacts = await linksTo(execution_id, deps);
  if (byExecution.size >= LINKS_KEPT_MAX) byExecution.clear();
  byExecution.set(execution_id, { until: nowMs + LINKS_KEPT_MS, artifacts });
  return artifacts;
}

async function linksTo(executionId: string, { blobs, links }: Pick<ToolDeps, 'blobs' | 'links'>): Promise<Artifacts> {
  const found = Object.entries(FILES).map(async ([name, { key }]) => {
    const stored = await blobs.head(key(executionId));
    return stored ? [[name, await links.forGet(key(executionId), { expiresInS: LINK_EXPIRES_S })]] : [];
  });
  return Object.fromEntries((await Promise.all(found)).flat());
}
