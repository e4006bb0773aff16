// `tilesight mcp`: the whole server on standard input and output, for a client that starts it. Ends with the client.
import { Console } from 'node:console';
import { resolve } from 'node:path';
import { SdkHttpError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { z } from 'zod';
import { readConfig } from '../../pipeline/config.ts';
import { sentenceOf } from '../../pipeline/contract/errors.ts';
import { terminalLog } from '../../pipeline/telemetry/terminal-log.ts';
import { allowedFolders } from '../allowed-folders.ts';
import { report } from '../terminal.ts';
import { checkOutFolder } from '../write-whole.ts';
import { forward } from './forward.ts';
import { sharedServer } from './shared-server.ts';

const McpOptions = z.strictObject({ data: z.string().optional(), allow: z.array(z.string()).optional(), page: z.boolean() });
/** A client that is closed waits two seconds for its servers before it ends them by force. */
const END_MS_MAX = 1_500;
const ANY_SERVER = 'http://127.0.0.1/mcp';

/** `values` are commander's. Resolves when the client has closed standard input, or a signal has ended the command. */
export async function mcpCommand(values: unknown): Promise<void> {
  const { data, allow, page } = McpOptions.parse(values);
  globalThis.console = new Console(process.stderr); // standard output is for the protocol only, whatever a library prints
  const config = readConfig();
  const dataFolder = resolve(data ?? config.TILESIGHT_HOME);
  const folders = await allowedFolders(allow, config);
  await checkOutFolder(dataFolder, '--data');
  await import('sharp'); // a server that cannot read images must not start
  const server = sharedServer({
    config,
    dataFolder,
    allowedFolders: folders,
    page,
    log: terminalLog(config.LOG_LEVEL),
    onFound: (sentence) => report(`tilesight ${sentence}\n`),
  });
  const transport = new StreamableHTTPClientTransport(new URL(ANY_SERVER), { fetch: server.fetch });
  const { ended, close } = forward(transport, { sentenceFor, reconnect: server.found });
  try {
    await Promise.race([ended, signalled(), server.found().then(() => ended)]);
  } finally {
    setTimeout(() => process.exit(), END_MS_MAX).unref();
    await close();
    await server.close();
  }
}

function sentenceFor(error: unknown): string {
  const own = sentenceOf(error);
  if (own) return own;
  if (error instanceof SdkHttpError) return `The server answered with HTTP status ${error.status}. Restart the client.`;
  return 'The connection to the server of this data folder broke. Send the request again.';
}

function signalled(): Promise<void> {
  const { promise, resolve: end } = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => end());
  return promise;
}
