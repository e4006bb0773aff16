// Runs models on images in worker processes: one image at a time in each. First come, first served, but the next model of an image goes
// to the worker that has decoded it. Knows processes, not models.
// Processes, not threads: onnxruntime-node aborts a whole process that exits while one of its threads runs a model (seen with 1.30
// in 5 of 5 exits), and a crash in native code takes down only one worker.
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { AnswerError, TransientError, UserError } from '../../contract/errors.ts';
import { unfitProcessor } from '../../contract/native-packages.ts';
import { MIN_SCORE_DEFAULT } from '../../contract/schemas.ts';
import type { TileJpeg } from '../../ports.ts';
import type { ExecutionProvider } from '../../providers/execution-providers.ts';
import { memoryBytesMax, TOO_MUCH_MEMORY } from './guard-thread.ts';
import { type ImageJob, type JobRequest, JobResponse, type ModelJob } from './model-jobs.ts';

// Measured with an initial heap of 128 MB: 550 MB each with both default models, up to 850 MB on 1,024 px tiles, 3.4 GB in all.
const WORKERS_MAX = 4;
/** From the 12 MB that the code takes, V8 lets its heap grow by so little that it collected garbage at nearly every tile. */
const HEAP_FLAGS = ['--initial-heap-size=64'];
const WAITING_MAX = 1_000; // tiles of about 0.1 MB: 100 MB

export interface ModelPool {
  /** A detector leaves out what scores lower than `minScore`; a classifier ignores it. */
  run<Result>(job: ModelJob<Result>, image: TileJpeg, minScore?: number): Promise<Result>;
  /** Ends idle workers now and busy ones after their image. */
  close(): void;
}

interface Queued {
  request: ImageJob;
  limit: ModelJob<unknown>['limit'];
  timer?: NodeJS.Timeout;
  settle(response: JobResponse): void;
  fail(error: Error): void;
}

/**
 * Workers start on demand, at most one per core. They keep this process alive only while they work. One that runs a model of a user's ends
 * before it holds more than `bytesMax` of memory: most of what the machine has by default.
 */
export function modelPool(
  modelsFolder: string,
  { bytesMax = memoryBytesMax(), executionProvider = 'cpu' }: { bytesMax?: number; executionProvider?: ExecutionProvider } = {},
): ModelPool {
  // By a name of package.json: a bundle has the file elsewhere.
  const workerFile = createRequire(import.meta.url).resolve('#onnx-worker');
  const workersMax = Math.min(WORKERS_MAX, availableParallelism());
  const queue: Queued[] = [];
  const idle: ChildProcess[] = [];
  const busy = new Map<ChildProcess, Queued>();
  /** Their bytes. */
  const lastImages = new WeakMap<ChildProcess, Uint8Array>();
  let isClosed = false;

  function startQueued(): void {
    while (idle.length > 0 || busy.size < workersMax) {
      const next = takeNext();
      if (next === null) return;
      const { job, worker } = next;
      busy.set(worker, job);
      startTimer(worker, job);
      keepAlive(worker, true);
      worker.send(messageTo(worker, job.request), (error) => error && endWorker(worker, error));
    }
  }

  function takeNext(): { job: Queued; worker: ChildProcess } | null {
    for (const worker of idle) {
      const place = queue.findIndex(({ request }) => request.image.bytes === lastImages.get(worker));
      const [job] = place < 0 ? [] : queue.splice(place, 1);
      if (!job) continue;
      idle.splice(idle.indexOf(worker), 1);
      return { job, worker };
    }
    const job = queue.shift();
    return job ? { job, worker: idle.pop() ?? startWorker() } : null;
  }

  function messageTo(worker: ChildProcess, { model, minScore, image }: ImageJob): JobRequest {
    const { width, height, readLines = [] } = image;
    const bytes = lastImages.get(worker) === image.bytes ? null : image.bytes;
    lastImages.set(worker, image.bytes);
    return { model, minScore, image: { bytes, width, height, readLines: [...readLines] } };
  }

  /** With a limit, so that a model that never ends does not hold a worker for ever. */
  function startTimer(worker: ChildProcess, job: Queued): void {
    const { limit } = job;
    if (!limit) return;
    const ended = new Error(`The image took longer than ${limit.ms} ms.`);
    job.timer = setTimeout(() => endWorker(worker, ended, new AnswerError(limit.sentence, { cause: ended })), limit.ms);
  }

  function jobOf(worker: ChildProcess): Queued | undefined {
    const job = busy.get(worker);
    busy.delete(worker);
    clearTimeout(job?.timer);
    return job;
  }

  function startWorker(): ChildProcess {
    // Not the flags of this process: --eval or --inspect make no sense in a worker.
    const worker = fork(workerFile, [modelsFolder, String(bytesMax), executionProvider], {
      serialization: 'advanced',
      execArgv: HEAP_FLAGS,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    worker.on('message', (message) => {
      const job = jobOf(worker);
      keepAlive(worker, false);
      if (isClosed) worker.kill('SIGKILL');
      else idle.push(worker);
      const { data: response, error } = JobResponse.safeParse(message);
      if (response) job?.settle(response);
      else job?.fail(error);
      setImmediate(startQueued); // by then, the caller has asked for the next model of the image
    });
    worker.on('error', (error) => endWorker(worker, error));
    worker.on('exit', (code, signal) => {
      const cause = new Error(`The worker ended with ${signal ?? code}.`);
      endWorker(worker, cause, failureOf(signal, cause, bytesMax));
    });
    return worker;
  }

  /** A worker that died takes down only its own image. The next image gets a new worker. */
  function endWorker(worker: ChildProcess, cause: Error, failure: Error = stopped(cause)): void {
    const job = jobOf(worker);
    if (idle.includes(worker)) idle.splice(idle.indexOf(worker), 1);
    worker.kill('SIGKILL');
    job?.fail(failure);
    startQueued();
  }

  return {
    run<Result>({ model, result, limit }: ModelJob<Result>, image: TileJpeg, minScore = MIN_SCORE_DEFAULT): Promise<Result> {
      if (queue.length >= WAITING_MAX) {
        throw new TransientError(`More than ${WAITING_MAX} images wait for the local models. Try again later.`);
      }
      return new Promise((resolve, reject) => {
        const settle = (response: JobResponse) => {
          if (response.state === 'failed') reject(errorOf(response));
          else resolve(result.parseAsync(response.result));
        };
        queue.push({ request: { model, image, minScore }, limit, settle, fail: reject });
        startQueued();
      });
    },
    close() {
      isClosed = true;
      for (const worker of idle.splice(0)) worker.kill('SIGKILL');
    },
  };
}

function failureOf(signal: string | null, cause: Error, bytesMax: number): Error {
  if (signal === 'SIGILL') return unfitProcessor(cause);
  if (signal !== TOO_MUCH_MEMORY) return stopped(cause);
  const gibibytes = (bytesMax / 1_024 ** 3).toFixed(1);
  const sentence = `The local models need more than ${gibibytes} GiB of memory for a tile. Use smaller models, or fewer of them.`;
  return new AnswerError(sentence, { cause });
}

function stopped(cause: Error): TransientError {
  return new TransientError('The process of the local model stopped while it analyzed an image. Try again.', { cause });
}

function keepAlive(worker: ChildProcess, alive: boolean): void {
  for (const handle of [worker, worker.channel]) {
    if (alive) handle?.ref();
    else handle?.unref();
  }
}

function errorOf({ name, message }: JobResponse & { state: 'failed' }): Error {
  if (name === 'AnswerError') return new AnswerError(message);
  return name === 'UserError' ? new UserError(message) : new Error(message);
}
