// A server that stops while clients wait for an execution: their calls end with it, and read nothing from stores that are closed.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { temporaryFolder } from '../support/folder.ts';

const DESCRIBED_AFTER_MS = 5_500; // a call that waits asks the engine every 5 s
const Started = z.object({ structuredContent: z.object({ execution_id: z.string() }) });

test('calls that wait for an execution end with the server, without an error in its log', { timeout: 30_000 }, async () => {
  const errors: string[] = [];
  const quiet = () => {};
  const log = { debug: quiet, info: quiet, warn: quiet, error: (_: object, sentence: string) => void errors.push(sentence) };
  const config = readConfig({ DETECTION_MODELS: 'onnx:nanodet', LOG_LEVEL: 'silent' });
  const dataFolder = await temporaryFolder();
  const { url, close } = await serve({ config, dataFolder, allowedFolders: ['examples'], port: 0, log });
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', url)));
  const image = pathToFileURL(join('examples', 'lawn.jpg')).href;
  const started = Started.parse(await client.callTool({ name: 'analyze_image', arguments: { image } }));
  const { execution_id } = started.structuredContent;
  const waiting = Array.from({ length: 3 }, () =>
    client.callTool({ name: 'get_execution', arguments: { execution_id, wait_seconds: 25 } }).catch(() => 'ended'),
  );
  await delay(300);
  await close();
  await client.close();
  await Promise.all(waiting);
  await delay(DESCRIBED_AFTER_MS);
  expect(errors).toEqual([]);
});
