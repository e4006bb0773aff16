// Time of an engine that runs faster than the machine's: waits and their order stay, and take a fraction.
import type { EngineOptions } from '../../local/engine/engine.ts';

export function fastTime(factor: number): Required<Pick<EngineOptions, 'clock' | 'afterDelay'>> {
  const begunMs = Date.now();
  return {
    clock: { now: () => new Date(begunMs + (Date.now() - begunMs) * factor) },
    afterDelay(ms, work) {
      const timer = setTimeout(work, ms / factor);
      return () => clearTimeout(timer);
    },
  };
}
