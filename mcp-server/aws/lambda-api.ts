// The client of Lambda with the commands that the MCP server sends, loaded on first use.
import type { LambdaClient } from '@aws-sdk/client-lambda';

export interface LambdaApiOptions {
  /** Instead of the endpoint of the region. */
  endpoint?: string;
  /** Longest time without a byte in either direction. Default: SILENCE_TIMEOUT_MS. */
  silenceTimeoutMs?: number;
}

export type LambdaApi = () => ReturnType<typeof load>;

const ATTEMPTS_MAX = 3; // with pauses of up to 0.1 and 0.2 s after a fault, 0.5 and 1 s if throttled
const CONNECT_TIMEOUT_MS = 5_000; // two lost SYN packets take 1 + 2 s
const SILENCE_TIMEOUT_MS = 5_000; // three attempts take 15 s of the 30 s of a tool call

export function lambdaApi(options: LambdaApiOptions = {}): LambdaApi {
  let loaded: ReturnType<typeof load> | undefined;
  return () => {
    loaded ??= load(options);
    return loaded;
  };
}

async function load({ endpoint, silenceTimeoutMs = SILENCE_TIMEOUT_MS }: LambdaApiOptions) {
  // Named imports, so that the bundler leaves out the other commands.
  const {
    LambdaClient,
    InvokeCommand,
    GetDurableExecutionCommand,
    ListDurableExecutionsByFunctionCommand,
    StopDurableExecutionCommand,
    SendDurableExecutionCallbackSuccessCommand,
    SendDurableExecutionCallbackFailureCommand,
    SendDurableExecutionCallbackHeartbeatCommand,
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
    SendDurableExecutionCallbackSuccessCommand,
    SendDurableExecutionCallbackFailureCommand,
    SendDurableExecutionCallbackHeartbeatCommand,
  };
}
