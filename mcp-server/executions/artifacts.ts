// Links to the files of an execution that has ended. They are made on request only: a signed link costs 400 tokens.
import { z } from 'zod';
import { keys } from '../../pipeline/contract/keys.ts';
import { lru } from '../../pipeline/contract/lru.ts';
import type { Status } from '../../pipeline/contract/schemas.ts';
import { EXPORT_FILES, isStoredAs } from '../../pipeline/findings/exports/index.ts';
import type { Blobs, Links } from '../../pipeline/ports.ts';
import type { ToolDeps } from '../access/deps.ts';
import type { ExecutionView } from './status.ts';

const LINK_EXPIRES_S = 3_600; // the report and get_execution state an hour
const LINKS_KEPT_MS = 60_000; // agents poll; a link made a minute ago is still valid for most of its hour
const EXECUTIONS_KEPT_MAX = 1_000; // 16 KB of links each
const FILES_A_FOLDER_MAX = 100; // at most one for each format

/** Documents by the name of their link. */
const DOCUMENTS = { findings_json: keys.findings, overlay_jpg: keys.overlay, report_html: keys.report };

const Link = z.string().optional();

export const Artifacts = z.object({
  findings_json: Link,
  overlay_jpg: Link,
  report_html: Link,
  ...Object.fromEntries(EXPORT_FILES.map(({ link }) => [link, Link])),
});
export type Artifacts = z.infer<typeof Artifacts>;

/** The name of each file as people see it, by the name of its link. */
export const FILE_NAMES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(DOCUMENTS).map(([link, key]) => [link, fileNameIn(key(''))] as const),
  ...EXPORT_FILES.map(({ link, storedAs }) => [link, storedAs] as const),
]);

function fileNameIn(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

interface KeptLinks {
  links: Links;
  until: number;
  artifacts: Artifacts;
}

const linksByExecution = lru<string, KeptLinks>(EXECUTIONS_KEPT_MAX);

/** After a deletion: the next execution of the id may have other files. */
export function forgetLinks(executionId: string): void {
  linksByExecution.delete(executionId);
}

/** Files are complete once the execution has ended. No file of a blocked image is shown. */
export function mayHaveFiles(status: Status): boolean {
  return status !== 'RUNNING' && status !== 'BLOCKED';
}

/** A link for each stored file; none while there may be no files. */
export async function artifactsOf(
  { execution_id, status }: Pick<ExecutionView, 'execution_id' | 'status'>,
  deps: Pick<ToolDeps, 'blobs' | 'links' | 'clock'>,
): Promise<Artifacts> {
  if (!mayHaveFiles(status)) return {};
  const { links, clock } = deps;
  const nowMs = clock.now().getTime();
  const kept = linksByExecution.get(execution_id);
  if (kept?.links === links && kept.until > nowMs) return kept.artifacts;
  const artifacts = await linksTo(execution_id, deps);
  linksByExecution.set(execution_id, { links, until: nowMs + LINKS_KEPT_MS, artifacts });
  return artifacts;
}

async function linksTo(executionId: string, { blobs, links }: Pick<ToolDeps, 'blobs' | 'links'>): Promise<Artifacts> {
  const stored = [...(await storedDocuments(executionId, blobs)), ...(await storedExports(executionId, blobs))];
  const linked = stored.map(async ([name, key]) => [name, await links.forGet(key, { expiresInS: LINK_EXPIRES_S })] as const);
  return Object.fromEntries(await Promise.all(linked));
}

type StoredFile = readonly [link: string, key: string];

async function storedDocuments(executionId: string, blobs: Blobs): Promise<StoredFile[]> {
  const files = Object.entries(DOCUMENTS).map(([link, key]) => [link, key(executionId)] as const);
  const heads = await Promise.all(files.map(([, key]) => blobs.head(key)));
  return files.filter((_, index) => heads[index]);
}

/** The names of some exports contain the name of the image, so their folders are listed. */
async function storedExports(executionId: string, blobs: Blobs): Promise<StoredFile[]> {
  const root = keys.exportsFolder(executionId);
  const folders = new Set(EXPORT_FILES.map(({ storedAs }) => root + storedAs.slice(0, storedAs.lastIndexOf('/') + 1)));
  const listed = await Promise.all([...folders].map((folder) => blobs.list(folder, { limit: FILES_A_FOLDER_MAX })));
  const stored = listed.flat();
  return EXPORT_FILES.flatMap((file) => {
    const key = stored.find((one) => isStoredAs(file, one.slice(root.length)));
    return key === undefined ? [] : [[file.link, key] as const];
  });
}
