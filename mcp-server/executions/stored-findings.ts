// Reads the findings and the plan of an execution, for the tools.
import { UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { lru } from '../../pipeline/contract/lru.ts';
import type { FindingsDocument, Progress } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import { findingsDocument } from '../../pipeline/findings/document.ts';
import type { StoredPlan } from '../../pipeline/planning/stored-plan.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import type { ToolDeps } from '../access/deps.ts';

/** An agent pages through one execution, perhaps beside another one. 100,000 findings take about 60 MB of memory. */
export const DOCUMENTS_KEPT_MAX = 2;

const PRELIMINARY = 'Preliminary: the analysis is running. Findings, their ids and their scores will change until it has ended.';

interface KeptDocument {
  blobs: Blobs;
  version: string;
  document: Promise<FindingsDocument | null>;
}

/** By key. A caller gets a document only if its own store has that version of it. */
const documentsByKey = lru<string, KeptDocument>(DOCUMENTS_KEPT_MAX);
/** Merged from tile results. The version is the time of the end. */
const soFarById = lru<string, KeptDocument>(DOCUMENTS_KEPT_MAX);

/**
 * `null` if the execution has no findings: it is unknown, still running, or ended without any. A document is parsed once for all
 * its pages and for simultaneous requests.
 */
export async function readFindings(
  executionId: string,
  { blobs, progress }: Pick<ToolDeps, 'blobs' | 'progress'>,
): Promise<FindingsDocument | null> {
  const key = keys.findings(executionId);
  const head = await blobs.head(key);
  if (!head) return null;
  const kept = documentsByKey.get(key);
  if (kept?.blobs === blobs && kept.version === head.version) return await kept.document;
  if (await isRunning(executionId, progress)) return null;
  const document = readDocument(documents.findings(executionId), blobs);
  documentsByKey.set(key, { blobs, version: head.version, document });
  document.catch(() => documentsByKey.delete(key)); // the next request reads again
  return await document;
}

/** Findings are stored a moment before the end is: until then they are not shown, so that every tool has the same status. */
async function isRunning(executionId: string, progress: ToolDeps['progress']): Promise<boolean> {
  if ((await progress.stored(executionId))?.status !== 'RUNNING') return false;
  return (await progress.current(executionId)).status === 'RUNNING';
}

/**
 * What an execution found that ended without storing its findings: it was stopped from outside, reached its time limit, or failed.
 * `null` if it has stored the result of no tile.
 */
export async function readFindingsSoFar(end: Progress, { blobs }: Pick<ToolDeps, 'blobs'>): Promise<FindingsDocument | null> {
  const known = soFarById.get(end.execution_id);
  if (known?.blobs === blobs && known.version === end.updated_at) return await known.document;
  const document = mergedSoFar(end, blobs);
  soFarById.set(end.execution_id, { blobs, version: end.updated_at, document });
  document.catch(() => soFarById.delete(end.execution_id));
  return await document;
}

/** What a running execution has found so far, with its gaps and a note that ids will change. `null` if no tile has a stored result. */
export async function readPreliminary(
  executionId: string,
  { blobs, progress }: Pick<ToolDeps, 'blobs' | 'progress'>,
): Promise<FindingsDocument | null> {
  const now = await progress.current(executionId);
  const soFar = now.status === 'RUNNING' ? await readFindingsSoFar(now, { blobs }) : null;
  return soFar && { ...soFar, notes: [PRELIMINARY, ...soFar.notes] };
}

/** As `readFindingsSoFar`; `null` while the execution runs. Throws a UserError if there is no such execution. */
export async function readFindingsAtEnd(
  executionId: string,
  deps: Pick<ToolDeps, 'blobs' | 'progress'>,
): Promise<FindingsDocument | null> {
  const end = await deps.progress.current(executionId);
  return end.status === 'RUNNING' ? null : await readFindingsSoFar(end, deps);
}

async function mergedSoFar({ execution_id, status, reason, usage }: Progress, blobs: Blobs): Promise<FindingsDocument | null> {
  const { mergeSoFar } = await import('../../pipeline/steps/collect-tile-results.ts'); // not at a cold start
  const soFar = await mergeSoFar(execution_id, { blobs });
  if (!soFar) return null;
  const { stored, merged } = soFar;
  const { requestNotes } = await import('../../pipeline/planning/request-notes.ts');
  const notes = [...requestNotes(stored.request), ...merged.notes];
  const result = { ...merged, ...merged.tiles, stopped: null, usage, notes };
  const document = findingsDocument(stored.request, stored, result, '');
  return { ...document, status, notes: [...(reason === null ? [] : [reason]), ...document.notes] };
}

/** Throws a UserError if the execution is unknown or its image is not cut into tiles yet. */
export async function readPlan(executionId: string, deps: ToolDeps): Promise<StoredPlan> {
  const plan = await readDocument(documents.plan(executionId), deps.blobs);
  if (plan) return plan;
  const { status, phase } = await deps.progress.current(executionId);
  if (status === 'RUNNING') {
    throw new UserError(
      `The image of execution ${executionId} is not cut into tiles yet: it is in phase ${phase}. ` +
        'Call get_execution with wait_seconds 20, then try again.',
    );
  }
  throw new UserError(
    `Execution ${executionId} ended as ${status} before its image was cut into tiles. Start another analysis with analyze_image.`,
  );
}
