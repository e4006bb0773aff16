// What must be stored and disarmed before an invocation ends. The promise of a suspended workflow never settles, so its `finally`
// blocks never run: a timer that is still armed then fires whenever the frozen process is thawed, even after the execution has ended.
import type { Log } from '../ports.ts';

export interface InvocationEnd {
  /** Calls `disarm` before the invocation ends or suspends; at once if it has ended. */
  before(disarm: () => void | Promise<void>): void;
  /** Resolves when everything is disarmed. Never throws: the execution does not depend on it. */
  reached(): Promise<void>;
}

export function invocationEnd(log: Log): InvocationEnd {
  const armed: (() => void | Promise<void>)[] = [];
  let hasEnded = false;
  const disarmed = async (disarm: () => void | Promise<void>) => {
    try {
      await disarm();
    } catch (error) {
      log.warn({ error }, 'The end of an invocation could not store its progress; the execution continues.');
    }
  };
  return {
    before(disarm) {
      if (hasEnded) void disarmed(disarm);
      else armed.push(disarm);
    },
    async reached() {
      hasEnded = true;
      await Promise.all(armed.splice(0).map(disarmed));
    },
  };
}
