// Measures how long a language model takes for a tile, with as many calls at once as a run makes: for the estimates of later analyses.
import type { ModelId } from '../contract/schemas.ts';
import { documents, writeDocument } from '../documents.ts';
import type { PipelineDeps } from '../ports.ts';
import { isLocal } from '../providers/prices.ts';

/** A few calls are no measure: the first one of a local server loads its model. */
const CALLS_MIN = 8;

export interface PaceMeter {
  add(model: ModelId, callMs: number): void;
  /** Stores what was measured since the invocation began. Never throws: the analysis does not depend on it. */
  store(): Promise<void>;
}

export function paceMeter({ blobs, clock, log }: Pick<PipelineDeps, 'blobs' | 'clock' | 'log'>): PaceMeter {
  const measured = new Map<ModelId, { calls: number; ms: number }>();
  return {
    add(model, callMs) {
      if (isLocal(model)) return; // its pace follows from the cores
      const { calls, ms } = measured.get(model) ?? { calls: 0, ms: 0 };
      measured.set(model, { calls: calls + 1, ms: ms + callMs });
    },
    async store() {
      const measured_at = clock.now().toISOString();
      for (const [model, { calls, ms }] of measured) {
        if (calls < CALLS_MIN) continue;
        const pace = { seconds_per_tile: ms / calls / 1_000, calls, measured_at };
        await writeDocument(documents.pace(model), pace, blobs).catch((error: unknown) => {
          log.warn({ error, model }, 'The measured pace of a model could not be stored; the analysis continues.');
        });
      }
    },
  };
}
