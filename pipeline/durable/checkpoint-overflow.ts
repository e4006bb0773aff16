// Keeps checkpoints small: a step result that is too large for one is stored as a document, and the checkpoint holds its key.
import type { Serdes } from '@aws/durable-execution-sdk-js';
import { z } from 'zod';
import { readExisting, type StoredDocument, writeDocument } from '../documents.ts';
import type { Blobs } from '../ports.ts';

/** The service refuses step results over 256 KB. 850 tiles of 16 KB are 14 MB of the 100 MB that an execution may hold. */
export const CHECKPOINT_BYTES_MAX = 16_384;

/** The field name is stored. */
const Overflow = z.object({ spilled: z.string() });

/** Stores results that are too large as `document`. */
export function withOverflow<T>(document: StoredDocument<T>, blobs: Pick<Blobs, 'get' | 'put'>): Serdes<T> {
  const Checkpoint = z.union([Overflow, document.schema]);
  return {
    async serialize(result) {
      if (result === undefined) return undefined;
      const json = JSON.stringify(result);
      if (Buffer.byteLength(json) <= CHECKPOINT_BYTES_MAX) return json;
      await writeDocument(document, result, blobs);
      return JSON.stringify({ spilled: document.key } satisfies z.infer<typeof Overflow>);
    },
    async deserialize(json) {
      if (json === undefined) return undefined;
      const checkpoint = Checkpoint.parse(JSON.parse(json));
      return isOverflow(checkpoint) ? await readExisting({ ...document, key: checkpoint.spilled }, blobs) : checkpoint;
    },
  };
}

function isOverflow(checkpoint: unknown): checkpoint is z.infer<typeof Overflow> {
  return typeof checkpoint === 'object' && checkpoint !== null && 'spilled' in checkpoint;
}
