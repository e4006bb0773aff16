// Keeps checkpoints small: a tile's detections that are too many for one go to an object, and the checkpoint holds its key.
import type { Serdes } from '@aws/durable-execution-sdk-js';
import { z } from 'zod';
import { keys } from '../core/keys.ts';
import type { Blobs } from '../ports.ts';
import { LookedTile } from './detect.ts';

/** A service refuses step results over 256 KB; 900 tiles of 16 KB are 14 MB of the 100 MB that an execution may hold. */
export const CHECKPOINT_BYTES_MAX = 16_384;

const Spilled = z.object({ spilled: z.string() });
const Checkpoint = z.union([Spilled, LookedTile]);

export function spilling(executionId: string, tileName: string, blobs: Blobs): Serdes<LookedTile> {
  const key = keys.tileDetections(executionId, tileName);
  return {
    async serialize(looked) {
      const json = JSON.stringify(looked);
      if (looked === undefined || Buffer.byteLength(json) <= CHECKPOINT_BYTES_MAX) return json;
      await blobs.put(key, Buffer.from(json));
      return JSON.stringify({ spilled: key });
    },
    async deserialize(json) {
      if (json === undefined) return undefined;
      const checkpoint = Checkpoint.parse(JSON.parse(json));
      if (!('spilled' in checkpoint)) return checkpoint;
      const bytes = await blobs.get(checkpoint.spilled);
      if (!bytes) throw new Error(`Expected the detections of ${tileName} at ${checkpoint.spilled}, got nothing.`);
      return LookedTile.parse(JSON.parse(Buffer.from(bytes).toString()));
    },
  };
}
