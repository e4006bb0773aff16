// Deletes everything stored for an execution: its objects, its entries in the list and what the launcher keeps.
import { at } from '../../pipeline/contract/at.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { index, indexOf, keys } from '../../pipeline/contract/keys.ts';
import { documents, readDocument, type StoredDocument } from '../../pipeline/documents.ts';
import { indexKeysOf } from '../../pipeline/findings/index-entry.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import type { ToolDeps } from '../access/deps.ts';
import { forgetLinks } from './artifacts.ts';
import { inTurn } from './execution-turns.ts';

type StoreDeps = Pick<ToolDeps, 'blobs' | 'removal' | 'owner'>;
export type DeletionDeps = StoreDeps & Pick<ToolDeps, 'launcher'>;

const ENDING_MS = 10_000; // a stopped execution's code is gone within 5 s
const ASK_EVERY_MS = 250;
const RESUMED_BY_MAX = 100;
const LISTED_MAX = 1_000;

/**
 * Returns `false` if the service keeps the name of the execution until its own retention ends. Throws a UserError if there is no such
 * execution, if it is running, or if a later execution reads its tiles. Deleting twice is harmless.
 */
export async function deleteExecution(executionId: string, deps: DeletionDeps): Promise<boolean> {
  return await inTurn([executionId], () => deleteInTurn(executionId, deps));
}

async function deleteInTurn(executionId: string, deps: DeletionDeps): Promise<boolean> {
  const { blobs, launcher } = deps;
  const state = await launcher.describe(executionId);
  if (!state && !(await hasObjects(executionId, blobs))) {
    throw new UserError(`This server has no execution ${executionId}. Nothing was deleted.`);
  }
  if (state?.state === 'running') {
    throw new UserError(`Execution ${executionId} is still running. End it with cancel_execution, then delete it.`);
  }
  const resumedBy = await dependentsOf(executionId, blobs);
  if (resumedBy.length > 0) {
    throw new UserError(
      `Execution ${executionId} holds the tiles of ${resumedBy.join(', ')}, which retry_failed_tiles or ask_image started from it. Delete those first.`,
    );
  }
  const nameIsFree = await forget(executionId, deps);
  await deleteObjects(executionId, deps);
  return nameIsFree;
}

/** The entries of the list first: it names no execution without objects. */
export async function deleteObjects(executionId: string, deps: StoreDeps): Promise<void> {
  await deps.removal.objects(await indexKeysStored(executionId, deps));
  await deps.removal.folder(keys.executionFolder(executionId));
  const { forgetSzi } = await import('../../pipeline/imaging/szi/szi.ts'); // not before: it loads zlib and streams, 5 ms of a cold start
  forgetSzi(keys.pyramid(executionId));
  forgetLinks(executionId);
}

export async function hasObjects(executionId: string, blobs: Blobs): Promise<boolean> {
  return (await blobs.list(keys.executionFolder(executionId), { limit: 1 })).length > 0;
}

async function forget(executionId: string, { launcher }: Pick<ToolDeps, 'launcher'>): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < ENDING_MS; waitedMs += ASK_EVERY_MS) {
    const answer = await launcher.forget(executionId);
    if (answer !== 'busy') return answer === 'forgotten';
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
  throw new UserError(`Execution ${executionId} is still stopping. Try again in a few seconds.`);
}

async function dependentsOf(executionId: string, blobs: Blobs): Promise<string[]> {
  const folder = keys.resumedByFolder(executionId);
  const ids = (await blobs.list(folder, { limit: RESUMED_BY_MAX })).map((key) => key.slice(folder.length));
  const stored = await Promise.all(ids.map((id) => hasObjects(id, blobs)));
  return ids.filter((_, place) => stored[place]);
}

/** Version 0.1 did not store the keys: they follow from the findings. If those are lost, too, the list is searched. */
async function indexKeysStored(executionId: string, { blobs, owner }: StoreDeps): Promise<string[]> {
  const known = await readable(documents.indexKeys(executionId), blobs);
  if (known) return known.keys;
  const [findings, progress, plan] = await Promise.all([
    readable(documents.findings(executionId), blobs),
    readable(documents.progress(executionId), blobs),
    readable(documents.plan(executionId), blobs),
  ]);
  if (findings && progress) return indexKeysOf(findings, progress.started_at, plan?.request.owner ?? owner);
  return await keysInList(executionId, { blobs, owner });
}

async function keysInList(executionId: string, { blobs, owner }: Pick<StoreDeps, 'blobs' | 'owner'>): Promise<string[]> {
  const { byTime, byLabel } = indexOf(owner);
  for (let after = byTime; ; ) {
    const page = await blobs.list(byTime, { after, limit: LISTED_MAX });
    const key = page.find((one) => index.executionId(one.slice(byTime.length)) === executionId);
    if (key !== undefined) {
      const entry = await readable(documents.indexEntry(key), blobs);
      return [key, ...Object.keys(entry?.by_label ?? {}).map((label) => byLabel(label) + key.slice(byTime.length))];
    }
    if (page.length < LISTED_MAX) return [];
    after = at(page, page.length - 1);
  }
}

/** A damaged document must not keep its execution from being deleted. */
async function readable<T>(document: StoredDocument<T>, blobs: Blobs): Promise<T | null> {
  return await readDocument(document, blobs).catch(() => null);
}
