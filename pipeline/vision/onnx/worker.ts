// Entry of a worker process: runs one model on one image at a time and sends back the result.
// onnxruntime-node runs a model on the calling thread, so that must not be the thread that serves requests. The models are loaded when
// the first image comes: a native package that does not fit this system is then an answer, not a process that ends.
import { flushCompileCache } from 'node:module';
import { z } from 'zod';
import { withPackageAdvice } from '../../contract/native-packages.ts';
import type { TileJpeg } from '../../ports.ts';
import { ExecutionProvider } from '../../providers/execution-providers.ts';
import { memoryBytesMax, startGuard } from './guard-thread.ts';
import { JobRequest, type JobResponse } from './model-jobs.ts';

const modelsFolder = z.string().parse(process.argv[2]);
const bytesMax = z.coerce.number().optional().parse(process.argv[3]) ?? memoryBytesMax();
const executionProvider = ExecutionProvider.parse(process.argv[4] ?? 'cpu');
let isGuarded = false;
let lastBytes: Uint8Array | null = null;
let models: ReturnType<typeof import('./models.ts')['localModels']> | null = null;

process.on('message', (message) => {
  answer(JobRequest.parse(message)).then(
    (result) => send({ state: 'done', result }),
    (error: unknown) => send(failed(withPackageAdvice(error))),
  );
});

/** The same bytes for all models of a tile: it is decoded for the first one. */
function imageOf({ bytes, ...image }: JobRequest['image']): TileJpeg {
  lastBytes = bytes ?? lastBytes;
  if (lastBytes === null) throw new Error('The first request of a worker must bring its image.');
  return { bytes: lastBytes, ...image };
}

async function answer(request: JobRequest): Promise<unknown> {
  const job = { ...request, image: imageOf(request.image) };
  if (typeof request.model !== 'string' && !isGuarded) {
    startGuard(bytesMax); // a model that a user brought may never return, or take all memory
    isGuarded = true;
  }
  if (models !== null) return await models(job);
  models = (await import('./models.ts')).localModels(modelsFolder, executionProvider);
  try {
    return await models(job);
  } finally {
    setImmediate(flushCompileCache); // this process is killed, which would lose the code that it compiled
  }
}

// A terminal signals the whole process group, but only the parent decides. If the parent is gone, so is the work.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(0));

function send(response: JobResponse): void {
  process.send?.(response, undefined, undefined, (error) => error && process.exit(0));
}

function failed(error: unknown): JobResponse {
  if (error instanceof Error) return { state: 'failed', name: error.name, message: error.message };
  return { state: 'failed', name: 'Error', message: String(error) };
}
