// Launcher over the local engine.
import type { ErrorObject } from '@aws/durable-execution-sdk-js';
import type { ExecutionState, Launcher } from '../pipeline/ports.ts';
import type { Engine } from './engine.ts';
import type { ExecutionRow } from './store.ts';

export function localLauncher(engine: Engine): Launcher {
  return {
    start: async (request) => engine.startExecution(request.execution_id, JSON.stringify(request)),
    async describe(executionId) {
      const row = engine.describe(executionId);
      return row && stateOf(row);
    },
  };
}

function stateOf({ status, started_at, ended_at, error }: ExecutionRow): ExecutionState {
  const startedAt = new Date(started_at);
  if (status === 'RUNNING' || ended_at === null) return { state: 'running', startedAt };
  const endedAt = new Date(ended_at);
  if (status === 'SUCCEEDED') return { state: 'succeeded', startedAt, endedAt };
  const { ErrorType, ErrorMessage }: ErrorObject = JSON.parse(error ?? '{}');
  const state = status === 'TIMED_OUT' ? 'timed-out' : 'failed';
  return { state, startedAt, endedAt, error: { type: ErrorType ?? 'Error', message: ErrorMessage ?? '' } };
}
