// Entry of a worker process: takes one image at a time, looks at it with the model asked for, sends back what it saw.
// onnxruntime-node runs a model on the thread that asks, so that thread must not be the one that serves requests.
import type { Jpeg } from '../../ports.ts';
import type { LookName, LookRequest, LookResponse, Looks } from './model-jobs.ts';
import { findThings } from './nanodet.ts';
import { classifyNsfw } from './nsfw.ts';
import { readText } from './ppocr.ts';
import { type Sessions, sessions } from './sessions.ts';

const LOOKS: { [name in LookName]: (sessions: Sessions, image: Jpeg) => Promise<Looks[name]> } = {
  nanodet: findThings,
  ppocr: readText,
  nsfw: classifyNsfw,
};

const [, , modelsFolder = ''] = process.argv;
const loaded = sessions(modelsFolder);

process.on('message', (request) => {
  const { look, image } = request as LookRequest;
  LOOKS[look](loaded, image).then(
    (seen) => send({ state: 'seen', seen }),
    (error: unknown) => send({ state: 'failed', ...nameAndMessage(error) }),
  );
});

// A terminal signals the whole group. Only the parent decides; when it is gone, so is the work.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(0));

function send(response: LookResponse): void {
  process.send?.(response, undefined, undefined, (error) => error && process.exit(0));
}

function nameAndMessage(error: unknown): { name: string; message: string } {
  return error instanceof Error ? { name: error.name, message: error.message } : { name: 'Error', message: String(error) };
}
