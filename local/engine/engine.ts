// Durable execution on one disk: checkpoints, timers, one invocation at a time, resume after a crash. Behaves like the service.
// Knows when the pipeline must run; knows nothing of what it does or in which process.
import { randomUUID } from 'node:crypto';
import {
  type DurableExecutionClient,
  type DurableExecutionInvocationInput,
  type DurableExecutionInvocationOutput,
  type ErrorObject,
  isDurableExecutionClientError,
  type OperationUpdate,
} from '@aws/durable-execution-sdk-js';
import { staleTokenError } from '../../pipeline/durable/stale-token.ts';
import type { Clock, Log } from '../../pipeline/ports.ts';
import { checkpoints } from './checkpoints.ts';
import { type ExecutionRow, type ListFilter, openStore } from './engine-store.ts';
import { executions, failed } from './execution-lifecycle.ts';
import { crashRules } from './poison-steps.ts';
import { ServiceError } from './service-error.ts';
import { checkStart, FUNCTION_NAME } from './service-limits.ts';
import { isOutstanding, type Outcome } from './state-machine.ts';
import { type BodyGate, bodyGate, type OpenGate, ProcessLost } from './step-gate.ts';
import { type AfterDelay, timers } from './timers.ts';
import { outside } from './timers-and-callbacks.ts';

/** What an invocation may ask of the engine: checkpoints and state, and leave to run a step. */
export type InvocationClient = DurableExecutionClient & BodyGate;

/**
 * Runs the pipeline once over an event. Rejects when the invocation ended without an answer: with ProcessLost when its
 * process was lost to what it worked on.
 */
export type Invoker = (
  event: DurableExecutionInvocationInput,
  client: InvocationClient,
  timeoutMs: number,
) => Promise<DurableExecutionInvocationOutput>;

export interface EngineOptions {
  /** The database; its folder is made when missing. */
  file: string;
  /** The function `tilesight`, which executions run unless another is named. */
  invoke: Invoker;
  /** Further functions that can be invoked, by name. */
  functions?: Readonly<Record<string, Invoker>>;
  clock: Clock;
  log: Log;
  invocationTimeoutMs?: number;
  executionTimeoutMs?: number;
  /** How long an execution is kept after its end. */
  retentionMs?: number;
  /** Whose milliseconds the timers count, when not the machine's. */
  afterDelay?: AfterDelay;
}

export interface Engine {
  /** Resumes what was running when the process ended. */
  start(): void;
  /** Throws a ServiceError when the name is taken by another input, or one of both breaks a limit. */
  startExecution(name: string, input: string): { created: boolean };
  describe(name: string): ExecutionRow | null;
  list(filter: ListFilter): ExecutionRow[];
  /** Every operation, in the order in which they began, and the events that they do not show. */
  operations(name: string): ReturnType<ReturnType<typeof openStore>['operations']>;
  events(name: string): string[];
  /** Does not interrupt code that runs: its next checkpoint is refused. Null when there is no such execution. */
  stop(name: string, error?: ErrorObject): ExecutionRow | null;
  /** These three throw a ServiceError when nobody waits for the callback. */
  succeedCallback(callbackId: string, result?: string): void;
  failCallback(callbackId: string, error: ErrorObject): void;
  heartbeatCallback(callbackId: string): void;
  /** Resolves when the execution has ended. */
  ended(name: string): Promise<ExecutionRow>;
  /** Ends nothing: running executions resume at the next start. */
  close(): void;
}

const INVOCATION_TIMEOUT_MS = 900_000; // as on Lambda
const EXECUTION_TIMEOUT_MS = 24 * 3_600_000;
const RETENTION_MS = 30 * 24 * 3_600_000; // of 1 to 90 days
const PURGE_EVERY_MS = 3_600_000;
const CRASH_BACKOFF_MS = 200;
const CRASH_BACKOFF_MAX_MS = 60_000;
const DISK_BACKOFF_MS = 5_000;

