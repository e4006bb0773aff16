// What the domain needs from the world. Adapters stand behind these; entries choose them.
import type { AnalysisRequest, Ask, Box, Detection, Finding, ModelId, Usage } from './contract/schemas.ts';
import type { ImageLimits } from './planning/image-limits.ts';
import type { LiveEvent } from './progress/events.ts';

export interface BlobHead {
  bytes: number;
  /** Changes whenever the bytes do. */
  version: string;
}

/** A local copy of an object, or the object itself. Read only. `release` removes what was copied, if anything was. */
export interface LocalFile {
  path: string;
  release(): Promise<void>;
}

/** The only store: one bucket, or one folder. A key is relative, `/`-separated, without `.` or `..` segments. */
export interface Blobs {
  /** Null when there is no such object. */
  head(key: string): Promise<BlobHead | null>;
  /** The whole object; null when there is none. For small ones: documents, overviews. */
  get(key: string): Promise<Uint8Array | null>;
  /** `length` bytes from `start`. Throws when the object is missing or ends before. */
  getRange(key: string, start: number, length: number): Promise<Uint8Array>;
  /** Readers see the old object or the new one, never a part. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Puts only where nothing is: of several at once, one is true. False, and nothing is changed, when something is there. */
  putNew(key: string, bytes: Uint8Array): Promise<boolean>;
  /** Like `put`, from a file, which may be moved away by it. */
  putFile(key: string, path: string): Promise<void>;
  materialize(key: string): Promise<LocalFile>;
  /** Keys directly below `folder` (which ends in `/`), ascending by bytes, those behind `after` only; at most `limit`, 1 to 1,000. */
  list(folder: string, page: { after?: string; limit: number }): Promise<string[]>;
}

/** Links that let a client read or write one object for a while, without any other right. */
export interface Links {
  /** The client sends these headers and exactly `bytesMax` bytes with PUT. */
  forPut(key: string, limit: { bytesMax: number; expiresInS: number }): Promise<{ url: string; headers: Record<string, string> }>;
  forGet(key: string, limit: { expiresInS: number }): Promise<string>;
}

/** Finds the image that a caller named, if this deployment may read it. */
export interface ImageSources {
  /** Throws a UserError that lists what may be named. */
  resolve(image: string): Promise<AnalysisRequest['image']>;
}

/** JPEG bytes as stored, with their size in pixels. */
export interface Jpeg {
  bytes: Uint8Array;
  width: number;
  height: number;
}

export interface DetectionAnswer {
  /** Boxes in pixels of the tile. */
  detections: Detection[];
  usage: Usage;
  /** How many boxes reached out of the tile and were cut to it. */
  clipped: number;
  /** How the request was understood, where that is not obvious. The same sentence for every tile is reported once. */
  notes: string[];
}

/** A verdict is a result, not an exception. No verdict at all is an exception. */
export type ModerationAnswer = ({ allowed: true } | { allowed: false; category: string; score: number }) & { usage: Usage };

/** What a second look is asked: is it there, and is it that? `boxInCrop` is in pixels of the crop. */
export interface Doubt {
  ask: Ask;
  finding: Pick<Finding, 'label' | 'description' | 'score' | 'severity' | 'text'>;
  boxInCrop: Box;
}

/** A second look's verdict. `corrected` says in full what is there instead, with its box in pixels of the crop. */
export type SecondLook = (
  | { verdict: 'confirmed' | 'rejected' }
  | { verdict: 'corrected'; instead: Pick<Finding, 'label' | 'description' | 'severity' | 'text'>; boxInCrop: Box }
) & { usage: Usage };

export interface SummaryMaterial {
  ask: Ask;
  image: { width: number; height: number };
  findings: readonly Finding[];
  tiles: { total: number; done: number; blank: number; failed: number };
  /** The whole image, small. Fetched only by models that look at it. */
  overview(): Promise<Jpeg>;
}

/**
 * What looks at images. `model` names which one. Throws a UserError for what no other tile would survive either (an unknown
 * model, no access), a TransientError for what may pass, an AnswerError for an answer that cannot be used.
 */
