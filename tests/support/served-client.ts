// A local server with real workers and a local model, and a client that is connected to it. Both end with the test.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { onTestFinished } from 'vitest';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { silent } from '../fixtures/engine-harness.ts';
import { temporaryFolder } from './folder.ts';

export async function servedClient(
  allowedFolders: string[],
  environment: Record<string, string> = {},
  dataFolder?: string,
): Promise<Client> {
  const config = readConfig({ DETECTION_MODELS: 'onnx:nanodet', LOG_LEVEL: 'silent', ...environment });
  const folder = dataFolder ?? (await temporaryFolder());
  const server = await serve({ config, dataFolder: folder, allowedFolders, port: 0, log: silent });
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', server.url)));
  onTestFinished(async () => {
    await client.close();
    await server.close();
  });
  return client;
}
