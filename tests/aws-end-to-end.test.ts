// The two functions as AWS runs them, in one process: events of a Function URL in, a real S3-compatible bucket, Lambda's API with the
// local engine behind it, local models. Nothing of ours is replaced.
import { readFile } from 'node:fs/promises';
import type { DurableLambdaHandler } from '@aws/durable-execution-sdk-js';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { ExecutionView } from '../mcp-server/execution-view.ts';
import { cancelExecution } from '../mcp-server/tools/cancel-execution.ts';
import { functionUrlFetch, USER } from './support/function-url.ts';
import { lambdaService } from './support/lambda-service.ts';
import { type ClientKind, connected, type TestClient } from './support/mcp-clients.ts';
import { fakeCredentials, NO_S3_SERVER, s3Server } from './support/s3-server.ts';
import { Page, Started, Upload } from './support/tool-calls.ts';

const server = s3Server();
beforeAll(fakeCredentials);

/** Both functions, wired by their entries from the environment alone. */
async function deployment() {
  const service = await lambdaService();
  const environment = {
    ...{ BUCKET: await server.bucket(), PIPELINE_FUNCTION: 'pipeline:live', LOG_LEVEL: 'silent' },
    ...{ DETECTION_MODELS: 'onnx:nanodet', AWS_LAMBDA_FUNCTION_NAME: 'pipeline', AWS_LAMBDA_FUNCTION_VERSION: '1' },
    ...{ AWS_ENDPOINT_URL_S3: server.endpoint(), AWS_ENDPOINT_URL_LAMBDA: service.endpoint },
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  vi.resetModules(); // entries read their environment when they are loaded
  const [{ handler: mcp }, { handler: pipeline }] = await Promise.all([
    import('../mcp-server/lambda.ts'),
    import('../pipeline/lambda.ts'),
  ]);
  service.handler = pipeline as DurableLambdaHandler;
  return { fetch: functionUrlFetch(mcp, USER), service };
}

async function uploaded(client: TestClient, file: string): Promise<string> {
  const bytes = await readFile(file);
  const { upload_id, url, headers } = await client.call('create_upload', { file_name: 'Lawn.jpg', bytes: bytes.length }, Upload);
  const response = await fetch(url, { method: 'PUT', headers, body: bytes });
  expect(response.status).toBe(200);
  return upload_id;
}

async function ended(client: TestClient, execution_id: string): Promise<ExecutionView> {
  for (;;) {
    const view = await client.call('get_execution', { execution_id, wait_seconds: 20 }, ExecutionView);
    if (view.status !== 'RUNNING') return view;
  }
}

/** Every tool but the retry, as an agent would call them. */
async function wholeWay(kind: ClientKind, { fetch: fetchMcp, service }: Awaited<ReturnType<typeof deployment>>): Promise<void> {
  const client = await connected(kind, { fetch: fetchMcp });
  const image = await uploaded(client, 'examples/lawn.jpg');
  const ask = { image, detail: 'overview', idempotency_key: kind };
  service.calls.length = 0;

  const started = await client.call('analyze_image', ask, Started);
  expect(started).toMatchObject({ created: true, status: 'RUNNING' });
  const { execution_id } = started;
  expect(await client.call('analyze_image', ask, Started)).toMatchObject({ execution_id, created: false });

  const view = await ended(client, execution_id);
  expect(view).toMatchObject({ status: 'SUCCEEDED', reason: null });
  const overlay = await fetch(view.artifacts.overlay_jpg ?? '');
  expect([overlay.status, overlay.headers.get('content-type')]).toEqual([200, 'image/jpeg']);

  const page = await client.call('list_findings', { execution_id }, Page);
  expect(page.totals.findings).toBeGreaterThan(5);
  const all = await client.call('list_findings', {}, Page);
  expect(all.executions[0]?.execution_id).toEqual(execution_id);

  const [first] = page.findings;
  const region = await client.callTool('view_region', { execution_id, finding_id: first?.id, draw_boxes: true });
  expect(region.content[0]).toMatchObject({ type: 'image', mimeType: 'image/jpeg' });

  const long = { image, detail: 'max', tile_size: 160, idempotency_key: `${kind} long` };
  const { execution_id: running } = await client.call('analyze_image', long, Started);
  const cancelled = await client.call('cancel_execution', { execution_id: running }, cancelExecution.output);
  expect(cancelled.status).toBe('CANCELLED');

  const count = (call: string) => service.calls.filter((one) => one.startsWith(call)).length;
  expect(count('Invoke pipeline:live')).toBe(3);
  // Whoever polls reads an object; the control plane is asked for what has no word of its own yet.
  expect(count('GetDurableExecution') + count('ListDurable')).toBeLessThan(15);
}

describe.skipIf(NO_S3_SERVER !== null)(`both functions${NO_S3_SERVER ? ` (${NO_S3_SERVER})` : ''}`, () => {
  test('take a picture from upload to findings, for clients of both generations', { timeout: 180_000 }, async () => {
    const deployed = await deployment(); // one for all: the durable SDK keeps its client as long as the process lives
    for (const kind of ['2.x pinned to 2026-07-28', '1.32'] as const) await wholeWay(kind, deployed);
  });
});
