// Keeps checkpoints small: a result that is too large for one goes to an object, and the checkpoint holds its key.
import type { Serdes } from '@aws/durable-execution-sdk-js';
import { z } from 'zod';
import { readExisting, type StoredDocument, writeDocument } from '../documents.ts';
import type { Blobs } from '../ports.ts';

/** A service refuses step results over 256 KB; 850 tiles of 16 KB are 14 MB of the 100 MB that an execution may hold. */
export const CHECKPOINT_BYTES_MAX = 16_384;

const Spilled = z.object({ spilled: z.string() });

/** Results that are too large become `document`. */
export function spilling<T>(document: StoredDocument<T>, blobs: Blobs): Serdes<T> {
  const Checkpoint = z.union([Spilled, document.schema]);
  return {
    async serialize(result) {
      const json = JSON.stringify(result);
      if (result === undefined || Buffer.byteLength(json) <= CHECKPOINT_BYTES_MAX) return json;
      await writeDocument(document, result, blobs);
      return JSON.stringify({ spilled: document.key });
    },
    async deserialize(json) {
      if (json === undefined) return undefined;
      const checkpoint = Checkpoint.parse(JSON.parse(json));
      if (!isSpilled(checkpoint)) return checkpoint;
      return await readExisting({ ...document, key: checkpoint.spilled }, blobs);
    },
  };
}

function isSpilled(checkpoint: unknown): checkpoint is z.infer<typeof Spilled> {
  return typeof checkpoint === 'object' && checkpoint !== null && 'spilled' in checkpoint;
}
