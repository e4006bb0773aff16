// The durable engine of the local deployment: executions with checkpoints, timers and callbacks on one disk, resumed after a crash.
// Behaves like the AWS service. Must not know what the pipeline does or in which process it runs.
import type { ErrorObject } from '@aws/durable-execution-sdk-js';
import type { Clock, Log } from '../../pipeline/ports.ts';
import { checkpoints } from './checkpoints.ts';
import { executionLifecycle } from './execution-lifecycle.ts';
import { type Invoker, invocations } from './invocation.ts';
import { poisonSteps } from './poison-steps.ts';
import { runningTime } from './running-time.ts';
import { scheduler } from './scheduler.ts';
import { checkStart, FUNCTION_NAME, ServiceError } from './service-limits.ts';
import type { ExecutionRow, RecordedEvent, StoredOperation } from './store/engine-rows.ts';
import { openStore } from './store/engine-store.ts';
import type { ListFilter } from './store/execution-table.ts';
import type { AfterDelay } from './timers.ts';
import { timersAndCallbacks } from './timers-and-callbacks.ts';

export interface EngineOptions {
  /** The database file. Its folder is created if it is missing. */
  file: string;
  /** The function `tilesight`, which every started execution runs. */
  invoke: Invoker;
  /** Further functions that executions can invoke, by name. */
  functions?: Readonly<Record<string, Invoker>>;
  clock: Clock;
  log: Log;
  /** By default every commit is on disk when it returns. Without, a power failure may lose the last ones. */
  syncsCommits?: boolean | undefined;
  invocationTimeoutMs?: number;
  /** Counts only while an engine runs on the file. */
  executionTimeoutMs?: number;
  /** How long an execution is kept after its end; `null` until it is forgotten. */
  retentionMs?: number | null;
  /** Sets timers on another clock than the machine's. */
  afterDelay?: AfterDelay;
}

export interface Engine {
  /** Resumes the executions that were running when the process ended. */
  start(): void;
  /** Throws a ServiceError if the name or the input breaks a limit, or another input has the name. */
  startExecution(name: string, input: string): { created: boolean };
  /** `null` if no execution has this name. */
  describe(name: string): ExecutionRow | null;
  list(filter: ListFilter): ExecutionRow[];
  /** Every operation, in the order in which they started; empty if no execution has this name. */
  operations(name: string): StoredOperation[];
  /** The events that the operations do not show; empty if no execution has this name. */
  events(name: string): RecordedEvent[];
  /**
   * Stops the execution and those that it invoked. Running code ends at its next checkpoint, which is refused, and is abandoned if it
   * does not. `null` if no execution has this name.
   */
  stop(name: string, error?: ErrorObject): ExecutionRow | null;
  /** Deletes every row of the execution and of those that it invoked. `false` if it, or an invocation of one, is running. */
  forget(name: string): boolean;
  /** These three throw a ServiceError if the callback is unknown or no longer open. */
  succeedCallback(callbackId: string, result?: string): void;
  failCallback(callbackId: string, error: ErrorObject): void;
  heartbeatCallback(callbackId: string): void;
  /** Resolves when the execution has ended. Throws a ServiceError if no execution has this name. */
  ended(name: string): Promise<ExecutionRow>;
  /** Ends no execution: running ones resume at the next start. */
  close(): void;
}

const INVOCATION_TIMEOUT_MS = 900_000; // as on Lambda
const EXECUTION_TIMEOUT_MS = 8 * 24 * 3_600_000; // longer than people and agents may take to answer

export function openEngine(options: EngineOptions): Engine {
  const { clock, log, retentionMs = null, executionTimeoutMs = EXECUTION_TIMEOUT_MS, afterDelay } = options;
  const functions = new Map(Object.entries({ ...options.functions, [FUNCTION_NAME]: options.invoke }));
  const nowMs = () => clock.now().getTime();
  const store = openStore(options.file, options.syncsCommits);
  const lifecycle = executionLifecycle({ store, nowMs, executionTimeoutMs });
  const { fireTimers, completeCallback, heartbeat } = timersAndCallbacks({ store, lifecycle, nowMs });
  const invoke = invocations({
    store,
    lifecycle,
    checkpoints: checkpoints({ store, lifecycle, nowMs, hasFunction: (name) => functions.has(name) }),
    poisonSteps: poisonSteps({ store, lifecycle, nowMs }),
    functionOf: (row) => functions.get(row.function) ?? options.invoke,
    timeoutMs: options.invocationTimeoutMs ?? INVOCATION_TIMEOUT_MS,
    clock,
    log,
  });
  const { start, wake, ended, isActive, isOpen, close } = scheduler({
    store,
    invoke,
    runningTime: runningTime(store, nowMs),
    fireTimers,
    nowMs,
    retentionMs,
    log,
    afterDelay,
  });

  return {
    start,
    startExecution(name, input) {
      checkStart(name, input);
      const existing = store.executionByName(name);
      if (existing && existing.input !== input) {
        throw new ServiceError('DurableExecutionAlreadyStartedException', `Another request already has the name ${name}.`);
      }
      if (existing) return { created: false };
      const arn = store.transaction(() => lifecycle.begin({ name, functionName: FUNCTION_NAME, input, parent: null }));
      wake([arn]);
      return { created: true };
    },
    describe: (name) => store.executionByName(name),
    list: (filter) => store.list(filter),
    operations(name) {
      const row = store.executionByName(name);
      return row ? store.operations(row.arn) : [];
    },
    events(name) {
      const row = store.executionByName(name);
      return row ? store.events(row.arn) : [];
    },
    stop(name, error = { ErrorType: 'ExecutionStopped', ErrorMessage: 'The execution was stopped.' }) {
      const row = store.executionByName(name);
      if (!row) return null;
      wake(store.transaction(() => lifecycle.end(row.arn, { status: 'STOPPED', error })));
      return store.execution(row.arn);
    },
    forget(name) {
      const row = store.executionByName(name);
      if (!row) return true;
      if (row.status === 'RUNNING') return false;
      const invoked = store.invokedBy(row.arn);
      wake(store.transaction(() => invoked.flatMap(({ arn }) => lifecycle.end(arn, { status: 'STOPPED' }))));
      const family = [row, ...invoked].map(({ arn }) => arn);
      if (family.some(isActive)) return false;
      store.transaction(() => family.forEach(store.deleteExecution));
      return true;
    },
    succeedCallback: (callbackId, result) => wake(completeCallback(callbackId, { status: 'SUCCEEDED', result })),
    failCallback: (callbackId, error) => wake(completeCallback(callbackId, { status: 'FAILED', error })),
    heartbeatCallback(callbackId) {
      heartbeat(callbackId);
      wake([]);
    },
    async ended(name) {
      const row = store.executionByName(name);
      if (!row) throw new ServiceError('ResourceNotFoundException', `No execution has the name ${name}.`);
      return await ended(row);
    },
    close() {
      if (!isOpen()) return;
      close();
      store.close();
    },
  };
}
