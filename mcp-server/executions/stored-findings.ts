// What an execution has stored, for the tools that read it.

import { UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { StoredPlan } from '../../pipeline/planning/stored-plan.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import type { ToolDeps } from '../access/deps.ts';
import { readProgress } from './status.ts';

/** An agent pages through one execution, perhaps beside another; 100,000 findings are some 60 MB in memory. */
const DOCUMENTS_KEPT_MAX = 2;

interface Kept {
  version: string;
  document: Promise<FindingsDocument | null>;
}

const kept = new WeakMap<Blobs, Map<string, Kept>>();

/**
 * Null when there is none: the execution is unknown, runs, or ended without. Parsed once for all its pages and all who ask at
 * once, while it stays the same.
 */
export async function readFindings(executionId: string, { blobs }: Pick<ToolDeps, 'blobs'>): Promise<FindingsDocument | null> {
  const key = keys.findings(executionId);
  const head = await blobs.head(key);
  if (!head) return null;
  const documents = kept.get(blobs) ?? new Map<string, Kept>();
  kept.set(blobs, documents);
  const known = documents.get(key);
  if (known?.version === head.version) return await known.document;
  const document = parsedDocument(key, blobs);
  documents.delete(key);
  documents.set(key, { version: head.version, document });
  const oldest = documents.keys().next().value;
  if (documents.size > DOCUMENTS_KEPT_MAX && oldest !== undefined) documents.delete(oldest);
  document.catch(() => documents.delete(key)); // a failed read is forgotten
  return await document;
}

async function parsedDocument(key: string, blobs: Blobs): Promise<FindingsDocument | null> {
  const bytes = await blobs.get(key);
  return bytes && FindingsDocument.parse(JSON.parse(Buffer.from(bytes).toString()));
}

/** Throws a UserError when the execution is unknown or has not cut its image yet. */
export async function readPlan(executionId: string, deps: ToolDeps): Promise<StoredPlan> {
  const bytes = await deps.blobs.get(keys.plan(executionId));
  if (bytes) return StoredPlan.parse(JSON.parse(Buffer.from(bytes).toString()));
  const { status, phase } = await readProgress(executionId, deps);
  const state = status === 'RUNNING' ? `is in phase ${phase}` : `ended as ${status}`;
  throw new UserError(
    `Expected an execution whose image has been cut into tiles, got one that ${state}. ` +
      (status === 'RUNNING' ? 'Call get_execution with wait_seconds 20, then try again.' : 'Start another with analyze_image.'),
  );
}
