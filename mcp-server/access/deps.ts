// What the tools need, as one object of ports. Entries fill it.
import type { Progress } from '../../pipeline/contract/schemas.ts';
import type { Cores } from '../../pipeline/planning/cost.ts';
import type {
  Blobs,
  CallbackAnswers,
  Clock,
  Detectors,
  ImageSources,
  Launcher,
  Links,
  Log,
  PipelineDeps,
  Removal,
} from '../../pipeline/ports.ts';
import type { ProgressReader } from '../../pipeline/progress/progress-reader.ts';
import type { ModelOffer } from './model-policy.ts';

/** An authenticated principal. */
export interface Caller {
  /** Unique and permanent: AIDA… for an IAM user, AROA… for a role. */
  id: string;
  /** For people: its ARN, or the name of a local key. */
  name: string;
}

/** Throw a UserError if the caller would hold more than this deployment allows. */
export interface Quotas {
  checkUpload(owner: string | null, bytes: number): Promise<void>;
  checkStart(owner: string | null): Promise<void>;
}

/** What view_region shows. */
export interface ViewPolicy {
  /** Images that were not analyzed are shown only once the moderation model allows them. */
  moderated: boolean;
  /** The longer side of a view that the model behind a client sees without shrinking it. */
  edgePxFor(client: string | null): number;
}

export interface ToolDeps {
  /** Aborted once the answer of this call is no longer wanted: the client has gone or the server stops. */
  signal?: AbortSignal;
  /** Called with the states of an execution while a call waits for it. */
  onProgress?: ((state: Progress) => Promise<void>) | undefined;
  blobs: Blobs;
  removal: Removal;
  links: Links;
  launcher: Launcher;
  callbacks: CallbackAnswers;
  images: ImageSources;
  progress: ProgressReader;
  /** `null` if requests are not authenticated. */
  caller: Caller | null;
  /** The owner of the executions, uploads and indexes that the caller sees (keys.ts); `null` if they are shared by all. */
  owner: string | null;
  /** Names this deployment among those that share a launcher: a bucket's name is unique. `null` if the launcher is its own. */
  deployment: string | null;
  models: ModelOffer;
  detectors: Detectors;
  /** The most that one execution may spend; `null` if there is no limit. */
  costUsdMax: number | null;
  views: ViewPolicy;
  /** The name of the client program, as it states it; `null` if it states none. */
  client: string | null;
  /** For copies of images that are read. */
  scratchFolder: string;
  /** The limits of the pipeline: a request that the pipeline would refuse is refused before the launch. */
  limits: Pick<PipelineDeps['limits'], 'image' | 'tilesMax' | 'tileConcurrency' | 'shardConcurrency'>;
  /** What local models run on, for the duration that dry_run estimates. */
  cores: Cores;
  /** The largest image that a tool copies to the temporary disk to read it; `null` if there is no limit. */
  copiedBytesMax: number | null;
  /** `null` if there is no limit. */
  quotas: Quotas | null;
  /** The server ends with its client, and continues analyses at its next start. */
  endsWithClient?: boolean;
  clock: Clock;
  log: Log;
}
