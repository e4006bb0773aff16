// The stored findings of one execution, for the tools that read them.
import { FindingsDocument } from '../pipeline/core/contract.ts';
import { keys } from '../pipeline/core/keys.ts';
import type { ToolDeps } from './deps.ts';

/** Null when there is none: the execution is unknown, runs, or ended without. */
export async function readFindings(executionId: string, { blobs }: Pick<ToolDeps, 'blobs'>): Promise<FindingsDocument | null> {
  const bytes = await blobs.get(keys.findings(executionId));
  return bytes && FindingsDocument.parse(JSON.parse(Buffer.from(bytes).toString()));
}
