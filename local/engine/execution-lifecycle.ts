// Begins and ends executions, and passes the outcome of one to the execution that invoked it. Call inside a transaction.
import { randomUUID } from 'node:crypto';
import type { ErrorObject } from '@aws/durable-execution-sdk-js';
import { applyOutcome, type Outcome } from './state-machine.ts';
import type { Store } from './store/engine-store.ts';

export interface ExecutionLifecycle {
  /** Returns the ARN of the new execution. */
  begin(request: { name: string; functionName: string; input: string; parent: { arn: string; id: string } | null }): string;
  /**
   * An execution that is stopped or times out also stops those that it invoked: nothing waits for their results. Returns the ARNs of
   * the affected executions: the ended ones and the one that waited for it. Empty if it had already ended.
   */
  end(arn: string, outcome: Outcome): string[];
}

export interface ExecutionLifecycleDeps {
  store: Store;
  nowMs: () => number;
  executionTimeoutMs: number;
}

export function executionLifecycle({ store, nowMs, executionTimeoutMs }: ExecutionLifecycleDeps): ExecutionLifecycle {
  function end(arn: string, outcome: Outcome): string[] {
    const row = store.execution(arn);
    if (row?.status !== 'RUNNING') return [];
    const { status, result = null } = outcome;
    const error = outcome.error ? JSON.stringify(outcome.error) : null;
    store.endExecution(arn, { status, result, error, ended_at: nowMs() });
    const isFromOutside = status === 'STOPPED' || status === 'TIMED_OUT';
    const invoked = isFromOutside ? store.invokedBy(arn).flatMap((child) => end(child.arn, { status: 'STOPPED' })) : [];
    const parent = row.parent_arn && row.parent_id ? store.operation(row.parent_arn, row.parent_id) : null;
    const updated = parent && applyOutcome(parent, outcome, nowMs());
    if (!row.parent_arn || !updated) return [arn, ...invoked];
    store.putOperation(row.parent_arn, updated, null);
    return [arn, row.parent_arn, ...invoked];
  }

  return {
    begin({ name, functionName, input, parent }) {
      const arn = `arn:aws:lambda:local:000000000000:function:${functionName}:1/durable-execution/${name}/${randomUUID()}`;
      const startedMs = nowMs();
      store.insertExecution({
        arn,
        name,
        function: functionName,
        input,
        started_at: startedMs,
        deadline_at: startedMs + executionTimeoutMs,
        bytes: Buffer.byteLength(input),
        parent_arn: parent?.arn ?? null,
        parent_id: parent?.id ?? null,
      });
      const first = {
        Id: randomUUID(),
        Type: 'EXECUTION',
        Status: 'STARTED',
        StartTimestamp: new Date(startedMs).toISOString(),
        ExecutionDetails: { InputPayload: input },
      } as const;
      store.putOperation(arn, first, null);
      store.takeChanged(arn); // an invocation gets the input as part of its state, not as a change
      return arn;
    },
    end,
  };
}

export function failure(type: string, message: string, status: 'FAILED' | 'TIMED_OUT' = 'FAILED'): Outcome {
  const error: ErrorObject = { ErrorType: type, ErrorMessage: message };
  return { status, error };
}
