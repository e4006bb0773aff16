// A Vision around a Vision that bears with throttling: fewer calls at once while it lasts, and each repeated until it goes through.
import type { ModelId } from '../contract/schemas.ts';
import type { Vision } from '../ports.ts';
import { type Pace, type ThrottleGate, throttleGate } from './throttle-gate.ts';

/** A third of the 15 minutes that an invocation may take: what is throttled for longer is given up by its step. */
const BUDGET_MS = 300_000;

const MACHINE_PACE: Pace = {
  now: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms))),
  random: Math.random,
};

/** Every model has a gate of its own, of at most `concurrencyMax` calls. Failures other than throttling rise at once. */
export function throttledVision(vision: Vision, concurrencyMax: number, pace: Pace = MACHINE_PACE): Vision {
  const gates = new Map<ModelId, ThrottleGate>();
  const gateOf = (model: ModelId): ThrottleGate => {
    const gate = gates.get(model) ?? throttleGate(concurrencyMax, BUDGET_MS, pace);
    gates.set(model, gate);
    return gate;
  };
  return {
    moderate: (model, image) => gateOf(model).through(() => vision.moderate(model, image)),
    detect: (model, tile, ask) => gateOf(model).through(() => vision.detect(model, tile, ask)),
    verify: (model, crop, doubt) => gateOf(model).through(() => vision.verify(model, crop, doubt)),
    summarize: (model, material) => gateOf(model).through(() => vision.summarize(model, material)),
  };
}
