// Hands images to worker processes, one at a time each, in the order they came. Knows processes; knows nothing of models.
// Processes, not threads: onnxruntime-node aborts a whole process that exits while one of its threads runs a model
// (seen with 1.30 in 5 of 5 exits), and a crash in native code takes only a worker with it.
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { TransientError, UserError } from '../../contract/errors.ts';
import type { Jpeg } from '../../ports.ts';
import type { LookName, LookRequest, LookResponse, Looks } from './model-jobs.ts';

const WORKERS_MAX = 4; // 270 MB each with NanoDet, up to 460 MB with PP-OCR on 1,024 px tiles: 1.8 GB
const WAITING_MAX = 1_000; // tiles of about 0.1 MB: 100 MB

export interface Pool {
  look<Name extends LookName>(look: Name, image: Jpeg): Promise<Looks[Name]>;
}

interface Job {
  request: LookRequest;
  resolve: (seen: Looks[LookName]) => void;
  reject: (error: Error) => void;
}

/** Workers start on demand, at most one a core, and keep this process alive only while they look. */
export function workerPool(modelsFolder: string): Pool {
  // By a name of package.json, as a bundle has it elsewhere.
  const workerFile = createRequire(import.meta.url).resolve('#onnx-worker');
  const workersMax = Math.min(WORKERS_MAX, availableParallelism());
  const waiting: Job[] = [];
  const idle: ChildProcess[] = [];
  const busy = new Map<ChildProcess, Job>();

  function next(): void {
    while (waiting.length > 0 && (idle.length > 0 || busy.size < workersMax)) {
      const job = waiting.shift() as Job;
      const worker = idle.pop() ?? start();
      busy.set(worker, job);
      keepsAlive(worker, true);
      worker.send(job.request, (error) => error && end(worker, error));
    }
  }

  function start(): ChildProcess {
    // The caller's flags are its own: --eval or --inspect make no sense in a worker.
    const worker = fork(workerFile, [modelsFolder], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    worker.on('message', (response) => {
      const job = busy.get(worker);
      busy.delete(worker);
      keepsAlive(worker, false);
      idle.push(worker);
      if (job) settle(job, response as LookResponse);
      next();
    });
    worker.on('error', (error) => end(worker, error));
    worker.on('exit', (code, signal) => end(worker, new Error(`The worker ended with ${signal ?? code}.`)));
    return worker;
  }

  /** A worker that died takes only its own image with it; the next image gets a new worker. */
  function end(worker: ChildProcess, cause: Error): void {
    const job = busy.get(worker);
    busy.delete(worker);
    if (idle.includes(worker)) idle.splice(idle.indexOf(worker), 1);
    worker.kill('SIGKILL');
    job?.reject(new TransientError('The local model stopped while it looked at an image. Try again.', { cause }));
    next();
  }

  return {
    look<Name extends LookName>(look: Name, image: Jpeg) {
      if (waiting.length >= WAITING_MAX) {
        throw new TransientError(`Expected at most ${WAITING_MAX} images to wait for the local models. Try again later.`);
      }
      return new Promise<Looks[Name]>((resolve, reject) => {
        waiting.push({ request: { look, image }, resolve: resolve as Job['resolve'], reject });
        next();
      });
    },
  };
}

function keepsAlive(worker: ChildProcess, alive: boolean): void {
  for (const handle of [worker, worker.channel]) {
    if (alive) handle?.ref();
    else handle?.unref();
  }
}

function settle(job: Job, response: LookResponse): void {
  if (response.state === 'seen') job.resolve(response.seen);
  else job.reject(response.name === 'UserError' ? new UserError(response.message) : new Error(response.message));
}