export interface Vision {
  moderate(model: ModelId, image: Jpeg): Promise<ModerationAnswer>;
  detect(model: ModelId, tile: Jpeg, ask: Ask): Promise<DetectionAnswer>;
  verify(model: ModelId, crop: Jpeg, doubt: Doubt): Promise<SecondLook>;
  /** May cite ids of findings; whoever shows it checks that they exist. */
  summarize(model: ModelId, material: SummaryMaterial): Promise<{ summary: string; usage: Usage }>;
}

/** The state of one durable execution, as its control plane knows it. */
export type ExecutionState =
  | { state: 'running'; startedAt: Date }
  | { state: 'succeeded'; startedAt: Date; endedAt: Date }
  | { state: 'failed' | 'stopped' | 'timed-out'; startedAt: Date; endedAt: Date; error: { type: string; message: string } };

/** Starts and watches executions. The execution's name is `request.execution_id`. */
export interface Launcher {
  /** The same request again: the existing execution, `created: false`. Another request under the same name: a UserError. */
  start(request: AnalysisRequest): Promise<{ created: boolean }>;
  /** Null when no execution has that name. */
  describe(executionId: string): Promise<ExecutionState | null>;
  /** Code that runs is not interrupted, but nothing that it does counts any more. Null when no execution has that name. */
  stop(executionId: string, reason: { type: string; message: string }): Promise<ExecutionState | null>;
}

/** Downloads images from hosts and buckets that this deployment allows. */
export interface ImageDownloads {
  /**
   * Streams the image at `url` into the file `path`, at most `bytesMax` bytes. `version` was found when the image was named: a
   * source that knows versions accepts no other. Throws a UserError if the address is not allowed, leads inside a network, answers
   * without the image or sends more; a TransientError for what may pass. A failure leaves no file.
   */
  download(url: string, path: string, bytesMax: number, version?: string): Promise<void>;
}

export interface Clock {
  now(): Date;
}

/** Structured: one sentence and its facts. */
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

/** Sums over all executions, for dashboards and alarms. After a crash, a part may be told twice. */
export interface Metrics {
  add(name: MetricName, value: number): void;
  /** Until then values may be kept back. */
  flush(): void;
}

/** Tells whoever listens how an execution goes. At least once: after a crash events are told again, under the same ids. */
export interface Events {
  /** Returns at once and never throws: the execution does not wait for its audience. */
  publish(events: readonly LiveEvent[]): void;
  /** Resolves when everything is told, or soon after all the same. */
  flush(): Promise<void>;
}

/** What one run of the pipeline needs. */
export interface PipelineDeps {
  blobs: Blobs;
  imageDownloads: ImageDownloads;
  vision: Vision;
  clock: Clock;
  log: Log;
  /** Null where nobody looks at them. */
  metrics: Metrics | null;
  /** Null where nobody listens, or whoever does reads the stored objects. */
  events: Events | null;
  /** A folder for files that are being written; whoever starts the process empties it. */
  scratchFolder: string;
  limits: {
    image: ImageLimits;
    tilesMax: number;
    /** Tiles that one execution, or one shard, looks at at once. */
    tileConcurrency: number;
    /** Shards of one execution that run at once. */
    shardConcurrency: number;
    progressEveryMs: number;
  };
  /** The name under which this function can invoke itself. */
  functionName: string;
}

export interface ExecutionFilter {
  states?: readonly ExecutionState['state'][];
  startedAfter?: Date;
  startedBefore?: Date;
  /** The oldest come first, unless this is true. */
  newestFirst?: boolean;
  limit?: number;
  /** From the page before. */
  cursor?: string;
}

/** What happened in an execution, by the names of the service: `StepStarted`, `ContextSucceeded`, `InvocationCompleted`. */
export interface ExecutionEvent {
  type: string;
  at: Date;
  id?: string;
  parentId?: string;
  name?: string;
  subType?: string;
  error?: { type: string; message: string };
}

/** A Launcher that can also look back. */
export interface LauncherWithHistory extends Launcher {
  /** `cursor` is null on the last page. A limit outside 1 to 1,000 throws a UserError. */
  list(filter: ExecutionFilter): Promise<{ executions: { executionId: string; state: ExecutionState }[]; cursor: string | null }>;
  /** The oldest event first. Null when no execution has that name. */
  history(
    executionId: string,
    page: { limit?: number; cursor?: string },
  ): Promise<{ events: ExecutionEvent[]; cursor: string | null } | null>;
}
