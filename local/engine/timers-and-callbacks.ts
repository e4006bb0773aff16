// Timers, callback results and the execution timeout: everything that changes an execution between invocations.
import { type ExecutionLifecycle, failure } from './execution-lifecycle.ts';
import { checkAnswer, checkExecution, ServiceError } from './service-limits.ts';
import { applyOutcome, applyTimer, type Outcome } from './state-machine.ts';
import type { CallbackRow, ExecutionRow, StoredOperation } from './store/engine-rows.ts';
import type { Store } from './store/engine-store.ts';

export interface TimersAndCallbacks {
  /** Fires every timer that is due. Returns the ARNs of the affected executions. */
  fireTimers(): string[];
  /**
   * Returns the ARNs of the affected executions. Throws a ServiceError if the callback is unknown or no longer open, or the answer is
   * too large, also for what the execution holds.
   */
  completeCallback(callbackId: string, outcome: Outcome): string[];
  /** Throws a ServiceError if the callback is unknown or no longer open. */
  heartbeat(callbackId: string): void;
}

export interface TimersAndCallbacksDeps {
  store: Store;
  lifecycle: ExecutionLifecycle;
  nowMs: () => number;
}

export function timersAndCallbacks({ store, lifecycle, nowMs }: TimersAndCallbacksDeps): TimersAndCallbacks {
  function openCallback(callbackId: string): { callback: CallbackRow; operation: StoredOperation } {
    const callback = store.callback(callbackId);
    if (!callback) throw new ServiceError('ResourceNotFoundException', 'No callback has this id.');
    const running = store.execution(callback.arn)?.status === 'RUNNING';
    const operation = running ? store.operation(callback.arn, callback.id) : null;
    if (operation?.Status === 'STARTED') return { callback, operation };
    throw new ServiceError('CallbackTimeoutException', 'The callback has already ended.');
  }

  function timeOut({ arn, started_at, deadline_at }: ExecutionRow): string[] {
    const seconds = deadline_at === null ? 0 : (deadline_at - started_at) / 1_000;
    const outcome = failure('ExecutionTimeout', `The execution did not end within ${seconds} s.`, 'TIMED_OUT');
    return lifecycle.end(arn, outcome);
  }

  function afterTimer(arn: string, operation: StoredOperation): StoredOperation | null {
    if (operation.Type !== 'CALLBACK') return applyTimer(operation, nowMs());
    const timeoutAt = store.callbackOf(arn, operation.Id)?.timeout_at ?? null;
    const isPastTimeout = timeoutAt !== null && timeoutAt <= nowMs();
    const message = isPastTimeout ? 'Callback timed out' : 'Callback timed out on heartbeat';
    return applyOutcome(operation, { status: 'TIMED_OUT', error: { ErrorMessage: message } }, nowMs());
  }

  return {
    fireTimers: () =>
      store.transaction(() => {
        const affected = store.overdue(nowMs()).flatMap(timeOut);
        for (const { arn, operation } of store.due(nowMs())) {
          const updated = afterTimer(arn, operation);
          if (updated) store.putOperation(arn, updated, null);
          else store.setWake(arn, operation.Id, null);
          affected.push(arn);
        }
        return [...new Set(affected)];
      }),
    completeCallback: (callbackId, outcome) =>
      store.transaction(() => {
        const answerBytes = checkAnswer(outcome);
        const { callback, operation } = openCallback(callbackId);
        const row = store.execution(callback.arn);
        if (row) {
          const size = { operations: row.operations, bytes: row.bytes + answerBytes };
          checkExecution(size);
          store.setSize(callback.arn, size);
        }
        const updated = applyOutcome(operation, outcome, nowMs());
        if (updated) store.putOperation(callback.arn, updated, null);
        return [callback.arn];
      }),
    heartbeat: (callbackId) =>
      store.transaction(() => {
        const { arn, id, timeout_at, heartbeat_ms } = openCallback(callbackId).callback;
        if (heartbeat_ms === null) return;
        store.setWake(arn, id, Math.min(timeout_at ?? Number.MAX_SAFE_INTEGER, nowMs() + heartbeat_ms));
      }),
  };
}
