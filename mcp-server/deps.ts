// What the tools need from the world, as one object of ports. Entries fill it.
import type { Blobs, Clock, Launcher, Links, Log, Pictures } from '../pipeline/ports.ts';
import type { ModelOffer } from './model-choice.ts';

export interface ToolDeps {
  blobs: Blobs;
  links: Links;
  launcher: Launcher;
  pictures: Pictures;
  models: ModelOffer;
  clock: Clock;
  log: Log;
}
