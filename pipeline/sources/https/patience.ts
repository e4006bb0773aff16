// How long a download may take as a whole, and how long nothing may come. Knows nothing of what is waited for.
import { TransientError } from '../../contract/errors.ts';

export interface Patience {
  /** For each address of a host. */
  connectMs: number;
  /** Until the next thing comes: an address, a connection, the head of an answer, a piece of its body. */
  idleMs: number;
  /** For all of it, redirects included. */
  totalMs: number;
}

export interface Waiting extends Disposable {
  /** Aborted with a TransientError once patience is at its end. */
  signal: AbortSignal;
  connectMs: number;
  /** Something came: what may be idle starts anew. */
  stirred(): void;
  /** What was promised, or the end of patience if that comes first. */
  orGiveUp<T>(promised: Promise<T>): Promise<T>;
}

export function waiting({ connectMs, idleMs, totalMs }: Patience): Waiting {
  const controller = new AbortController();
  const { signal } = controller;
  const giveUp = (sentence: string) => () => controller.abort(new TransientError(sentence));
  const total = setTimeout(
    giveUp(`Expected an image within ${totalMs / 1_000} s, got only a part of it. Try again later.`),
    totalMs,
  );
  const idle = setTimeout(giveUp(`Expected an image, got nothing for ${idleMs / 1_000} s. Try again later.`), idleMs);
  const { promise: givenUp, reject } = Promise.withResolvers<never>();
  givenUp.catch(() => {}); // nobody may be waiting at the time
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return {
    signal,
    connectMs,
    stirred: () => void idle.refresh(),
    orGiveUp: async (promised) => {
      try {
        return await Promise.race([promised, givenUp]);
      } catch (error) {
        throw signal.aborted ? signal.reason : error; // what was given up on may fail first, by the same signal
      }
    },
    [Symbol.dispose]() {
      clearTimeout(total);
      clearTimeout(idle);
    },
  };
}
