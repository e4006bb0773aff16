// The interfaces that the domain needs from the outside. Adapters implement them, and entries choose the adapters.
import type { AnalysisRequest } from './contract/schemas.ts';
import type { ImageLimits } from './planning/image-limits.ts';
import type { LiveEvent } from './progress/events.ts';
import type { Vision } from './vision-port.ts';

export type * from './vision-port.ts';

export interface BlobHead {
  bytes: number;
  /** Changes whenever the bytes do. */
  version: string;
}

/** A local copy of an object, or the object itself. Read only. `release` removes the copy, if there is one. */
export interface LocalFile {
  path: string;
  /** As `BlobHead.version`, of the bytes at `path`. */
  version: string;
  release(): Promise<void>;
}

/** The only store: one bucket or one folder. A key is relative, `/`-separated, without `.` or `..` segments. */
export interface Blobs {
  /** `null` if there is no such object. */
  head(key: string): Promise<BlobHead | null>;
  /** The whole object; `null` if there is none. For small objects: documents, overviews. */
  get(key: string): Promise<Uint8Array | null>;
  /** `length` bytes from `start`. Throws if the object is missing or shorter. */
  getRange(key: string, start: number, length: number): Promise<Uint8Array>;
  /** Readers get the old object or the new one, never a part of either. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Puts the object only if the key is free. One of several concurrent calls returns `true`. `false` if nothing was changed. */
  putNew(key: string, bytes: Uint8Array): Promise<boolean>;
  /** Like `put`, from a file, which this may move away. */
  putFile(key: string, path: string): Promise<void>;
  /** The bytes at `path` stay the same, even if the object is replaced. */
  materialize(key: string): Promise<LocalFile>;
  /** Keys directly below `folder` (which ends in `/`), ascending by bytes, after the key `after`; at most `limit`, 1 to 1,000. */
  list(folder: string, page: { after?: string; limit: number }): Promise<string[]>;
}

/** Deletes stored objects. Not a part of `Blobs`, so that the pipeline needs no permission to delete. */
export interface Removal {
  /** Deletes these objects, as far as they exist. */
  objects(keys: readonly string[]): Promise<void>;
  /** Deletes every object below `folder`, which ends in `/`. */
  folder(folder: string): Promise<void>;
}

/** Links with which a client reads or writes one object for a limited time, without any other permission. */
export interface Links {
  /** The client must send these headers and exactly `bytesMax` bytes with PUT. Good once: an object that exists is not replaced. */
  forPut(key: string, limit: { bytesMax: number; expiresInS: number }): Promise<{ url: string; headers: Record<string, string> }>;
  forGet(key: string, limit: { expiresInS: number }): Promise<string>;
}

/** Finds the image that a caller named, if this deployment may read it. */
export interface ImageSources {
  /** Throws a UserError that lists what may be named. */
  resolve(image: string): Promise<AnalysisRequest['image']>;
}

/** The state of a durable execution, as its control plane reports it. */
export type ExecutionState =
  | { state: 'running'; startedAt: Date }
  | { state: 'succeeded'; startedAt: Date; endedAt: Date }
  | { state: 'failed' | 'stopped' | 'timed-out'; startedAt: Date; endedAt: Date; error: { type: string; message: string } };

/** Starts, describes and stops executions. The name of an execution is `request.execution_id`. */
export interface Launcher {
  /** Returns `created: false` if the same request has been started before. Throws a UserError if another request has the name. */
  start(request: AnalysisRequest): Promise<{ created: boolean }>;
  /** `null` if no execution has that name. */
  describe(executionId: string): Promise<ExecutionState | null>;
  /** From then on, results of running code do not count. On a laptop, the code is also ended. `null` if no execution has that name. */
  stop(executionId: string, reason: { type: string; message: string }): Promise<ExecutionState | null>;
  /**
   * Forgets an execution that has ended, with its shards: its name is free then. `kept`: the service keeps it until its retention
   * ends. `busy`: it is running, or code of it still is.
   */
  forget(executionId: string): Promise<'forgotten' | 'kept' | 'busy'>;
}

/** A callback that an execution waits for (`context.waitForCallback`). */
export interface WaitingCallback {
  executionId: string;
  /** As the durable context returned it: 1 to 1,024 characters of base64. */
  callbackId: string;
}

/**
 * Answers callbacks. The first answer counts: after it, after its timeout, and after the end of its execution, a callback is `closed`.
 * Throws a TransientError for a temporary failure.
 */
