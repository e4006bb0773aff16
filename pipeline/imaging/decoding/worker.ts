// Entry of the process that reads headers and renders views of files, one at a time. A decoder that hangs costs this process, which its
// parent then kills. A decoder that cannot be loaded is an answer, so that its cause is logged.
import { flushCompileCache } from 'node:module';
import type { DecoderRequest, DecoderResponse, Failure } from './decoder-messages.ts';

const loading = import('../image-reader.ts');
const ready = () => send({ state: 'ready' });

// Only the parent sends messages, and a schema would make the bundles of both share zod.
process.on('message', (request: DecoderRequest) => {
  answerTo(request).then(send, (error: unknown) => send({ state: 'failed', error: failureOf(error), cause: causeOf(error) }));
});

async function answerTo(request: DecoderRequest): Promise<DecoderResponse> {
  const { readHeader } = await loading;
  if (request.kind === 'header') return { state: 'done', header: await readHeader(request.file) };
  const { viewFile } = await import('../views/file-view.ts');
  return { state: 'viewed', view: await viewFile(request.file, request.view, request.scratchFolder) };
}

// A terminal signals the whole process group, but only the parent decides. If the parent is gone, so is the work; a normal exit would
// wait for a decoder that hangs.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
const end = () => process.kill(process.pid, 'SIGKILL');
process.on('disconnect', end);
loading.then(ready, ready).finally(flushCompileCache); // killed, it would lose the code that it compiled

function send(response: DecoderResponse): void {
  process.send?.(response, undefined, undefined, (error) => error && end());
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), code: null };
  return { name: error.name, message: error.message, code: 'code' in error ? String(error.code) : null };
}

function causeOf(error: unknown): Failure | null {
  return error instanceof Error && error.cause !== undefined ? failureOf(error.cause) : null;
}
