// Durable execution on one disk: checkpoints, timers, one invocation at a time, resume after a crash. Behaves like the service.
// Knows when the pipeline must run; knows nothing of what it does or in which process.
import { randomUUID } from 'node:crypto';
import {
  type CheckpointDurableExecutionRequest,
  type CheckpointDurableExecutionResponse,
  type DurableExecutionClient,
  DurableExecutionClientError,
  type DurableExecutionInvocationInput,
  type DurableExecutionInvocationOutput,
  type ErrorObject,
  type GetDurableExecutionStateRequest,
  type GetDurableExecutionStateResponse,
} from '@aws/durable-execution-sdk-js';
import { UserError } from '../pipeline/core/errors.ts';
import type { Clock, Log } from '../pipeline/ports.ts';
import { applyTimer, applyUpdate, forResume, isOutstanding } from './state-machine.ts';
import { type ExecutionRow, openStore } from './store.ts';

/** Runs the pipeline once over an event. Rejects when the invocation ended without an answer: a crash, a time-out. */
export type Invoker = (
  event: DurableExecutionInvocationInput,
  client: DurableExecutionClient,
  timeoutMs: number,
) => Promise<DurableExecutionInvocationOutput>;

export interface EngineOptions {
  /** The database; its folder is made when missing. */
  file: string;
  invoke: Invoker;
  clock: Clock;
  log: Log;
  invocationTimeoutMs?: number;
  executionTimeoutMs?: number;
}

export interface Engine {
  /** Resumes what was running when the process ended. */
  start(): void;
  /** Throws a UserError when the name is taken by another input. */
  startExecution(name: string, input: string): { created: boolean };
  describe(name: string): ExecutionRow | null;
  /** Resolves when the execution has ended. */
  ended(name: string): Promise<ExecutionRow>;
  /** Ends nothing: running executions resume at the next start. */
  close(): void;
}

const INVOCATION_TIMEOUT_MS = 900_000; // as on Lambda
const EXECUTION_TIMEOUT_MS = 24 * 3_600_000;
const STATE_PAGE_OPERATIONS = 1_000;
const CRASH_BACKOFF_MS = 200;
const CRASH_BACKOFF_MAX_MS = 60_000;
/** An invocation that crashes this often in a row, without one checkpoint in between, will not get any further. */
const CRASHES_MAX = 8;
const TIMER_MAX_MS = 2_147_483_647; // what setTimeout can hold

