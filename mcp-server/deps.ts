// What the tools need from the world, as one object of ports. Entries fill it.
import type { Blobs, Clock, Launcher, Links, Log, Pictures, PipelineDeps } from '../pipeline/ports.ts';
import type { ModelOffer } from './model-choice.ts';

export interface ToolDeps {
  blobs: Blobs;
  links: Links;
  launcher: Launcher;
  pictures: Pictures;
  models: ModelOffer;
  /** The most that one execution may spend; null: no limit. */
  costUsdMax: number | null;
  /** As the pipeline has them: what it would refuse is refused before it is launched. */
  limits: Pick<PipelineDeps['limits'], 'picture' | 'tilesMax' | 'tileConcurrency' | 'shardConcurrency'>;
  clock: Clock;
  log: Log;
}
