// `tilesight export`: the findings of an execution in the local data folder, converted now, so that no export need be stored.
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readConfig } from '../pipeline/config.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import type { ExportFormat } from '../pipeline/contract/export-format.ts';
import { ExecutionId } from '../pipeline/contract/schemas.ts';
import { documents, readDocument, type StoredDocument } from '../pipeline/documents.ts';
import type { ExportSource } from '../pipeline/findings/exports/export-source.ts';
import { exportPieces } from '../pipeline/findings/exports/index.ts';
import type { Blobs } from '../pipeline/ports.ts';
import { fsBlobs } from '../pipeline/storage/folder-blobs.ts';
import { writeWhole } from './write-whole.ts';

interface ExportOptions {
  format: ExportFormat;
  out: string;
  data?: string;
  imageUrl?: string;
}

export async function exportCommand(executionId: string, { format, out, data, imageUrl }: ExportOptions): Promise<void> {
  if (imageUrl !== undefined && format !== 'label-studio') {
    throw new UserError(`Expected --image-url only with --format label-studio, got it with ${format}. Leave it out.`);
  }
  const folder = resolve(data ?? readConfig().TILESIGHT_HOME);
  const source = { ...(await sourceIn(folder, executionId)), imageUrl: imageUrl ?? null };
  const pieces = exportPieces(format, source);
  if (out === '-') return await printed(pieces);
  await writeWhole(out, pieces);
  process.stdout.write(`Wrote ${out}.\n`);
}

async function sourceIn(folder: string, executionId: string): Promise<Pick<ExportSource, 'document' | 'startedAt'>> {
  const blobs = fsBlobs(join(folder, 'blobs'));
  const known = ExecutionId.safeParse(executionId).success;
  const progress = known ? await stored(documents.progress(executionId), blobs) : null;
  if (!progress) {
    throw new UserError(
      `Expected an execution in ${folder}, got ${JSON.stringify(executionId.slice(0, 100))}, which is not there. ` +
        'Use an execution_id that analyze_image returned, and name the folder that serve was given with --data.',
    );
  }
  const document = await stored(documents.findings(executionId), blobs);
  if (document) return { document, startedAt: progress.started_at };
  const wayOut = progress.status === 'RUNNING' ? 'Wait for its end.' : 'Analyze the image again.';
  throw new UserError(`Expected an execution with findings, got ${executionId}, which is ${progress.status}. ${wayOut}`);
}

async function stored<T>(document: StoredDocument<T>, blobs: Blobs): Promise<T | null> {
  try {
    return await readDocument(document, blobs);
  } catch (cause) {
    throw new UserError(`Expected ${document.key} as tilesight writes it, got another content. Analyze the image again.`, {
      cause,
    });
  }
}

/** Whoever reads may stop early, as `head` does. */
async function printed(pieces: Iterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(pieces), process.stdout, { end: false });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
  }
}
