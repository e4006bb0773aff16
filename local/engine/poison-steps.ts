// What a crash means to the execution: the steps that were being worked on are suspects, and one that crashed alone is given up.
import type { WireOperation } from '@aws/durable-execution-sdk-js';
import type { Store } from './engine-store.ts';
import { type Executions, failed } from './execution-lifecycle.ts';
import { applyUpdate } from './state-machine.ts';
import type { Body } from './step-gate.ts';

/** A step gets three attempts, however they end. The second and third are alone: see body-gate.ts. */
export const STEP_CRASHES_MAX = 3;
/** An invocation that crashes this often in a row, without one checkpoint in between, will not get any further. */
const CRASHES_MAX = 8;

export interface CrashRules {
  /** `inFlight`: what the lost process worked on; empty when the process is not to blame. */
  crashed(arn: string, inFlight: readonly Body[]): { crashes: number; news: string[]; givenUp: string[] };
}

export function crashRules({
  store,
  executions,
  nowMs,
}: {
  store: Store;
  executions: Executions;
  nowMs: () => number;
}): CrashRules {
  /** False when the step cannot be failed yet (its parent is not on disk) or any more. */
  function giveUp(arn: string, { id, name, subType, parentId }: Body): boolean {
    const parent = parentId ? store.operation(arn, parentId) : null;
    const before = store.operation(arn, id);
    if ((parentId && !parent) || (before && before.Status !== 'STARTED' && before.Status !== 'READY')) return false;
    const step: Pick<WireOperation, 'Id' | 'ParentId' | 'Name' | 'SubType'> = {
      Id: id,
      ...(parentId !== undefined && { ParentId: parentId }),
      ...(name !== undefined && { Name: name }),
      SubType: subType ?? 'Step',
    };
    // An AnswerError costs this step and not the execution, and its sentence may be shown as the reason of the gap.
    const sentence = `The worker process ended ${STEP_CRASHES_MAX} times while it worked on this; it is not tried again.`;
    const error = { ErrorType: 'AnswerError', ErrorMessage: sentence };
    const update = { ...step, Type: 'STEP', Action: 'FAIL', Error: error } as const;
    store.putOperation(arn, applyUpdate(before, parent, update, nowMs()).operation, null);
    return true;
  }

  return {
    crashed: (arn, inFlight) =>
      store.transaction(() => {
        const before = store.suspects(arn);
        const givenUp: string[] = [];
        for (const body of inFlight) {
          const times = (before.get(body.id) ?? 0) + 1;
          store.putSuspect(arn, body.id, times);
          const culprit = inFlight.length === 1 && times >= STEP_CRASHES_MAX;
          if (culprit && giveUp(arn, body)) givenUp.push(body.name ?? body.id);
        }
        const crashes = givenUp.length > 0 ? 0 : (store.execution(arn)?.crashes ?? 0) + 1;
        store.setCrashes(arn, crashes);
        const sentence = `The analysis crashed ${CRASHES_MAX} times in a row at the same place. The log of this server says why.`;
        const news = crashes >= CRASHES_MAX ? executions.end(arn, failed('UserError', sentence)) : [];
        return { crashes, news, givenUp };
      }),
  };
}
