// What the tools need from the world, as one object of ports. Entries fill it.
import type { Blobs, Clock, Launcher, Links, Log, Pictures, PipelineDeps } from '../pipeline/ports.ts';
import type { Caller } from './callers.ts';
import type { ModelOffer } from './model-choice.ts';

export interface ToolDeps {
  blobs: Blobs;
  links: Links;
  launcher: Launcher;
  pictures: Pictures;
  /** Who asks; null where nobody is asked to say so. */
  caller: Caller | null;
  /** Whose executions, uploads and indexes these are, as keys.ts tells owners apart; null: those of all. */
  owner: string | null;
  models: ModelOffer;
  /** The most that one execution may spend; null: no limit. */
  costUsdMax: number | null;
  /** As the pipeline has them: what it would refuse is refused before it is launched. */
  limits: Pick<PipelineDeps['limits'], 'picture' | 'tilesMax' | 'tileConcurrency' | 'shardConcurrency'>;
  /** Of a picture that dry_run copies to read its header: what the temporary disk holds; null: no limit. */
  dryRunBytesMax: number | null;
  clock: Clock;
  log: Log;
}
