// Links to the files of an execution that has ended, for an hour. Given only when somebody asks: a signed one is 400 tokens.
import { z } from 'zod';
import type { Status } from '../pipeline/core/contract.ts';
import { keys } from '../pipeline/core/keys.ts';
import type { Links } from '../pipeline/ports.ts';
import type { ToolDeps } from './deps.ts';
import type { ExecutionView } from './execution-view.ts';

const LINK_EXPIRES_S = 3_600; // the report says so, and so does get_execution
/** Agents ask again and again, and a link is good for an hour. */
const LINKS_KEPT_MS = 60_000;
const LINKS_KEPT_MAX = 1_000; // of 5 KB an execution

export const Artifacts = z.object({
  findings_json: z.string().optional(),
  overlay_jpg: z.string().optional(),
  report_html: z.string().optional(),
});
export type Artifacts = z.infer<typeof Artifacts>;

const kept = new WeakMap<Links, Map<string, { until: number; artifacts: Artifacts }>>();

/** What a run is still writing is nobody's yet, and of a blocked picture nothing is shown. */
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

async function linksTo(executionId: string, deps: Pick<ToolDeps, 'blobs' | 'links'>): Promise<Artifacts> {
  const [findings_json, overlay_jpg, report_html] = await Promise.all(
    [keys.findings(executionId), keys.overlay(executionId), keys.report(executionId)].map((key) => linkTo(key, deps)),
  );
  return { ...(findings_json && { findings_json }), ...(overlay_jpg && { overlay_jpg }), ...(report_html && { report_html }) };
}

/** Null when nothing is stored there. */
export async function linkTo(key: string, { blobs, links }: Pick<ToolDeps, 'blobs' | 'links'>): Promise<string | null> {
  return (await blobs.head(key)) && (await links.forGet(key, { expiresInS: LINK_EXPIRES_S }));
}
