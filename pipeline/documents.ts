// Every JSON document that is stored: its key and its schema. Documents are read and written here and nowhere else.
// Keys and field names are stored: runs in flight and finished executions depend on them.
import { z } from 'zod';
import { keys } from './contract/keys.ts';
import { FindingsDocument, Progress } from './contract/schemas.ts';
import { IndexEntry } from './findings/index-entry.ts';
import { Merged, MergeResult } from './findings/merged.ts';
import { ResumedTiles } from './planning/inspected.ts';
import { ShardProgress } from './planning/shards.ts';
import { StoredPlan } from './planning/stored-plan.ts';
import { BlankTiles, TileResults, TileStepResult } from './planning/tile-result.ts';
import { TileStates } from './planning/tile-states.ts';
import type { Blobs } from './ports.ts';

/** One stored object. `T` is what it holds. */
export interface StoredDocument<T> {
  key: string;
  schema: z.ZodType<T>;
  /** Spaces of indentation, where people read it. */
  indent?: number;
}

const StartedBy = z.object({ principal: z.string().nullable(), at: z.string() });
const Launched = z.object({ arn: z.string() });
/** Keys of index entries. */
const IndexKeys = z.object({ keys: z.array(z.string()) });
/** Its existence is what counts. */
const Cancellation = z.object({ cancelled_at: z.string() });

/** From an execution, a shard or a key to the document there. */
export const documents = {
  /** The request, and how the image was cut. Every reader of the pyramid needs it. */
  plan: (executionId: string) => ({ key: keys.plan(executionId), schema: StoredPlan }),
  /** The findings that people download. */
  findings: (executionId: string) => ({ key: keys.findings(executionId), schema: FindingsDocument, indent: 1 }),
  /** How far an execution is. Without its running shards: `progress/progress-reader.ts` adds them. */
  progress: (executionId: string) => ({ key: keys.progress(executionId), schema: Progress }),
  shardProgress: (executionId: string, shard: number) => ({ key: keys.shardProgress(executionId, shard), schema: ShardProgress }),
  /** The state of each tile of a shard, by a key in `keys.tileStatesFolder`. */
  tileStates: (key: string) => ({ key, schema: TileStates }),
  /** The tile results of a shard, by a key that a `ShardResult` names. */
  tileResults: (key: string) => ({ key, schema: TileResults }),
  /** The same object, for readers that need the blank tiles only. */
  blankTiles: (key: string) => ({ key, schema: BlankTiles }),
  /** What the last steps work on, and what a retry resumes from. */
  merged: (executionId: string) => ({ key: keys.merged(executionId), schema: Merged }),
  /** When an execution was started and, where callers are known, the principal that started it. */
  startedBy: (executionId: string) => ({ key: keys.startedBy(executionId), schema: StartedBy }),
  /** The ARN under which the service knows an execution. */
  launched: (executionId: string) => ({ key: keys.launched(executionId), schema: Launched }),
  /** Exists once a caller asks to cancel an execution. */
  cancellation: (executionId: string) => ({ key: keys.cancel(executionId), schema: Cancellation }),
  /** One line in the list of executions, by a key in a folder of `indexOf`. */
  indexEntry: (key: string) => ({ key, schema: IndexEntry }),
  /** Where the list of executions has an execution, so that it can be taken out again. */
  indexKeys: (executionId: string) => ({ key: keys.indexKeys(executionId), schema: IndexKeys }),
  /** Overflow of the step `merge`. */
  mergeResult: (executionId: string) => ({ key: keys.mergeResult(executionId), schema: MergeResult }),
  /** Overflow of the step `take-up`. */
  resumedTiles: (executionId: string) => ({ key: keys.resumedTiles(executionId), schema: ResumedTiles }),
  /** Overflow of the step of a tile. */
  tileStepResult: (executionId: string, tile: string) => ({
    key: keys.tileStepResult(executionId, tile),
    schema: TileStepResult,
  }),
} satisfies Record<string, (...place: never[]) => StoredDocument<unknown>>;

/** `null` if there is no such object. Throws an Error for one that does not fit its schema. */
export async function readDocument<T>(document: StoredDocument<T>, blobs: Pick<Blobs, 'get'>): Promise<T | null> {
  const bytes = await blobs.get(document.key);
  return bytes && parseDocument(document, bytes);
}

/** Throws an Error if the document does not exist or does not fit its schema: a step before this one wrote it. */
export async function readExisting<T>(document: StoredDocument<T>, blobs: Pick<Blobs, 'get'>): Promise<T> {
  const found = await readDocument(document, blobs);
  if (found === null) throw new Error(`Expected a document at ${document.key}, but there is none.`);
  return found;
}

export function parseDocument<T>({ key, schema }: StoredDocument<T>, bytes: Uint8Array): T {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch (cause) {
    throw new Error(`The document at ${key} does not have the expected content.`, { cause });
  }
}

export async function writeDocument<T>(document: StoredDocument<T>, value: T, blobs: Pick<Blobs, 'put'>): Promise<void> {
  await blobs.put(document.key, bytesOf(document, value));
}

/** Writes only where nothing is. `false`, and nothing is changed, if the document exists. */
export async function writeNewDocument<T>(document: StoredDocument<T>, value: T, blobs: Pick<Blobs, 'putNew'>): Promise<boolean> {
  return await blobs.putNew(document.key, bytesOf(document, value));
}

function bytesOf<T>({ indent }: StoredDocument<T>, value: T): Uint8Array {
  return Buffer.from(JSON.stringify(value, null, indent));
}
