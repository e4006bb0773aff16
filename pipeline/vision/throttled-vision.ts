// Wraps a Vision for services that throttle: a throttled model gets fewer calls at once, and a throttled call is repeated.
import type { ModelId } from '../contract/schemas.ts';
import type { Vision } from '../ports.ts';
import type { Through } from './llm/model.ts';
import { type Pace, type ThrottleGate, throttleGate } from './throttle-gate.ts';

/** A call that is throttled for longer ends its step, and the durable engine waits: no process is held for more than 2 s. */
export const BUDGET_MS = 1_500;

const MACHINE_PACE: Pace = {
  now: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms))),
  random: Math.random,
};

/** Every model has a gate of its own, with at most `concurrencyMax` calls. Other failures are thrown at once. */
export function throttleGates(concurrencyMax: number, pace: Pace = MACHINE_PACE): Through {
  const gates = new Map<ModelId, ThrottleGate>();
  return async (model, call) => {
    const gate = gates.get(model) ?? throttleGate(concurrencyMax, BUDGET_MS, pace);
    gates.set(model, gate);
    return await gate.through(call);
  };
}

/** For a Vision each of whose answers takes one call. A language model may need several: its provider gates each of them. */
export function throttledVision(vision: Vision, through: Through): Vision {
  const locate = vision.locate?.bind(vision);
  const judge = vision.judge?.bind(vision);
  return {
    moderate: (model, image) => through(model, () => vision.moderate(model, image)),
    detect: (model, tile, ask, mayContinue) => through(model, () => vision.detect(model, tile, ask, mayContinue)),
    ...(locate && { locate: (model, image, question) => through(model, () => locate(model, image, question)) }),
    verify: (model, crop, task) => through(model, () => vision.verify(model, crop, task)),
    ...(judge && { judge: (model, crop, question) => through(model, () => judge(model, crop, question)) }),
    summarize: (model, material) => through(model, () => vision.summarize(model, material)),
  };
}
