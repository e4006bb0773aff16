// The port for answers to callbacks over Lambda durable executions.
import { CALLBACK_BYTES_MAX } from '../../pipeline/contract/protocol.ts';
import type { CallbackAnswers, Log } from '../../pipeline/ports.ts';
import type { LambdaApi } from './lambda-api.ts';
import { answerOf } from './lambda-errors.ts';

/** Throws the errors of lambda-errors.ts. */
export function lambdaCallbacks({ lambda, log }: { lambda: LambdaApi; log: Log }): CallbackAnswers {
  const answered = async (executionId: string, sent: Promise<unknown>): Promise<'taken' | 'closed'> => {
    const outcome = sent.then(
      () => 'taken' as const,
      (error: unknown) => {
        if (error instanceof Error && CLOSED.has(error.name)) return 'closed' as const;
        throw error;
      },
    );
    return await answerOf(outcome, { id: executionId, log });
  };
  return {
    async succeed({ executionId, callbackId }, result) {
      const bytes = Buffer.from(result);
      if (bytes.length > CALLBACK_BYTES_MAX) throw new Error('The result of a callback is too large.');
      const { client, SendDurableExecutionCallbackSuccessCommand } = await lambda();
      const command = new SendDurableExecutionCallbackSuccessCommand({ CallbackId: callbackId, Result: bytes });
      return await answered(executionId, client.send(command));
    },
    async fail({ executionId, callbackId }, { type, message }) {
      const { client, SendDurableExecutionCallbackFailureCommand } = await lambda();
      const error = { ErrorType: type, ErrorMessage: message };
      const command = new SendDurableExecutionCallbackFailureCommand({ CallbackId: callbackId, Error: error });
      return await answered(executionId, client.send(command));
    },
    async heartbeat({ executionId, callbackId }) {
      const { client, SendDurableExecutionCallbackHeartbeatCommand } = await lambda();
      return await answered(
        executionId,
        client.send(new SendDurableExecutionCallbackHeartbeatCommand({ CallbackId: callbackId })),
      );
    },
  };
}

/** Also of an execution that the service has deleted. If an answer is lost on the way, its retry finds the callback closed by itself. */
const CLOSED: ReadonlySet<string> = new Set(['CallbackTimeoutException', 'ResourceNotFoundException']);