export interface CallbackAnswers {
  /** Throws an Error if the result has more than CALLBACK_BYTES_MAX bytes: store it, and send its key. */
  succeed(callback: WaitingCallback, result: string): Promise<'taken' | 'closed'>;
  /** The waiting code gets an error with this message. */
  fail(callback: WaitingCallback, error: { type: string; message: string }): Promise<'taken' | 'closed'>;
  /** Restarts the time within which the next heartbeat or the answer must arrive. */
  heartbeat(callback: WaitingCallback): Promise<'taken' | 'closed'>;
}

/** Downloads images from hosts and buckets that this deployment allows. */
export interface ImageDownloads {
  /**
   * Streams the image at `url` into the file `path`, at most `bytesMax` bytes. `version` was found when the image was named: a
   * source that knows versions accepts no other. Throws a UserError if the address is not allowed, leads inside a network, answers
   * without the image or sends more; a TransientError for a temporary failure. A failure leaves no file.
   */
  download(url: string, path: string, bytesMax: number, version?: string): Promise<void>;
}

export interface Clock {
  now(): Date;
}

/** A structured log: one sentence and its facts. */
export interface Log {
  debug(facts: object, sentence: string): void;
  info(facts: object, sentence: string): void;
  warn(facts: object, sentence: string): void;
  error(facts: object, sentence: string): void;
}

/** Units are in the names; those without one are counts. */
export type MetricName =
  | 'TilesDone'
  | 'TilesFailed'
  | 'TilesBlank'
  | 'LookMs'
  | 'InputTokens'
  | 'OutputTokens'
  | 'CostUsd'
  | 'Findings'
  | 'AnalysesEnded'
  | 'AnalysesFailed';

/** Sums over all executions, for dashboards and alarms. A crash may count a part of an execution twice. */
export interface Metrics {
  add(name: MetricName, value: number): void;
  /** Values may be held back until then. */
  flush(): void;
}

/** Publishes live events, each at least once: after a crash they are published again with the same ids. */
export interface Events {
  /** Returns at once and never throws: an execution does not wait for subscribers. */
  publish(events: readonly LiveEvent[]): void;
  /** Resolves when every event is published, or after a short time even if some are not. */
  flush(): Promise<void>;
}

/** What an execution of the pipeline needs. */
export interface PipelineDeps {
  blobs: Blobs;
  imageDownloads: ImageDownloads;
  vision: Vision;
  clock: Clock;
  log: Log;
  /** `null` if nothing collects metrics. */
  metrics: Metrics | null;
  /** `null` if nothing subscribes, or if subscribers read the stored documents instead. */
  events: Events | null;
  /** A folder for files that are being written. The entry empties it. */
  scratchFolder: string;
  limits: {
    image: ImageLimits;
    tilesMax: number;
    /** Tiles that one execution or one shard analyzes at once. */
    tileConcurrency: number;
    /** The most tiles in a shard of a new execution: contract/protocol.ts. */
    shardTilesMax: number;
    /** Shards of one execution that run at once. */
    shardConcurrency: number;
    progressEveryMs: number;
  };
  /** The name under which this function invokes itself. */
  functionName: string;
}

export interface ExecutionFilter {
  states?: readonly ExecutionState['state'][];
  startedAfter?: Date;
  startedBefore?: Date;
  /** `false` if missing: the oldest come first. */
  newestFirst?: boolean;
  limit?: number;
  /** From the previous page. */
  cursor?: string;
}

/** An event in the history of an execution, by the service's names: `StepStarted`, `ContextSucceeded`, `InvocationCompleted`. */
export interface ExecutionEvent {
  type: string;
  at: Date;
  id?: string;
  parentId?: string;
  name?: string;
  subType?: string;
  error?: { type: string; message: string };
}

/** A launcher that also lists executions and their history. */
export interface LauncherWithHistory extends Launcher {
  /** `cursor` is null on the last page. A limit outside 1 to 1,000 throws a UserError. */
  list(filter: ExecutionFilter): Promise<{ executions: { executionId: string; state: ExecutionState }[]; cursor: string | null }>;
  /** The oldest event first. `null` if no execution has that name. */
  history(
    executionId: string,
    page: { limit?: number; cursor?: string },
  ): Promise<{ events: ExecutionEvent[]; cursor: string | null } | null>;
}
