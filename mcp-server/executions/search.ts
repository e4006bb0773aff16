// Finds executions with findings by label, image and time, newest first. Reads the index, whose keys are in the order of time.
import { at } from '../../pipeline/contract/at.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { INDEX_NAME, index, indexOf } from '../../pipeline/contract/keys.ts';
import { DamagedDocument, documents, readDocument } from '../../pipeline/documents.ts';
import type { IndexEntry } from '../../pipeline/findings/index-entry.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import type { ToolDeps } from '../access/deps.ts';

const SCANNED_MAX = 200; // entries read for one answer, however few of them match
const READ_AT_ONCE = 20;

export interface ExecutionQuery {
  /** An execution matches if it has any of them. A single label has an index of its own. */
  labels: readonly string[];
  image: string | null;
  since: Date | null;
  limit: number;
  /** From the previous page. It stays valid while new executions are added. */
  cursor: string | null;
}

/** `cursor` is null on the last page. */
export async function queryExecutions(
  query: ExecutionQuery,
  { blobs, owner }: Pick<ToolDeps, 'blobs' | 'owner'>,
): Promise<{ executions: IndexEntry[]; cursor: string | null }> {
  const found = await keysAfter(query.cursor, foldersOf(query, owner), blobs);
  const executions: IndexEntry[] = [];
  const ids = new Set<string>(); // a lost database and folder leave an entry behind: the newest one counts
  let last: string | null = null;
  for (let from = 0; from < found.length && executions.length < query.limit; from += READ_AT_ONCE) {
    const batch = found.slice(from, from + READ_AT_ONCE);
    const entries = await Promise.all(batch.map((key) => entryAt(key, blobs)));
    for (const [position, entry] of entries.entries()) {
      const name = nameOf(at(batch, position));
      if (query.since && index.startedAt(name) < query.since) return { executions, cursor: null };
      if (executions.length === query.limit) return { executions, cursor: last };
      last = name;
      if (!entry || ids.has(entry.execution_id)) continue;
      ids.add(entry.execution_id);
      if (matches(entry, query)) executions.push(entry);
    }
  }
  const isLast = found.length < SCANNED_MAX && (found.length === 0 || last === nameOf(at(found, found.length - 1)));
  return { executions, cursor: isLast ? null : last };
}

/** `null` if the entry is gone, or damaged: one entry must not cost the whole list. */
async function entryAt(key: string, blobs: Blobs): Promise<IndexEntry | null> {
  try {
    return await readDocument(documents.indexEntry(key), blobs);
  } catch (error) {
    if (error instanceof DamagedDocument) return null;
    throw error;
  }
}

function foldersOf({ labels }: ExecutionQuery, owner: string | null): string[] {
  const folders = indexOf(owner);
  const [label] = labels;
  if (labels.length !== 1 || label === undefined) return [folders.byTime];
  return [folders.byLabel(label), folders.byLabelOf01(label)].filter((folder) => folder !== null);
}

/** The keys of the entries after the cursor in all of the folders, newest first, one an execution. */
async function keysAfter(cursor: string | null, folders: readonly string[], blobs: Blobs): Promise<string[]> {
  if (cursor !== null && !INDEX_NAME.test(cursor)) {
    throw new UserError('The cursor is not a next_cursor of the previous page. Leave cursor out to start from the first page.');
  }
  const byName = new Map<string, string>();
  for (const folder of folders) {
    const page = { limit: SCANNED_MAX, ...(cursor !== null && { after: folder + cursor }) };
    for (const key of await blobs.list(folder, page)) byName.set(nameOf(key), key);
  }
  const named = [...byName].filter(([name]) => INDEX_NAME.test(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return named.slice(0, SCANNED_MAX).map(([, key]) => key);
}

function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

function matches({ image, by_label }: IndexEntry, { labels, image: wanted }: ExecutionQuery): boolean {
  const has = new Set(Object.keys(by_label).map((label) => label.toLowerCase()));
  const labelled = labels.length < 2 || labels.some((label) => has.has(label.toLowerCase()));
  return labelled && (wanted === null || image === wanted || image.endsWith(`/${wanted}`));
}
