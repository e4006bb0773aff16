// Entry of the process that reads headers, one at a time. A decoder that hangs costs this process, which its parent then kills.
import { readHeader } from '../image-reader.ts';
import { type Failure, HeaderRequest, type HeaderResponse } from './header-messages.ts';

process.on('message', (message) => {
  readHeader(HeaderRequest.parse(message)).then(
    (header) => send({ state: 'done', header }),
    (error: unknown) => send({ state: 'failed', error: failureOf(error), cause: causeOf(error) }),
  );
});

// A terminal signals the whole process group, but only the parent decides. If the parent is gone, so is the work; a normal exit would
// wait for a decoder that hangs.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
send({ state: 'ready' });

function send(response: HeaderResponse): void {
  process.send?.(response);
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), code: null };
  return { name: error.name, message: error.message, code: 'code' in error ? String(error.code) : null };
}

function causeOf(error: unknown): Failure | null {
  return error instanceof Error && error.cause !== undefined ? failureOf(error.cause) : null;
}
