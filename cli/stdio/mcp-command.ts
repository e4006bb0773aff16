// `tilesight mcp`: the whole server on standard input and output, for a client that starts it. Ends with the client, also while the
// server is being loaded: so this file loads no more than the messages need.
import { Console } from 'node:console';
import { SdkHttpError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { BODY_TOO_LARGE } from '../../mcp-server/access/http-limits.ts';
import { sentenceOf } from '../../pipeline/contract/errors.ts';
import { forward } from './forward.ts';
import type { SharedServer } from './shared-server.ts';

/** Clients wait two seconds for their servers before they end them by force. */
const END_MS_MAX = 1_000;
const ANY_SERVER = new URL('http://127.0.0.1/mcp');

/** `values` are commander's. Resolves when the client has closed standard input, or a signal has ended the command. */
export async function mcpCommand(values: unknown): Promise<void> {
  globalThis.console = new Console(process.stderr); // standard output is for the protocol only, whatever a library prints
  const opened: SharedServer[] = [];
  const opening = import('./open-server.ts').then(async ({ openServer }) => {
    const server = await openServer(values);
    opened.push(server);
    await server.found();
    return server;
  });
  const transport = new StreamableHTTPClientTransport(ANY_SERVER, { fetch: async (...call) => (await opening).fetch(...call) });
  const { ended, close } = forward(transport, { sentenceFor, reconnect: async () => (await opening).found() });
  let hasFailed = true;
  try {
    await Promise.race([ended, signalled(), opening.then(() => ended)]);
    hasFailed = false;
  } finally {
    // Nothing is lost: every checkpoint is on disk, and the workers end with this process.
    if (opened.length === 0 && !hasFailed) process.exit();
    setTimeout(() => process.exit(), END_MS_MAX).unref();
    await close();
    for (const server of opened) await server.close();
  }
}

function sentenceFor(error: unknown): string {
  const own = sentenceOf(error);
  if (own) return own;
  if (error instanceof SdkHttpError && error.status === 413) return BODY_TOO_LARGE;
  if (error instanceof SdkHttpError) return `The server answered with HTTP status ${error.status}. Restart the client.`;
  return 'The connection to the server of this data folder broke. Send the request again.';
}

function signalled(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  return promise;
}
