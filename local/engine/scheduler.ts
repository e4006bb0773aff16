// Decides when an execution runs: one invocation at a time for each, again after every change, later after every crash. Sets the
// engine's timers. Must not know what an invocation does.
import type { Log } from '../../pipeline/ports.ts';
import type { Invoke } from './invocation.ts';
import { ALIVE_EVERY_MS, type RunningTime } from './running-time.ts';
import type { ExecutionRow } from './store/engine-rows.ts';
import type { Store } from './store/engine-store.ts';
import { type AfterDelay, timers } from './timers.ts';

export interface SchedulerDeps {
  store: Store;
  invoke: Invoke;
  runningTime: RunningTime;
  /** Fires every timer that is due. Returns the ARNs of the affected executions. */
  fireTimers(): string[];
  nowMs: () => number;
  retentionMs: number | null;
  log: Log;
  afterDelay: AfterDelay | undefined;
}

export interface Scheduler {
  /** Runs every running execution, and deletes old ones from now on. */
  start(): void;
  /** Runs the affected executions and sets the next timer. */
  wake(affected: readonly string[]): void;
  /** Resolves when the execution has ended. */
  ended(row: ExecutionRow): Promise<ExecutionRow>;
  /** An invocation of the execution is running. */
  isActive(arn: string): boolean;
  isOpen(): boolean;
  close(): void;
}

const PURGE_EVERY_MS = 3_600_000;
const CRASH_BACKOFF_MS = 200;
const CRASH_BACKOFF_MAX_MS = 60_000;
const DISK_BACKOFF_MS = 5_000;

export function scheduler({
  store,
  invoke,
  runningTime,
  fireTimers,
  nowMs,
  retentionMs,
  log,
  afterDelay,
}: SchedulerDeps): Scheduler {
  const clocks = timers(afterDelay);
  const active = new Map<string, AbortController>();
  const waiters = new Map<string, ((row: ExecutionRow) => void)[]>();
  let open = true;
  const isOpen = () => open;

  function wake(affected: readonly string[]): void {
    setTimer();
    for (const arn of affected) {
      abandonIfEnded(arn);
      runInBackground(arn);
    }
  }

  /** After a stop or a timeout, nothing waits for the invocation that still runs. */
  function abandonIfEnded(arn: string): void {
    if (store.execution(arn)?.status !== 'RUNNING') active.get(arn)?.abort();
  }

  function setTimer(): void {
    const at = store.nextWake();
    clocks.set('operations', at === null ? null : at - nowMs(), onTimer);
    clocks.set('alive', at === null ? null : ALIVE_EVERY_MS, onTimer);
  }

  function onTimer(): void {
    retryOnDiskError(() => {
      runningTime.alive();
      wake(fireTimers());
    });
  }

  function retryOnDiskError(work: () => void): void {
    try {
      work();
    } catch (error) {
      log.error({ error }, 'The engine could not use its database. It tries again.');
      clocks.set('operations', DISK_BACKOFF_MS, onTimer);
    }
  }

  function runInBackground(arn: string): void {
    run(arn).catch((error) => {
      log.error({ error, arn }, 'The engine could not run an execution. It tries again.');
      clocks.set(arn, DISK_BACKOFF_MS, () => runInBackground(arn));
    });
  }

  /** Invokes the function again and again, until the execution has ended or waits for a timer, a callback or another execution. */
  async function run(arn: string): Promise<void> {
    if (!open || !running(arn) || active.has(arn)) return;
    const abandoned = new AbortController();
    active.set(arn, abandoned);
    try {
      while (open) {
        const row = running(arn);
        if (!row) return;
        const end = await invoke(row, { isOpen, wake }, abandoned.signal);
        if (!open) return;
        if (end.kind === 'suspended' && !store.hasChanged(arn)) return;
        if (!running(arn)) return; // at once: while it pauses, it cannot be deleted
        if (end.kind === 'not-stored') await clocks.pause(DISK_BACKOFF_MS, abandoned.signal);
        if (end.kind === 'crashed') await clocks.pause(crashBackoffMs(end.crashes), abandoned.signal);
      }
    } finally {
      active.delete(arn);
    }
  }

  /** The execution while it runs. `null` if it has ended: then everyone who waits for its end is notified. */
  function running(arn: string): ExecutionRow | null {
    const row = store.execution(arn);
    if (row?.status === 'RUNNING') return row;
    if (row) for (const resolve of waiters.get(arn) ?? []) resolve(row);
    waiters.delete(arn);
    return null;
  }

  function purge(): void {
    if (retentionMs === null) return;
    const before = nowMs() - retentionMs;
    retryOnDiskError(() => store.transaction(() => store.deleteEnded(before)));
    clocks.set('purge', PURGE_EVERY_MS, purge);
  }

  return {
    start() {
      retryOnDiskError(runningTime.started);
      purge();
      for (const { arn } of store.running()) runInBackground(arn);
      setTimer();
    },
    wake,
    async ended(row) {
      if (row.status !== 'RUNNING') return row;
      const { promise, resolve } = Promise.withResolvers<ExecutionRow>();
      waiters.set(row.arn, [...(waiters.get(row.arn) ?? []), resolve]);
      return await promise;
    },
    isActive: (arn) => active.has(arn),
    isOpen,
    close() {
      open = false;
      clocks.clear();
    },
  };
}

function crashBackoffMs(crashes: number): number {
  return Math.min(CRASH_BACKOFF_MS * 2 ** Math.max(0, crashes - 1), CRASH_BACKOFF_MAX_MS);
}
