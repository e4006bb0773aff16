// Launcher over Lambda durable executions. Knows the calls of the service and their quotas; knows nothing of the pipeline.
import type { Execution, GetDurableExecutionResponse } from '@aws-sdk/client-lambda';
import { UserError } from '../../pipeline/contract/errors.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument, writeDocument, writeNewDocument } from '../../pipeline/documents.ts';
import type { Blobs, ExecutionState, Launcher, Log } from '../../pipeline/ports.ts';
import type { LambdaApi } from './lambda-api.ts';
import { answerOf, answerOrNull, refused } from './lambda-errors.ts';

export interface LambdaLauncherOptions {
  /** Name and alias: executions can be started by a qualified name only. */
  functionName: string;
  /** Stores the ARN of each execution: listing them allows 15 calls a second for the whole account. */
  blobs: Blobs;
  lambda: LambdaApi;
  log: Log;
}

const PAYLOAD_BYTES_MAX = 1_048_576; // Lambda quotas, asynchronous invocation

/** Throws the errors of lambda-errors.ts. */
export function lambdaLauncher({ functionName, blobs, lambda, log }: LambdaLauncherOptions): Launcher {
  async function arnOf(id: string): Promise<string | null> {
    return (await readDocument(documents.launched(id), blobs))?.arn ?? null;
  }

  /** `false` if the same ARN was stored before. */
  async function storeArn(id: string, arn: string): Promise<boolean> {
    if (await writeNewDocument(documents.launched(id), { arn }, blobs)) return true;
    if ((await arnOf(id)) === arn) return false;
    await writeDocument(documents.launched(id), { arn }, blobs); // the service has deleted the earlier execution and started another
    return true;
  }

  async function found(id: string): Promise<GetDurableExecutionResponse | Execution | null> {
    const { client, GetDurableExecutionCommand, ListDurableExecutionsByFunctionCommand } = await lambda();
    const arn = await arnOf(id);
    const known = arn && (await answerOrNull(client.send(new GetDurableExecutionCommand(withoutData(arn))), { id, log }));
    if (known) return known;
    // By the alias, then without: the alias may have moved on to another version, and without it the service may list $LATEST only.
    const colon = functionName.lastIndexOf(':');
    const named = { FunctionName: functionName.slice(0, colon), DurableExecutionName: id };
    for (const query of [{ ...named, Qualifier: functionName.slice(colon + 1) }, named]) {
      const list = await answerOf(client.send(new ListDurableExecutionsByFunctionCommand(query)), { id, log });
      const execution = newest(list.DurableExecutions ?? [], id);
      if (execution) return execution;
    }
    return null;
  }

  async function describe(id: string): Promise<ExecutionState | null> {
    const execution = await found(id);
    if (!execution) return null;
    const { DurableExecutionArn: arn = '', Status: status, StartTimestamp: startedAt, EndTimestamp: endedAt } = execution;
    if (!startedAt) throw new Error(`The execution ${id} has no start time.`);
    if (status === 'RUNNING' || !endedAt) return { state: 'running', startedAt };
    if (status === 'SUCCEEDED') return { state: 'succeeded', startedAt, endedAt };
    const { client, GetDurableExecutionCommand } = await lambda();
    const whole = await answerOrNull(client.send(new GetDurableExecutionCommand({ DurableExecutionArn: arn })), { id, log });
    const { ErrorType: type = 'Error', ErrorMessage: message = '' } = whole?.Error ?? {};
    const state = ({ FAILED: 'failed', STOPPED: 'stopped', TIMED_OUT: 'timed-out' } as const)[status ?? 'FAILED'];
    return { state, startedAt, endedAt, error: { type, message } };
  }

  return {
    async start(request) {
      const { client, InvokeCommand } = await lambda();
      const id = request.execution_id;
      const invocation = { FunctionName: functionName, InvocationType: 'Event', DurableExecutionName: id } as const;
      const { DurableExecutionArn: arn } = await answerOf(
        client.send(new InvokeCommand({ ...invocation, Payload: payloadOf(request) })),
        { id, log },
      );
      if (arn === undefined)
        throw refused(new Error(`Lambda returned no ARN of a durable execution. Is ${functionName} durable?`), log);
      return { created: await storeArn(id, arn) };
    },
    describe,
    // The service has no call that deletes an execution.
    forget: async (id) => ((await describe(id))?.state === 'running' ? 'busy' : 'kept'),
    async stop(id, { type, message }) {
      const execution = await found(id);
      if (!execution) return null;
      if (execution.Status !== 'RUNNING') return await describe(id);
      const { client, StopDurableExecutionCommand } = await lambda();
      const error = { ErrorType: type, ErrorMessage: message };
      const stopping = { DurableExecutionArn: execution.DurableExecutionArn, Error: error };
      const refusal = await client.send(new StopDurableExecutionCommand(stopping)).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      const state = await describe(id);
      // The error for an execution that has just ended is not documented, so its state decides.
      if (refusal !== null && state?.state === 'running') await answerOf(Promise.reject(refusal), { id, log });
      return state;
    },
  };
}

const withoutData = (arn: string) => ({ DurableExecutionArn: arn, IncludeExecutionData: false });

/** Filters and sorts itself: the documentation contradicts itself on prefix matches and on the order. */
function newest(executions: readonly Execution[], id: string): Execution | null {
  const own = executions.filter(({ DurableExecutionName: name }) => name === id);
  return own.sort((a, b) => Number(b.StartTimestamp) - Number(a.StartTimestamp))[0] ?? null;
}

function payloadOf(request: AnalysisRequest): Uint8Array {
  const payload = Buffer.from(JSON.stringify(request));
  if (payload.length <= PAYLOAD_BYTES_MAX) return payload;
  throw new UserError(
    `The request has ${payload.length} bytes, but at most ${PAYLOAD_BYTES_MAX} are possible. Use fewer labels and a shorter look_for.`,
  );
}
