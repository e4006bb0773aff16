// How an execution begins and ends, and what its end means to the one that waits for it. Called inside a transaction.
import { randomUUID } from 'node:crypto';
import type { ErrorObject } from '@aws/durable-execution-sdk-js';
import type { Store } from './engine-store.ts';
import { applyOutcome, type Outcome } from './state-machine.ts';

export interface Executions {
  /** The arn of the new execution. */
  begin(request: { name: string; functionName: string; input: string; parent: { arn: string; id: string } | null }): string;
  /** The arns that have news now: the one that ended, and the one that waited for it. None when it had ended before. */
  end(arn: string, outcome: Outcome): string[];
}

export interface ExecutionsDeps {
  store: Store;
  nowMs: () => number;
  executionTimeoutMs: number;
}

export function executions({ store, nowMs, executionTimeoutMs }: ExecutionsDeps): Executions {
  return {
    begin({ name, functionName, input, parent }) {
      const arn = `arn:aws:lambda:local:000000000000:function:${functionName}:1/durable-execution/${name}/${randomUUID()}`;
      const started_at = nowMs();
      store.insertExecution({
        ...{ arn, name, input, started_at },
        function: functionName,
        deadline_at: started_at + executionTimeoutMs,
        bytes: Buffer.byteLength(input),
        parent_arn: parent?.arn ?? null,
        parent_id: parent?.id ?? null,
      });
      const first = { Id: randomUUID(), Type: 'EXECUTION', Status: 'STARTED', StartTimestamp: iso(started_at) } as const;
      store.putOperation(arn, { ...first, ExecutionDetails: { InputPayload: input } }, null);
      store.takeChanged(arn); // the input comes first in the state, and is no news
      return arn;
    },
    end(arn, outcome) {
      const row = store.execution(arn);
      if (row?.status !== 'RUNNING') return [];
      const { status, result = null } = outcome;
      const error = outcome.error ? JSON.stringify(outcome.error) : null;
      store.endExecution(arn, { status, result, error, ended_at: nowMs() });
      const parent = row.parent_arn && row.parent_id ? store.operation(row.parent_arn, row.parent_id) : null;
      const told = parent && applyOutcome(parent, outcome, nowMs());
      if (!row.parent_arn || !told) return [arn];
      store.putOperation(row.parent_arn, told, null);
      return [arn, row.parent_arn];
    },
  };
}

export function failed(type: string, sentence: string, status: 'FAILED' | 'TIMED_OUT' = 'FAILED'): Outcome {
  const error: ErrorObject = { ErrorType: type, ErrorMessage: sentence };
  return { status, error };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
