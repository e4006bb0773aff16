// Finds poison steps, which crash their process: the steps in flight in a crash are suspects, and a suspect that keeps crashing
// alone is failed. Must not know processes.
import type { OperationUpdate } from '@aws/durable-execution-sdk-js';
import { type ExecutionLifecycle, failure } from './execution-lifecycle.ts';
import { applyUpdate } from './state-machine.ts';
import type { StepAttempt } from './step-gate.ts';
import type { Store } from './store/engine-store.ts';

/** A step gets three attempts, however they end. From the second on, it runs alone: see step-gate.ts. */
const STEP_CRASHES_MAX = 3;
/** An execution that crashes this often without one checkpoint in between makes no progress. */
const CRASHES_MAX = 8;

export interface PoisonSteps {
  /** `inFlight`: the steps that the lost process was running; empty if they cannot be the cause. `failed`: names of failed steps. */
  recordCrash(arn: string, inFlight: readonly StepAttempt[]): { crashes: number; affected: string[]; failed: string[] };
}

export interface PoisonStepsDeps {
  store: Store;
  lifecycle: ExecutionLifecycle;
  nowMs: () => number;
}

export function poisonSteps({ store, lifecycle, nowMs }: PoisonStepsDeps): PoisonSteps {
  /** Returns false if the step cannot be failed: its parent is not on disk yet, or the step has ended. */
  function fail(arn: string, { id, name, subType, parentId }: StepAttempt): boolean {
    const parent = parentId ? store.operation(arn, parentId) : null;
    const before = store.operation(arn, id);
    if ((parentId && !parent) || (before && before.Status !== 'STARTED' && before.Status !== 'READY')) return false;
    const update: OperationUpdate & { Id: string } = {
      Id: id,
      ParentId: parentId,
      Name: name,
      SubType: subType ?? 'Step',
      Type: 'STEP',
      Action: 'FAIL',
      // An AnswerError fails this step and not the execution; its message may be shown as the reason of a gap.
      Error: {
        ErrorType: 'AnswerError',
        ErrorMessage: `The worker process crashed ${STEP_CRASHES_MAX} times during this step. The step is not retried.`,
      },
    };
    store.putOperation(arn, applyUpdate(before, parent, update, nowMs()).operation, null);
    return true;
  }

  return {
    recordCrash: (arn, inFlight) =>
      store.transaction(() => {
        const suspects = store.suspects(arn);
        const failed: string[] = [];
        for (const step of inFlight) {
          const stepCrashes = (suspects.get(step.id) ?? 0) + 1;
          store.putSuspect(arn, step.id, stepCrashes);
          const isCulprit = inFlight.length === 1 && stepCrashes >= STEP_CRASHES_MAX;
          if (isCulprit && fail(arn, step)) failed.push(step.name ?? step.id);
        }
        const execution = store.execution(arn);
        if (!execution) throw new Error(`No execution has the ARN ${arn}.`);
        const crashes = failed.length > 0 ? 0 : execution.crashes + 1;
        store.setCrashes(arn, crashes);
        const message = `The analysis crashed ${CRASHES_MAX} times in a row at the same point. See the server log for the cause.`;
        const affected = crashes >= CRASHES_MAX ? lifecycle.end(arn, failure('UserError', message)) : [];
        return { crashes, affected, failed };
      }),
  };
}
