// What the tools need from the world, as one object of ports. Entries fill it.
import type { AnalysisRequest } from '../pipeline/core/contract.ts';
import type { Blobs, Clock, Launcher, Links, Log, Pictures } from '../pipeline/ports.ts';

export interface ToolDeps {
  blobs: Blobs;
  links: Links;
  launcher: Launcher;
  pictures: Pictures;
  /** Used when a request names none. */
  models: AnalysisRequest['models'];
  clock: Clock;
  log: Log;
}
