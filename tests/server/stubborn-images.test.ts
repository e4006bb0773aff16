// Images that keep a parser busy, sent to a real server with real workers: they are refused with a sentence, everyone else is answered,
// and an ordinary image starts.
import { execFileSync } from 'node:child_process';
import { cp, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect, onTestFinished, test } from 'vitest';
import { serve } from '../../local/serve.ts';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import { analyzeImage } from '../../mcp-server/tools/analyze-image.ts';
import { readConfig } from '../../pipeline/config.ts';
import type { Log } from '../../pipeline/ports.ts';
import { temporaryFolder } from '../support/folder.ts';
import { writeManyDirectories } from '../support/many-pages.ts';

const DIRECTORIES = 200_000;
const TOO_MANY = 'The image must not have more than 5,000 frames or pages, but it has more. Send only the one to analyze.';
const quiet = () => {};
const SILENT: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

async function served() {
  const folder = await temporaryFolder();
  const config = readConfig({ DETECTION_MODELS: 'onnx:nanodet', LOG_LEVEL: 'silent' });
  const server = await serve({ config, dataFolder: await temporaryFolder(), allowedFolders: [folder], port: 0, log: SILENT });
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', server.url)));
  onTestFinished(async () => {
    await client.close();
    await server.close();
  });
  const call = async (name: string, args: Record<string, unknown>) => await client.callTool({ name, arguments: args });
  const ended = async (execution_id: string) => {
    for (;;) {
      const view = ExecutionView.parse((await call('get_execution', { execution_id, wait_seconds: 5 })).structuredContent);
      if (view.status !== 'RUNNING') return view;
    }
  };
  const started = async (image: string) =>
    analyzeImage.output.parse((await call('analyze_image', { image })).structuredContent).execution_id;
  const ordinary = join(folder, 'ordinary.jpg');
  await cp('examples/lawn.jpg', ordinary);
  return { folder, call, ended, started, ordinary };
}

test('six dry runs and two analyses of TIFFs with 200,000 directories end with a sentence, and get_execution is answered meanwhile', {
  timeout: 120_000,
}, async () => {
  const { folder, call, ended, started, ordinary } = await served();
  const image = join(folder, 'many.tif');
  await writeManyDirectories(image, DIRECTORIES);
  const other = await started(ordinary);
  const dryRuns = Promise.all(Array.from({ length: 6 }, () => call('analyze_image', { image, dry_run: true })));
  const analysis = await started(image);
  for (let poll = 0; poll < 20; poll++) {
    const view = await call('get_execution', { execution_id: other });
    expect(view).not.toHaveProperty('isError', true);
  }
  for (const { isError, content } of await dryRuns) {
    expect(isError).toBe(true);
    expect(JSON.stringify(content)).toContain(TOO_MANY);
  }
  expect(await ended(analysis)).toMatchObject({ status: 'FAILED', reason: TOO_MANY });
  await call('cancel_execution', { execution_id: other });
});

test('pipes that take the place of named images occupy no worker: they end with a sentence, and an ordinary image starts', {
  timeout: 120_000,
}, async () => {
  const { folder, call, ended, started, ordinary } = await served();
  const pipes = await Promise.all(
    [0, 1].map(async (index) => {
      const image = join(folder, `named-${index}.jpg`);
      await cp(ordinary, image);
      execFileSync('mkfifo', [`${image}.pipe`]);
      return image;
    }),
  );
  const executions: string[] = [];
  for (const image of pipes) {
    const starting = started(image);
    executions.push(await starting);
    await rename(`${image}.pipe`, image);
  }
  const next = await started(ordinary);
  for (const execution_id of executions) await call('cancel_execution', { execution_id });
  for (const execution_id of executions) {
    // A worker may have copied the image before it was replaced.
    const { status, reason } = await ended(execution_id);
    if (status === 'FAILED')
      expect(reason).toMatch(/ has changed since it was named\. Name it again to analyze what it is now\.$/);
    else expect(status).toBe('CANCELLED');
  }
  for (;;) {
    const view = ExecutionView.parse((await call('get_execution', { execution_id: next, wait_seconds: 1 })).structuredContent);
    if (view.phase !== 'queued') break;
  }
  await call('cancel_execution', { execution_id: next });
});