export function openEngine(options: EngineOptions): Engine {
  const { log, clock, invocationTimeoutMs = INVOCATION_TIMEOUT_MS, executionTimeoutMs = EXECUTION_TIMEOUT_MS } = options;
  const functions: Readonly<Record<string, Invoker>> = { ...options.functions, [FUNCTION_NAME]: options.invoke };
  const nowMs = () => clock.now().getTime();
  const store = openStore(options.file);
  const { begin, end } = executions({ store, nowMs, executionTimeoutMs });
  const deps = { store, nowMs, executions: { begin, end } };
  const hasFunction = (name: string) => functions[name] !== undefined;
  const { newEvent, statePage, checkpoint } = checkpoints({ ...deps, hasFunction });
  const { fireTimers, answerCallback, heartbeat } = outside(deps);
  const { crashed } = crashRules(deps);
  const clocks = timers(options.afterDelay);
  const active = new Set<string>();
  const waiters = new Map<string, ((row: ExecutionRow) => void)[]>();
  let closed = false;

  const clientWith = (arn: string, gate: OpenGate, onFailure: (error: unknown) => void): InvocationClient => ({
    getExecutionState: async (request) => statePage(whileOpen(request)),
    checkpoint: async (request) => {
      try {
        const { response, news } = checkpoint(whileOpen(request));
        for (const update of request.Updates ?? []) tellGate(arn, gate, update);
        spread(news);
        return response;
      } catch (error) {
        if (!isDurableExecutionClientError(error)) onFailure(error); // of the engine itself, most likely of its disk
        throw error;
      }
    },
    bodyBegins: gate.bodyBegins,
  });

  function tellGate(arn: string, gate: OpenGate, { Type, Action, Id = '' }: OperationUpdate): void {
    if (Action === 'START') return;
    if (Type === 'STEP') gate.bodyEnded(Id);
    if (Type === 'CONTEXT') gate.contextEnded(({ parentId }) => isUnder(arn, parentId, Id));
  }

  function isUnder(arn: string, id: string | undefined, contextId: string): boolean {
    if (id === undefined) return false;
    return id === contextId || isUnder(arn, store.operation(arn, id)?.ParentId, contextId);
  }

  function whileOpen<T>(request: T): T {
    if (closed) throw staleTokenError();
    return request;
  }

  function spread(news: readonly string[]): void {
    armTimer();
    for (const arn of news) wake(arn);
  }

  function armTimer(): void {
    const at = store.nextWake();
    clocks.set('operations', at === null ? null : at - nowMs(), () => guarded(() => spread(fireTimers())));
  }

  function guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      log.error({ error }, 'The engine could not use its database; it tries again.');
      clocks.set('operations', DISK_BACKOFF_MS, () => guarded(() => spread(fireTimers())));
    }
  }

  function wake(arn: string): void {
    run(arn).catch((error) => {
      log.error({ error, arn }, 'The engine failed over an execution; it tries again.');
      clocks.set(arn, DISK_BACKOFF_MS, () => wake(arn));
    });
  }

  /** Invokes the pipeline again and again, until the execution has ended or waits for something outside. */
  async function run(arn: string): Promise<void> {
    if (closed || settled(arn) || active.has(arn)) return;
    active.add(arn);
    try {
      while (!closed && !settled(arn)) {
        const outcome = await invocation(arn);
        if (closed) return;
        if (outcome === 'waits' && !store.hasChanged(arn)) return;
        if (outcome === 'unkept') await clocks.pause(DISK_BACKOFF_MS);
        if (outcome === 'crashed') await clocks.pause(backoffOf(store.execution(arn)?.crashes ?? 0));
      }
    } finally {
      active.delete(arn);
    }
  }

  async function invocation(arn: string): Promise<'ended' | 'waits' | 'again' | 'crashed' | 'unkept'> {
    const invoke = functions[store.execution(arn)?.function ?? ''] ?? options.invoke;
    const gate = bodyGate(store.suspects(arn));
    const invoked = { id: randomUUID(), at: clock.now().toISOString() };
    let outcome: 'ended' | 'waits' | 'again' | 'crashed' = 'crashed';
    let error: unknown;
    const ownFailures: unknown[] = [];
    const client = clientWith(arn, gate, (failure) => ownFailures.push(failure));
    try {
      const output = await invoke(newEvent(arn), client, invocationTimeoutMs);
      if (closed) return 'waits';
      outcome = accepted(arn, output);
    } catch (reason) {
      if (closed || store.execution(arn)?.status !== 'RUNNING') return 'ended';
      error = reason;
    }
    if (ownFailures.length > 0) {
      log.error({ error: ownFailures[0], arn }, 'The engine could not keep a checkpoint; the invocation is tried again.');
      return 'unkept'; // no fault of the pipeline: it does not count as a crash
    }
    store.addEvent(arn, { type: 'InvocationCompleted', ...invoked, endedAt: clock.now().toISOString() });
    if (outcome === 'crashed') tell(arn, error, gate);
    return outcome;
  }

  function accepted(arn: string, output: DurableExecutionInvocationOutput): 'ended' | 'waits' | 'again' {
    if (output.Status === 'SUCCEEDED') return ended(arn, { status: 'SUCCEEDED', result: output.Result });
    if (output.Status === 'FAILED') return ended(arn, { status: 'FAILED', error: output.Error });
    if (store.execution(arn)?.status !== 'RUNNING') return 'ended';
    if (store.hasChanged(arn)) return 'again';
    const operations = store.operations(arn);
    // An invocation may hear that a retry is due and leave without it: nothing else would wake it.
    if (operations.some(({ Status }) => Status === 'READY')) return 'again';
    if (operations.some(isOutstanding)) return 'waits';
    return ended(arn, failed('InvalidParameterValueException', 'Cannot return PENDING status with no pending operations.'));
  }

  function ended(arn: string, outcome: Outcome): 'ended' {
    spread(store.transaction(() => end(arn, outcome)));
    return 'ended';
  }

  function tell(arn: string, error: unknown, gate: OpenGate): void {
    const { crashes, news, givenUp } = crashed(arn, error instanceof ProcessLost ? gate.inFlight() : []);
    log.warn({ error, arn, crashes, givenUp }, 'An invocation of the pipeline crashed; it is tried again.');
    spread(news);
  }

  /** True when the execution has ended; those who wait for that are told. */
  function settled(arn: string): boolean {
    const row = store.execution(arn);
    if (!row) return true;
    if (row.status === 'RUNNING') return false;
    for (const resolve of waiters.get(row.name) ?? []) resolve(row);
    waiters.delete(row.name);
    return true;
  }

  function purge(): void {
    guarded(() => store.purge(nowMs() - (options.retentionMs ?? RETENTION_MS)));
    clocks.set('purge', PURGE_EVERY_MS, purge);
  }

  return {
    start() {
      purge();
      for (const { arn } of store.running()) wake(arn);
      armTimer();
    },
    startExecution(name, input) {
      checkStart(name, input);
      const existing = store.executionByName(name);
      if (existing && existing.input !== input) {
        throw new ServiceError('DurableExecutionAlreadyStartedException', `Another request has the name ${name} already.`);
      }
      if (existing) return { created: false };
      spread([store.transaction(() => begin({ name, functionName: FUNCTION_NAME, input, parent: null }))]);
      return { created: true };
    },
    describe: (name) => store.executionByName(name),
    list: (filter) => store.list(filter),
    operations: (name) => store.operations(store.executionByName(name)?.arn ?? ''),
    events: (name) => store.events(store.executionByName(name)?.arn ?? ''),
    stop(name, error = { ErrorType: 'ExecutionStopped', ErrorMessage: 'The execution was stopped.' }) {
      const row = store.executionByName(name);
      if (row) spread(store.transaction(() => end(row.arn, { status: 'STOPPED', error })));
      return store.executionByName(name);
    },
    succeedCallback: (callbackId, result) => spread(answerCallback(callbackId, { status: 'SUCCEEDED', result })),
    failCallback: (callbackId, error) => spread(answerCallback(callbackId, { status: 'FAILED', error })),
    heartbeatCallback(callbackId) {
      heartbeat(callbackId);
      armTimer();
    },
    async ended(name) {
      const row = store.executionByName(name);
      if (!row) throw new ServiceError('ResourceNotFoundException', `Expected the name of an execution, got ${name}.`);
      if (row.status !== 'RUNNING') return row;
      const { promise, resolve } = Promise.withResolvers<ExecutionRow>();
      waiters.set(name, [...(waiters.get(name) ?? []), resolve]);
      return await promise;
    },
    close() {
      if (closed) return;
      closed = true;
      clocks.clear();
      store.close();
    },
  };
}

function backoffOf(crashes: number): number {
  return Math.min(CRASH_BACKOFF_MS * 2 ** Math.max(0, crashes - 1), CRASH_BACKOFF_MAX_MS);
}
