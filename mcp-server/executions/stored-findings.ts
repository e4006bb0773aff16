// What an execution has stored, for the tools that read it.

import { UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import type { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import type { StoredPlan } from '../../pipeline/planning/stored-plan.ts';
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
  const cached = kept.get(blobs) ?? new Map<string, Kept>();
  kept.set(blobs, cached);
  const known = cached.get(key);
  if (known?.version === head.version) return await known.document;
  const document = readDocument(documents.findings(executionId), blobs);
  cached.delete(key);
  cached.set(key, { version: head.version, document });
  const oldest = cached.keys().next().value;
  if (cached.size > DOCUMENTS_KEPT_MAX && oldest !== undefined) cached.delete(oldest);
  document.catch(() => cached.delete(key)); // a failed read is forgotten
  return await document;
}

/** Throws a UserError when the execution is unknown or has not cut its image yet. */
export async function readPlan(executionId: string, deps: ToolDeps): Promise<StoredPlan> {
  const plan = await readDocument(documents.plan(executionId), deps.blobs);
  if (plan) return plan;
  const { status, phase } = await readProgress(executionId, deps);
  const state = status === 'RUNNING' ? `is in phase ${phase}` : `ended as ${status}`;
  throw new UserError(
    `Expected an execution whose image has been cut into tiles, got one that ${state}. ` +
      (status === 'RUNNING' ? 'Call get_execution with wait_seconds 20, then try again.' : 'Start another with analyze_image.'),
  );
}
