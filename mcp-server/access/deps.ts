// What the tools need from the world, as one object of ports. Entries fill it.
import type { Blobs, Clock, ImageSources, Launcher, Links, Log, PipelineDeps } from '../../pipeline/ports.ts';
import type { ModelOffer } from './model-policy.ts';

/** An authenticated principal. */
export interface Caller {
  /** The same for ever, and nobody else's: AIDA… of an IAM user, AROA… of a role. */
  id: string;
  /** For people: its ARN, or the name that a local key has. */
  name: string;
}

export interface ToolDeps {
  blobs: Blobs;
  links: Links;
  launcher: Launcher;
  images: ImageSources;
  /** Who asks; null where nobody is asked to say so. */
  caller: Caller | null;
  /** Whose executions, uploads and indexes these are, as keys.ts tells owners apart; null: those of all. */
  owner: string | null;
  models: ModelOffer;
  /** The most that one execution may spend; null: no limit. */
  costUsdMax: number | null;
  /** As the pipeline has them: what it would refuse is refused before it is launched. */
  limits: Pick<PipelineDeps['limits'], 'image' | 'tilesMax' | 'tileConcurrency' | 'shardConcurrency'>;
  /** Of an image that dry_run copies to read its header: what the temporary disk holds; null: no limit. */
  dryRunBytesMax: number | null;
  clock: Clock;
  log: Log;
}
