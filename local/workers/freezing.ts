// Freezes processes between invocations, as Lambda does: timers that an invocation left armed fire when the process is thawed
// for another one. Only tests use it: the workers of a laptop stay awake.
import type { ChildProcess } from 'node:child_process';

export interface Freezing {
  /** How long a process stays frozen if no invocation thaws it. */
  thawAfterMs(): number;
}

export interface Freezer {
  freeze(worker: ChildProcess): void;
  thaw(worker: ChildProcess): void;
}

export function freezer({ thawAfterMs }: Freezing): Freezer {
  const thaws = new WeakMap<ChildProcess, NodeJS.Timeout>();
  const thaw = (worker: ChildProcess) => {
    clearTimeout(thaws.get(worker));
    signal(worker, 'SIGCONT');
  };
  return {
    freeze(worker) {
      signal(worker, 'SIGSTOP');
      thaws.set(worker, setTimeout(() => thaw(worker), thawAfterMs()).unref());
    },
    thaw,
  };
}

/** Not `worker.kill`: after that, a worker counts as killed. */
function signal({ pid, exitCode, signalCode }: ChildProcess, name: 'SIGSTOP' | 'SIGCONT'): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(pid, name);
}
