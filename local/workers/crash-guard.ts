// Tells the engine which steps run, from inside the SDK: its instrumentation is awaited before every attempt of a step.
import type { DurableInstrumentationPlugin } from '@aws/durable-execution-sdk-js';
import type { BodyGate } from '../engine/step-gate.ts';

export function crashGuard(gate: BodyGate): DurableInstrumentationPlugin {
  return {
    async wrapOperationAttemptFn({ id, name, subType, parentId }, body) {
      // A gate that does not answer belongs to an invocation that is over: nothing is lost by going on.
      await gate.bodyBegins({ id, name, subType, parentId }).catch(() => {});
      return await body();
    },
  };
}
