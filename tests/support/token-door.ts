// A local server with `--auth token`, on a free port, and clients that send a token to it.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as Client2025 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport2025 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { onTestFinished } from 'vitest';
import { type LocalServer, serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { temporaryFolder } from './folder.ts';
import { type ClientKind, MODES, type TestClient, testClient } from './mcp-clients.ts';

export const TOKEN = 'k3Zt0PqW9vLx-Nc8_rYb.T5sJ~dM2hFe+Ga1/uo4==';

export interface Door extends LocalServer {
  /** Everything that was logged, as JSON. */
  logged(): string;
}

export async function door(dataFolder?: string): Promise<Door> {
  let logged = '';
  const write = (...parts: unknown[]) => {
    logged += `${JSON.stringify(parts)}\n`;
  };
  const server = await serve({
    config: readConfig({ DETECTION_MODELS: 'onnx:nanodet' }),
    dataFolder: dataFolder ?? (await temporaryFolder()),
    allowedFolders: [],
    port: 0,
    token: TOKEN,
    log: { debug: write, info: write, warn: write, error: write },
  });
  onTestFinished(() => server.close());
  return { ...server, logged: () => logged };
}

/** A client that sends a header for the token, as users configure it. */
export async function clientWith(token: string, url: string, kind: ClientKind): Promise<TestClient> {
  const address = new URL('/mcp', url);
  const options = { requestInit: { headers: { Authorization: `Bearer ${token}` } } };
  const identity = { name: 'test', version: '1' };
  const client = kind === '1.32' ? new Client2025(identity) : new Client(identity, { versionNegotiation: { mode: MODES[kind] } });
  onTestFinished(() => client.close());
  await (client instanceof Client2025
    ? client.connect(new Transport2025(address, options) as never)
    : client.connect(new StreamableHTTPClientTransport(address, options)));
  return await testClient(client);
}
