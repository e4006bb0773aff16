// Entry of a worker process: runs one model on one image at a time and sends back the result.
// onnxruntime-node runs a model on the calling thread, so that must not be the thread that serves requests.
import { z } from 'zod';
import type { Jpeg } from '../../ports.ts';
import { JobRequest, type JobResponse, type ModelName } from './model-jobs.ts';
import { detectObjects } from './nanodet.ts';
import { classifyNsfw } from './nsfw.ts';
import { readText } from './ppocr.ts';
import { type Sessions, sessions } from './sessions.ts';

const MODELS = {
  nanodet: detectObjects,
  ppocr: readText,
  nsfw: classifyNsfw,
} satisfies Record<ModelName, (sessions: Sessions, image: Jpeg) => Promise<unknown>>;

const modelsFolder = z.string().parse(process.argv[2]);
const loaded = sessions(modelsFolder);

process.on('message', (message) => {
  const { model, image } = JobRequest.parse(message);
  MODELS[model](loaded, image).then(
    (result) => send({ state: 'done', result }),
    (error: unknown) => send(failed(error)),
  );
});

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
