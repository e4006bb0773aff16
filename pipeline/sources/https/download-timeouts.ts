// How long a download may take in total, and how long it may stand still. Knows nothing of what is downloaded.
import { TransientError } from '../../contract/errors.ts';

export interface DownloadTimeouts {
  /** For each address of a host. */
  connectMs: number;
  /** Between two signs of progress: an address, a connection, the head of an answer, a chunk of its body. */
  idleMs: number;
  /** For the whole download, redirects included. */
  totalMs: number;
}

export interface Timer extends Disposable {
  /** Aborted with a TransientError when a timeout expires. */
  signal: AbortSignal;
  connectMs: number;
  /** Restarts the idle timeout. */
  progressed(): void;
  /** What `promised` resolves to. Rejects with the timeout if that comes first. */
  race<T>(promised: Promise<T>): Promise<T>;
}

export function timer({ connectMs, idleMs, totalMs }: DownloadTimeouts): Timer {
  const controller = new AbortController();
  const { signal } = controller;
  const expire = (sentence: string) => () => controller.abort(new TransientError(sentence));
  const total = setTimeout(expire(`The image did not arrive completely within ${totalMs / 1_000} s. Try again later.`), totalMs);
  const idle = setTimeout(expire(`The host of the image sent nothing for ${idleMs / 1_000} s. Try again later.`), idleMs);
  const { promise: expired, reject } = Promise.withResolvers<never>();
  expired.catch(() => {}); // handled even while no race is on
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return {
    signal,
    connectMs,
    progressed: () => void idle.refresh(),
    race: async (promised) => {
      try {
        return await Promise.race([promised, expired]);
      } catch (error) {
        throw signal.aborted ? signal.reason : error; // the same signal may make `promised` fail first
      }
    },
    [Symbol.dispose]() {
      clearTimeout(total);
      clearTimeout(idle);
    },
  };
}
