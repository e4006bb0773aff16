// The port for answers to callbacks over the local engine.
import { CALLBACK_BYTES_MAX } from '../../pipeline/contract/protocol.ts';
import type { CallbackAnswers } from '../../pipeline/ports.ts';
import type { Engine } from './engine.ts';
import { ServiceError } from './service-limits.ts';

export function localCallbacks(engine: Pick<Engine, 'succeedCallback' | 'failCallback' | 'heartbeatCallback'>): CallbackAnswers {
  const answered = (send: () => void): 'taken' | 'closed' => {
    try {
      send();
      return 'taken';
    } catch (error) {
      if (error instanceof ServiceError && CLOSED.has(error.name)) return 'closed';
      throw error;
    }
  };
  return {
    async succeed({ callbackId }, result) {
      if (Buffer.byteLength(result) > CALLBACK_BYTES_MAX) throw new Error('The result of a callback is too large.');
      return answered(() => engine.succeedCallback(callbackId, result));
    },
    fail: async ({ callbackId }, { type, message }) =>
      answered(() => engine.failCallback(callbackId, { ErrorType: type, ErrorMessage: message })),
    heartbeat: async ({ callbackId }) => answered(() => engine.heartbeatCallback(callbackId)),
  };
}

/** Also of an execution that was deleted. */
const CLOSED: ReadonlySet<string> = new Set(['CallbackTimeoutException', 'ResourceNotFoundException']);
