// Asks a process of its own to read files, one request at a time, each within seconds: a decoder is native code that nothing interrupts,
// in a thread that the rest of a process needs too. Must not know formats.
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { TransientError, UserError } from '../../contract/errors.ts';
import { type DecoderRequest, DecoderResponse, type Failure } from './decoder-messages.ts';

const START_SECONDS_MAX = 60; // loads libvips: 0.2 s on an idle machine
const IDLE_MS = 30_000; // some 70 MB
/** By a name of package.json: a bundle has the file elsewhere. */
const WORKER_FILE = createRequire(import.meta.url).resolve('#decoder-worker');
const WAITING_MAX = 100; // x 10 s, if all of them hang

interface Limits {
  /** For one request. */
  secondsMax: number;
  /** Sends and takes the messages of decoder-messages.ts. */
  workerFile?: string;
  /** Thrown if an answer takes longer. */
  tooSlow(seconds: number): Error;
  /** What the process does, as part of a sentence: `read the header`. */
  task: string;
}

type Ended = Exclude<DecoderResponse, { state: 'ready' | 'failed' }>;

export interface DecoderProcess {
  /**
   * Throws the error of the request, and a TransientError if the process stops or too many requests wait for it. The signal ends the
   * request, also the process that works on it: another request gets another one.
   */
  ask(request: DecoderRequest, signal?: AbortSignal): Promise<Ended>;
}

export function decoderProcess({ secondsMax, workerFile = WORKER_FILE, tooSlow, task }: Limits): DecoderProcess {
  let worker: ChildProcess | null = null;
  let idle: NodeJS.Timeout | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  const end = (): void => {
    worker?.kill('SIGKILL');
    worker = null;
  };

  async function started(): Promise<ChildProcess> {
    if (worker?.connected) return worker;
    // Not the flags of this process: --eval or --inspect make no sense in a worker.
    const begun = fork(workerFile, { serialization: 'advanced', execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    begun.on('error', () => {}); // between questions, nothing waits for it
    worker = begun;
    await answerOf(begun, null, START_SECONDS_MAX, { late: () => stopped(null), stopped });
    return begun;
  }

  async function answered(request: DecoderRequest, signal: AbortSignal | undefined): Promise<Ended> {
    if (signal?.aborted) throw unwanted();
    clearTimeout(idle);
    signal?.addEventListener('abort', end);
    const answer = await asked(request)
      .catch((error: unknown) => {
        end(); // late, or gone
        throw error;
      })
      .finally(() => signal?.removeEventListener('abort', end));
    idle = setTimeout(end, IDLE_MS).unref();
    if (answer.state === 'failed') throw errorOf(answer);
    if (answer.state === 'ready') throw stopped(null);
    return answer;
  }

  async function asked(request: DecoderRequest): Promise<DecoderResponse> {
    return await answerOf(await started(), request, secondsMax, { late: () => tooSlow(secondsMax), stopped });
  }

  const stopped = (cause: Error | null) =>
    new TransientError(`The process that reads images stopped while it ${task}. Try again.`, { cause });

  const unwanted = () => new TransientError('The answer of the process that reads images is no longer wanted.');

  return {
    async ask(request, signal) {
      if (waiting >= WAITING_MAX) throw new TransientError(`More than ${WAITING_MAX} images wait to be read. Try again later.`);
      waiting++;
      const mine = turn.then(() => answered(request, signal));
      turn = mine.catch(() => {});
      try {
        return await mine;
      } finally {
        waiting--;
      }
    },
  };
}

/** Asks and waits. The process is killed if its answer is late. It keeps this process alive only meanwhile. */
async function answerOf(
  worker: ChildProcess,
  request: DecoderRequest | null,
  secondsMax: number,
  { late, stopped }: { late(): Error; stopped(cause: Error | null): Error },
): Promise<DecoderResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<DecoderResponse>();
  const onMessage = (message: unknown) => {
    const { data, error } = DecoderResponse.safeParse(message);
    if (data) resolve(data);
    else reject(error);
  };
  const onExit = (code: number | null, signal: NodeJS.Signals | null) =>
    reject(stopped(new Error(`It ended with ${signal ?? code}.`)));
  const onError = (cause: Error) => reject(stopped(cause));
  const timer = setTimeout(() => {
    worker.kill('SIGKILL');
    reject(late());
  }, secondsMax * 1_000);
  worker.on('message', onMessage).on('exit', onExit).on('error', onError);
  keepAlive(worker, true);
  try {
    if (request) worker.send(request, (error) => error && onError(error));
    return await promise;
  } finally {
    clearTimeout(timer);
    keepAlive(worker, false);
    worker.off('message', onMessage).off('exit', onExit).off('error', onError);
  }
}

function keepAlive(worker: ChildProcess, alive: boolean): void {
  for (const handle of [worker, worker.channel]) {
    if (alive) handle?.ref();
    else handle?.unref();
  }
}

function errorOf({ error, cause }: DecoderResponse & { state: 'failed' }): Error {
  return rebuilt(error, cause && rebuilt(cause, null));
}

function rebuilt({ name, message, code }: Failure, cause: Error | null): Error {
  const options = cause ? { cause } : {};
  if (name === 'UserError') return new UserError(message, options);
  if (name === 'TransientError') return new TransientError(message, options);
  return Object.assign(new Error(message, options), { name }, code === null ? {} : { code });
}
