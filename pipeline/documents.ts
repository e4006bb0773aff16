// Every JSON document that is stored for readers: its key and its schema. All documents are read and written here and nowhere else; those
// between steps are in step-documents.ts. Keys and field names are stored: runs in flight and finished executions depend on them.
import { z } from 'zod';
import { UserError } from './contract/errors.ts';
import { keys } from './contract/keys.ts';
import { FindingsDocument, Progress } from './contract/schemas.ts';
import { IndexEntry } from './findings/index-entry.ts';
import { ShardProgress } from './planning/shards.ts';
import { StoredPlan } from './planning/stored-plan.ts';
import type { Blobs } from './ports.ts';

/** One stored object. `T` is what it holds. */
export interface StoredDocument<T> {
  key: string;
  schema: z.ZodType<T>;
  /** Spaces of indentation, where people read it. */
  indent?: number;
  /** What helps if it is damaged, for one that belongs to no execution. */
  remedy?: string;
}

/** Names of documents, and from where each is to the document there. */
export type Documents = Record<string, (...place: never[]) => StoredDocument<unknown>>;

const StartedBy = z.object({ principal: z.string().nullable(), at: z.string() });
const Launched = z.object({ arn: z.string() });
/** Keys of index entries. */
const IndexKeys = z.object({ keys: z.array(z.string()) });
/** The id has the pattern of the service: with `/`, `+` and `=`, so it is no part of a key. */
const Wait = z.object({ callback_id: z.string() });
/** Its existence is what counts. */
const Cancellation = z.object({ cancelled_at: z.string() });

const Pace = z.object({ seconds_per_tile: z.number(), calls: z.number().int(), measured_at: z.string() });

/** From an execution, a shard or a key to the document there. */
export const documents = {
  /** The request, and how the image was cut. Every reader of the pyramid needs it. */
  plan: (executionId: string) => ({ key: keys.plan(executionId), schema: StoredPlan }),
  /** The findings that people download. */
  findings: (executionId: string) => ({ key: keys.findings(executionId), schema: FindingsDocument, indent: 1 }),
  /** How far an execution is. Without its running shards: `progress/progress-reader.ts` adds them. */
  progress: (executionId: string) => ({ key: keys.progress(executionId), schema: Progress }),
  shardProgress: (executionId: string, shard: number) => ({ key: keys.shardProgress(executionId, shard), schema: ShardProgress }),
  /** When an execution was started and, where callers are known, the principal that started it. */
  startedBy: (executionId: string) => ({ key: keys.startedBy(executionId), schema: StartedBy }),
  /** The ARN under which the service knows an execution. */
  launched: (executionId: string) => ({ key: keys.launched(executionId), schema: Launched }),
  /** Exists once a caller asks to cancel an execution. */
  cancellation: (executionId: string) => ({ key: keys.cancel(executionId), schema: Cancellation }),
  /**
   * The callback that an execution waits for. The step that begins to wait writes it, and writes the same again if it is repeated. A
   * callback that has ended is refused, so the document may stay.
   */
  wait: (executionId: string, name: string) => ({ key: keys.wait(executionId, name), schema: Wait }),
  waitAt: (key: string) => ({ key, schema: Wait }),
  /** How long a language model took for a tile in the last run that measured it. */
  pace: (model: string) => ({ key: keys.pace(model), schema: Pace, indent: 1 }),
  /** One line in the list of executions, by a key in a folder of `indexOf`. */
  indexEntry: (key: string) => ({ key, schema: IndexEntry }),
  /** Where the list of executions has an execution, so that it can be taken out again. */
  indexKeys: (executionId: string) => ({ key: keys.indexKeys(executionId), schema: IndexKeys }),
} satisfies Documents;

/** A stored document that cannot be read: someone changed it, or a disk lost a part of it. */
export class DamagedDocument extends UserError {
  constructor(key: string, cause: unknown, remedy = 'Restore it from a backup, or delete its execution and start it again.') {
    super(`The stored document ${key} is damaged. ${remedy}`, { cause });
  }
}

/** `null` if there is no such object. Throws a DamagedDocument for one that does not fit its schema. */
export async function readDocument<T>(document: StoredDocument<T>, blobs: Pick<Blobs, 'get'>): Promise<T | null> {
  const bytes = await blobs.get(document.key);
  return bytes && parseDocument(document, bytes);
}

/** For a document that an earlier step wrote: throws an Error if it is missing, and a DamagedDocument if it does not fit its schema. */
export async function readExisting<T>(document: StoredDocument<T>, blobs: Pick<Blobs, 'get'>): Promise<T> {
  const found = await readDocument(document, blobs);
  if (found === null) throw new Error(`Expected a document at ${document.key}, but there is none.`);
  return found;
}

export function parseDocument<T>({ key, schema, remedy }: StoredDocument<T>, bytes: Uint8Array): T {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch (cause) {
    throw new DamagedDocument(key, cause, remedy);
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
