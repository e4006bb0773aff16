// What a task of a transcript is.
import type { Vision } from '../../pipeline/ports.ts';
import type { RecordedClient } from './recorded-client.ts';

export interface Task {
  title: string;
  /** Draws the image into a folder that the server may read, and starts what the server needs. */
  prepare(folder: string): Promise<Prepared>;
}

export interface Prepared {
  /** The right answer. */
  expected: string;
  /** For the server and its workers. */
  environment: Record<string, string>;
  /** What the agent does, and its answer; `null` if it has none. `eyes` read text. */
  solve(client: RecordedClient, eyes: Vision): Promise<string | null>;
  close?(): void;
}
