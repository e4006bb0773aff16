// What happens to an execution while none of its invocations looks: timers, answers to callbacks, its own time limit.

import type { CallbackRow, Store } from './engine-store.ts';
import { type Executions, failed } from './execution-lifecycle.ts';
import { ServiceError } from './service-error.ts';
import { applyOutcome, applyTimer, type Outcome } from './state-machine.ts';

export interface Outside {
  /** Each returns the executions that have news. */
  fireTimers(): string[];
  answerCallback(callbackId: string, outcome: Outcome): string[];
  /** Throws a ServiceError when nobody waits for the callback any more, as the answers do. */
  heartbeat(callbackId: string): void;
}

export function outside({ store, executions, nowMs }: { store: Store; executions: Executions; nowMs: () => number }): Outside {
  function waitingFor(callbackId: string): CallbackRow {
    const callback = store.callback(callbackId);
    if (!callback) throw new ServiceError('ResourceNotFoundException', 'Expected the id of a callback, got an unknown one.');
    const open = store.execution(callback.arn)?.status === 'RUNNING' && store.operation(callback.arn, callback.id);
    if (open && open.Status === 'STARTED') return callback;
    throw new ServiceError('CallbackTimeoutException', 'Expected a callback that is waited for, got one that has ended.');
  }

  return {
    fireTimers: () =>
      store.transaction(() => {
        const news = store
          .overdue(nowMs())
          .flatMap(({ arn, started_at, deadline_at }) =>
            executions.end(
              arn,
              failed(
                'ExecutionTimeout',
                `The execution did not end within ${((deadline_at ?? 0) - started_at) / 1_000} s.`,
                'TIMED_OUT',
              ),
            ),
          );
        for (const { arn, operation } of store.due(nowMs())) {
          const timeoutAt = operation.Type === 'CALLBACK' ? store.callbackOf(arn, operation.Id ?? '')?.timeout_at : null;
          const late = timeoutAt != null && timeoutAt <= nowMs() ? 'Callback timed out' : 'Callback timed out on heartbeat';
          const next =
            operation.Type === 'CALLBACK'
              ? applyOutcome(operation, { status: 'TIMED_OUT', error: { ErrorMessage: late } }, nowMs())
              : applyTimer(operation, nowMs());
          if (next) store.putOperation(arn, next, null);
          else store.setWake(arn, operation.Id ?? '', null);
          news.push(arn);
        }
        return [...new Set(news)];
      }),
    answerCallback: (callbackId, outcome) =>
      store.transaction(() => {
        const { arn, id } = waitingFor(callbackId);
        const operation = store.operation(arn, id);
        const next = operation && applyOutcome(operation, outcome, nowMs());
        if (next) store.putOperation(arn, next, null);
        return [arn];
      }),
    heartbeat: (callbackId) =>
      store.transaction(() => {
        const { arn, id, timeout_at, heartbeat_ms } = waitingFor(callbackId);
        if (heartbeat_ms === null) return;
        store.setWake(arn, id, Math.min(timeout_at ?? Number.MAX_SAFE_INTEGER, nowMs() + heartbeat_ms));
      }),
  };
}
