// The entry of an execution in the list of executions, and the labels under which it can be found. Pure.
import { z } from 'zod';
import { index, indexOf } from '../contract/keys.ts';
import { type FindingsDocument, Status } from '../contract/schemas.ts';
import { byLabel } from './finding-order.ts';
import { isRejected } from './verification.ts';

/** The most frequent labels of an execution. By its other labels it is not found. */
const LABELS_INDEXED_MAX = 50;
const LABELS_COUNTED_MAX = 10;

export const IndexEntry = z.object({
  execution_id: z.string(),
  status: Status,
  image: z.string(),
  started_at: z.string(),
  findings: z.number().int(),
  by_label: z.record(z.string(), z.number().int()),
});
export type IndexEntry = z.infer<typeof IndexEntry>;

/** The entry, and the keys under which it is stored. */
export function indexed(
  document: FindingsDocument,
  startedAt: string,
  owner: string | null,
): { entry: IndexEntry; keys: string[] } {
  const found = document.findings.filter((finding) => !isRejected(finding));
  const labels = byLabel(found);
  const name = index.name(new Date(startedAt), document.execution_id);
  const folders = indexOf(owner);
  return {
    entry: {
      execution_id: document.execution_id,
      status: document.status,
      image: document.image.uri,
      started_at: startedAt,
      findings: found.length,
      by_label: Object.fromEntries(labels.slice(0, LABELS_COUNTED_MAX).map(([label, group]) => [label, group.length])),
    },
    keys: [folders.byTime, ...labels.slice(0, LABELS_INDEXED_MAX).map(([label]) => folders.byLabel(label))].map(
      (folder) => folder + name,
    ),
  };
}

/** Every key under which this version or an earlier one lists an execution. */
export function indexKeysOf(document: FindingsDocument, startedAt: string, owner: string | null): string[] {
  const { keys } = indexed(document, startedAt, owner);
  const name = index.name(new Date(startedAt), document.execution_id);
  const before = byLabel(document.findings).map(([label]) => indexOf(owner).byLabelOf01(label));
  return [...keys, ...before.flatMap((folder) => (folder === null ? [] : [folder + name]))];
}
