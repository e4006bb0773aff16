// Reads headers in one process of its own, within seconds: a parser is native code that nothing interrupts, in a thread that the rest of
// a process needs too. Must not know formats.
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { TransientError, UserError } from '../../contract/errors.ts';
import type { ImageFile } from '../decoder-limits.ts';
import { type Failure, type HeaderRequest, HeaderResponse, type ImageHeader } from './header-messages.ts';

/** Headers take milliseconds, 5,000 pages two seconds. */
export const HEADER_SECONDS_MAX = 10;
const START_SECONDS_MAX = 60; // loads libvips: 0.2 s on an idle machine
const IDLE_MS = 30_000; // some 70 MB
/** By a name of package.json: a bundle has the file elsewhere. */
const WORKER_FILE = createRequire(import.meta.url).resolve('#header-worker');
const WAITING_MAX = 100; // x 10 s, if all of them hang

export interface HeaderReader {
  /**
   * Throws a UserError if the file is not an accepted image, exceeds a limit or cannot be read in time, and a TransientError if the
   * process stops or too many files wait for it.
   */
  read(file: ImageFile): Promise<ImageHeader>;
}

/** `workerFile` sends and takes the messages of header-messages.ts. */
export function headerReader({ secondsMax = HEADER_SECONDS_MAX, workerFile = WORKER_FILE } = {}): HeaderReader {
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
    await answerOf(begun, null, START_SECONDS_MAX, () => stopped(null));
    return begun;
  }

  async function read({ path, page, bands, limits }: ImageFile): Promise<ImageHeader> {
    clearTimeout(idle);
    const request = { path, page, limits, ...(bands && { bands: [...bands] }) };
    const answer = await asked(request).catch((error: unknown) => {
      end(); // late, or gone
      throw error;
    });
    idle = setTimeout(end, IDLE_MS).unref();
    if (answer.state === 'done') return answer.header;
    throw answer.state === 'failed' ? errorOf(answer) : stopped(null);
  }

  async function asked(request: HeaderRequest): Promise<HeaderResponse> {
    return await answerOf(await started(), request, secondsMax, () => tooSlow(secondsMax));
  }

  return {
    async read(file) {
      if (waiting >= WAITING_MAX) throw new TransientError(`More than ${WAITING_MAX} images wait to be read. Try again later.`);
      waiting++;
      const mine = turn.then(() => read(file));
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
  request: HeaderRequest | null,
  secondsMax: number,
  late: () => Error,
): Promise<HeaderResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<HeaderResponse>();
  const onMessage = (message: unknown) => {
    const { data, error } = HeaderResponse.safeParse(message);
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

function tooSlow(secondsMax: number): UserError {
  return new UserError(
    `Reading the header of the image takes longer than the limit of ${secondsMax} s. Save it as a plain JPEG, PNG or TIFF.`,
  );
}

function stopped(cause: Error | null): TransientError {
  return new TransientError('The process that reads images stopped while it read the header. Try again.', { cause });
}

function errorOf({ error, cause }: HeaderResponse & { state: 'failed' }): Error {
  return rebuilt(error, cause && rebuilt(cause, null));
}

function rebuilt({ name, message, code }: Failure, cause: Error | null): Error {
  const options = cause ? { cause } : {};
  if (name === 'UserError') return new UserError(message, options);
  if (name === 'TransientError') return new TransientError(message, options);
  return Object.assign(new Error(message, options), { name }, code === null ? {} : { code });
}

/** The one of this process. */
const ofThisProcess = headerReader();

/** As `HeaderReader.read`. */
export async function readHeaderInTime(file: ImageFile): Promise<ImageHeader> {
  return await ofThisProcess.read(file);
}