export function openEngine(options: EngineOptions): Engine {
  const { invoke, clock, log } = options;
  const invocationTimeoutMs = options.invocationTimeoutMs ?? INVOCATION_TIMEOUT_MS;
  const executionTimeoutMs = options.executionTimeoutMs ?? EXECUTION_TIMEOUT_MS;
  const store = openStore(options.file);
  const active = new Set<string>();
  const waiters = new Map<string, ((row: ExecutionRow) => void)[]>();
  const backoffs = new Set<NodeJS.Timeout>();
  let timer: NodeJS.Timeout | null = null;
  let closed = false;
  const nowMs = () => clock.now().getTime();

  const client: DurableExecutionClient = {
    getExecutionState: async (request) => statePage(request),
    checkpoint: async (request) => checkpoint(request),
  };

  function statePage({
    DurableExecutionArn: arn,
    CheckpointToken: token,
    Marker,
    MaxItems,
  }: GetDurableExecutionStateRequest): GetDurableExecutionStateResponse {
    const row = holderOf(arn, token);
    const from = Number(Marker || 0);
    const operations = forResume(store.operations(row.arn));
    const to = from + Math.min(MaxItems ?? STATE_PAGE_OPERATIONS, STATE_PAGE_OPERATIONS);
    return { Operations: operations.slice(from, to), NextMarker: to < operations.length ? String(to) : undefined };
  }

  function checkpoint({
    DurableExecutionArn,
    CheckpointToken,
    Updates = [],
  }: CheckpointDurableExecutionRequest): CheckpointDurableExecutionResponse {
    const response = store.transaction(() => {
      const { arn, crashes } = holderOf(DurableExecutionArn, CheckpointToken);
      if (crashes > 0) store.setCrashes(arn, 0); // it gets on
      for (const update of Updates) {
        if (update.Type === 'EXECUTION') {
          const error = update.Error ? JSON.stringify(update.Error) : null;
          const status = update.Action === 'SUCCEED' ? 'SUCCEEDED' : 'FAILED';
          store.endExecution(arn, { status, result: update.Payload ?? null, error, ended_at: nowMs() });
          return { NewExecutionState: { Operations: store.takeChanged(arn) } };
        }
        const parent = update.ParentId ? store.operation(arn, update.ParentId) : null;
        const { operation, wakeAt } = applyUpdate(store.operation(arn, update.Id ?? ''), parent, update, nowMs());
        store.putOperation(arn, operation, wakeAt);
      }
      const token = randomUUID();
      store.setToken(arn, token);
      return { CheckpointToken: token, NewExecutionState: { Operations: store.takeChanged(arn) } };
    });
    armTimer();
    return response;
  }

  /** The execution whose token this is: an older invocation's token ends that invocation, never the execution. */
  function holderOf(arn: string | undefined, token: string | undefined): ExecutionRow {
    const row = closed ? null : store.execution(arn ?? '');
    if (row?.status !== 'RUNNING' || !row.token || row.token !== token) {
      throw new DurableExecutionClientError('Invalid checkpoint token', { scope: 'INVOCATION' });
    }
    return row;
  }

  function armTimer(): void {
    if (timer) clearTimeout(timer);
    const at = closed ? null : store.nextWake();
    timer = at === null ? null : setTimeout(fireTimers, Math.min(Math.max(0, at - nowMs()), TIMER_MAX_MS));
  }

  function fireTimers(): void {
    const woken = store.transaction(() => {
      const due = store.due(nowMs());
      for (const { arn, operation } of due) {
        const next = applyTimer(operation, nowMs());
        if (next) store.putOperation(arn, next, null);
      }
      return new Set(due.map(({ arn }) => arn));
    });
    armTimer();
    for (const arn of woken) wake(arn);
  }

  function wake(arn: string): void {
    run(arn).catch((error) => log.error({ error, arn }, 'The engine failed over an execution; it resumes at the next start.'));
  }

  /** Invokes the pipeline again and again, until the execution has ended or waits for something outside. */
  async function run(arn: string): Promise<void> {
    if (active.has(arn) || closed) return;
    active.add(arn);
    try {
      while (!closed) {
        const row = store.execution(arn);
        if (row?.status !== 'RUNNING') return;
        if (nowMs() - row.started_at > executionTimeoutMs) {
          endWith(arn, 'TIMED_OUT', 'ExecutionTimeout', `The execution did not end within ${executionTimeoutMs / 1_000} s.`);
          return;
        }
        const outcome = await invocation(arn);
        if (closed) return;
        if (outcome === 'waits' && !store.hasChanged(arn)) return;
        if (outcome === 'crashed') await pause(backoffOf(store.execution(arn)?.crashes ?? 0));
      }
    } finally {
      active.delete(arn);
      settle(arn);
    }
  }

  async function invocation(arn: string): Promise<'ended' | 'waits' | 'again' | 'crashed'> {
    try {
      return accepted(arn, await invoke(newEvent(arn), client, invocationTimeoutMs));
    } catch (error) {
      if (!closed) crashed(arn, error);
      return 'crashed';
    }
  }

  function newEvent(arn: string): DurableExecutionInvocationInput {
    return store.transaction(() => {
      const token = randomUUID();
      store.setToken(arn, token);
      const updated = store.takeChanged(arn).flatMap(({ Id }) => (Id ? [Id] : []));
      const operations = forResume(store.operations(arn));
      const page = operations.slice(0, STATE_PAGE_OPERATIONS);
      const marker = operations.length > page.length ? String(page.length) : '';
      const event = { DurableExecutionArn: arn, CheckpointToken: token, UpdatedOperationIds: updated };
      return { ...event, InitialExecutionState: { Operations: page, NextMarker: marker } } as DurableExecutionInvocationInput;
    });
  }

  function accepted(arn: string, output: DurableExecutionInvocationOutput): 'ended' | 'waits' | 'again' {
    if (output.Status === 'SUCCEEDED') {
      store.endExecution(arn, { status: 'SUCCEEDED', result: output.Result ?? null, error: null, ended_at: nowMs() });
      return 'ended';
    }
    if (output.Status === 'FAILED') {
      store.endExecution(arn, { status: 'FAILED', result: null, error: JSON.stringify(output.Error), ended_at: nowMs() });
      return 'ended';
    }
    if (store.hasChanged(arn)) return 'again';
    if (store.operations(arn).some(isOutstanding)) return 'waits';
    endWith(arn, 'FAILED', 'InvalidParameterValueException', 'Cannot return PENDING status with no pending operations.');
    return 'ended';
  }

  function crashed(arn: string, error: unknown): void {
    const crashes = (store.execution(arn)?.crashes ?? 0) + 1;
    store.setCrashes(arn, crashes);
    log.warn({ error, arn, crashes }, 'An invocation of the pipeline crashed; it is tried again.');
    if (crashes >= CRASHES_MAX) {
      endWith(
        arn,
        'FAILED',
        'UserError',
        `The analysis crashed ${CRASHES_MAX} times in a row at the same place. The log of this server says why.`,
      );
    }
  }

  function endWith(arn: string, status: 'FAILED' | 'TIMED_OUT', type: string, sentence: string): void {
    const error: ErrorObject = { ErrorType: type, ErrorMessage: sentence };
    store.endExecution(arn, { status, result: null, error: JSON.stringify(error), ended_at: nowMs() });
  }

  function settle(arn: string): void {
    const row = closed ? null : store.execution(arn);
    if (!row || row.status === 'RUNNING') return;
    for (const resolve of waiters.get(row.name) ?? []) resolve(row);
    waiters.delete(row.name);
  }

  function pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const backoff = setTimeout(() => {
      backoffs.delete(backoff);
      resolve();
    }, ms);
    backoffs.add(backoff);
    return promise;
  }

  return {
    start() {
      for (const { arn } of store.running()) wake(arn);
      armTimer();
    },
    startExecution(name, input) {
      const existing = store.executionByName(name);
      if (existing && existing.input !== input) {
        throw new UserError(
          `Expected a new name for a new request, got ${name}, which another request has. Choose another idempotency_key.`,
        );
      }
      if (existing) return { created: false };
      const arn = `arn:aws:lambda:local:000000000000:function:tilesight:1/durable-execution/${name}/${randomUUID()}`;
      store.transaction(() => {
        store.insertExecution({ arn, name, input, started_at: nowMs() });
        const first = {
          Id: randomUUID(),
          Type: 'EXECUTION',
          Status: 'STARTED',
          StartTimestamp: clock.now().toISOString(),
        } as const;
        store.putOperation(arn, { ...first, ExecutionDetails: { InputPayload: input } }, null);
        store.takeChanged(arn); // the input comes first in the state, and is no news
      });
      wake(arn);
      return { created: true };
    },
    describe: (name) => store.executionByName(name),
    async ended(name) {
      const row = store.executionByName(name);
      if (!row) throw new UserError(`Expected the name of an execution, got ${name}. Start it first.`);
      if (row.status !== 'RUNNING') return row;
      const { promise, resolve } = Promise.withResolvers<ExecutionRow>();
      waiters.set(name, [...(waiters.get(name) ?? []), resolve]);
      return await promise;
    },
    close() {
      closed = true;
      if (timer) clearTimeout(timer);
      for (const backoff of backoffs) clearTimeout(backoff);
      store.close();
    },
  };
}

function backoffOf(crashes: number): number {
  return Math.min(CRASH_BACKOFF_MS * 2 ** Math.max(0, crashes - 1), CRASH_BACKOFF_MAX_MS);
}
