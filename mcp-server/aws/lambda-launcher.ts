// Launcher over Lambda durable executions. Knows the service's calls and how few of them an account has; knows nothing of what runs.
import type { Execution, GetDurableExecutionResponse, LambdaClient } from '@aws-sdk/client-lambda';
import { UserError } from '../../pipeline/contract/errors.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument, writeDocument, writeNewDocument } from '../../pipeline/documents.ts';
import type { Blobs, ExecutionState, Launcher, Log } from '../../pipeline/ports.ts';
import { answerOf, answerOrNull, refused } from './lambda-errors.ts';

export interface LambdaLauncherOptions {
  /** Name and alias: executions can be started on a qualified name only. */
  functionName: string;
  /** Remembers which execution has which name: asking the service is 15 calls a second for the whole account. */
  blobs: Blobs;
  log: Log;
  /** In place of the region's own. */
  endpoint?: string;
  /** Without a byte in either direction; SILENCE_TIMEOUT_MS when left out. */
  silenceTimeoutMs?: number;
}

const PAYLOAD_BYTES_MAX = 1_048_576; // of an asynchronous invocation: Lambda quotas
const ATTEMPTS_MAX = 3; // waits of up to 0.1 and 0.2 s after a fault, of 0.5 and 1 s after too many calls
const CONNECT_TIMEOUT_MS = 5_000; // two lost SYN packets: 1 + 2 s, and the way itself
const SILENCE_TIMEOUT_MS = 5_000; // three attempts: 15 s of the 30 s that a call of a tool has

/** The client is loaded on first use. Errors as in lambda-errors.ts. */
export function lambdaLauncher(options: LambdaLauncherOptions): Launcher {
  const { functionName, blobs, log } = options;
  let loaded: ReturnType<typeof load> | undefined;
  const lambda = () => {
    loaded ??= load(options);
    return loaded;
  };

  async function arnOf(id: string): Promise<string | null> {
    return (await readDocument(documents.launched(id), blobs))?.arn ?? null;
  }

  /** False when somebody had noted the same one before. */
  async function note(id: string, arn: string): Promise<boolean> {
    if (await writeNewDocument(documents.launched(id), { arn }, blobs)) return true;
    if ((await arnOf(id)) === arn) return false;
    await writeDocument(documents.launched(id), { arn }, blobs); // the service has forgotten the one before, and began another
    return true;
  }

  async function found(id: string): Promise<GetDurableExecutionResponse | Execution | null> {
    const { client, GetDurableExecutionCommand, ListDurableExecutionsByFunctionCommand } = await lambda();
    const arn = await arnOf(id);
    const known = arn && (await answerOrNull(client.send(new GetDurableExecutionCommand(withoutData(arn))), { id, log }));
    if (known) return known;
    // By its plain name: the filter by alias means the version that was behind it then.
    const query = { FunctionName: functionName.slice(0, functionName.lastIndexOf(':')), DurableExecutionName: id };
    const list = await answerOf(client.send(new ListDurableExecutionsByFunctionCommand(query)), { id, log });
    return newest(list.DurableExecutions ?? [], id);
  }

  async function describe(id: string): Promise<ExecutionState | null> {
    const execution = await found(id);
    if (!execution) return null;
    const { DurableExecutionArn: arn = '', Status: status, StartTimestamp: startedAt, EndTimestamp: endedAt } = execution;
    if (!startedAt) throw new Error('Expected when the execution was started.');
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
        throw refused(new Error(`Expected the ARN of a durable execution. Is ${functionName} durable?`), log);
      return { created: await note(id, arn) };
    },
    describe,
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
      // How the service refuses one that has ended meanwhile is written nowhere: its state says that it has.
      if (refusal !== null && state?.state === 'running') await answerOf(Promise.reject(refusal), { id, log });
      return state;
    },
  };
}

const withoutData = (arn: string) => ({ DurableExecutionArn: arn, IncludeExecutionData: false });

/** Of this very name: documents of the service differ on whether a part of one is enough, and on which end comes first. */
function newest(executions: readonly Execution[], id: string): Execution | null {
  const own = executions.filter(({ DurableExecutionName: name }) => name === id);
  return own.sort((a, b) => Number(b.StartTimestamp) - Number(a.StartTimestamp))[0] ?? null;
}

function payloadOf(request: AnalysisRequest): Uint8Array {
  const payload = Buffer.from(JSON.stringify(request));
  if (payload.length <= PAYLOAD_BYTES_MAX) return payload;
  throw new UserError(
    `Expected a request of at most ${PAYLOAD_BYTES_MAX} bytes, got ${payload.length}. Use fewer labels and words.`,
  );
}

async function load({ endpoint, silenceTimeoutMs = SILENCE_TIMEOUT_MS }: LambdaLauncherOptions) {
  // By name, so that a bundler leaves out the other commands.
  const {
    LambdaClient,
    InvokeCommand,
    GetDurableExecutionCommand,
    ListDurableExecutionsByFunctionCommand,
    StopDurableExecutionCommand,
  } = await import('@aws-sdk/client-lambda');
  const client: LambdaClient = new LambdaClient({
    retryMode: 'standard',
    maxAttempts: ATTEMPTS_MAX,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: silenceTimeoutMs },
    ...(endpoint !== undefined && { endpoint }),
  });
  return {
    client,
    InvokeCommand,
    GetDurableExecutionCommand,
    ListDurableExecutionsByFunctionCommand,
    StopDurableExecutionCommand,
  };
}
