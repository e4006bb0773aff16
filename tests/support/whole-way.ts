// An agent's path through a whole deployment on AWS: upload, analyze, poll, list, view, cancel.
import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import { cancelExecution } from '../../mcp-server/tools/cancel-execution.ts';
import { getExecution } from '../../mcp-server/tools/get-execution.ts';
import type { LambdaService } from './lambda-service.ts';
import { type ClientKind, connected, type TestClient } from './mcp-clients.ts';
import { workAsAgent } from './own-eyes.ts';
import { redAndBlue } from './registered-detector.ts';
import { Page, Started, Upload } from './tool-calls.ts';

export interface Deployment {
  /** The Function URL. */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>;
  service: LambdaService;
}

/** Every tool but the retry, as an agent would call them. */
export async function wholeWay(kind: ClientKind, { fetch: fetchMcp, service }: Deployment): Promise<void> {
  const client = await connected(kind, { fetch: fetchMcp });
  const image = await uploaded(client, 'examples/lawn.jpg');
  const ask = { image, detail: 'overview', idempotency_key: kind };
  service.calls.length = 0;

  const { plan } = await client.call('analyze_image', { ...ask, dry_run: true }, Started);
  expect(plan?.tiles).toBeGreaterThan(0);
  const started = await client.call('analyze_image', ask, Started);
  expect(started).toMatchObject({ created: true, status: 'RUNNING' });
  const { execution_id } = started;
  expect(await client.call('analyze_image', ask, Started)).toMatchObject({ execution_id, created: false });

  const view = await ended(client, execution_id);
  expect(view).toMatchObject({ status: 'SUCCEEDED', reason: null });
  const files = await client.call('get_execution', { execution_id, response_format: 'detailed' }, getExecution.output);
  const overlay = await fetch(files.artifacts?.overlay_jpg ?? '');
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
  // Polling reads an object; only an execution without progress of its own is looked up in the control plane.
  expect(count('GetDurableExecution') + count('ListDurable')).toBeLessThan(15);
}

/** The agent analyzes the tiles itself: the pipeline waits for its callback, which the MCP server completes. */
export async function ownEyes({ fetch: fetchMcp, service }: Deployment): Promise<void> {
  const client = await connected('2.x pinned to 2026-07-28', { fetch: fetchMcp });
  const { bytes } = await redAndBlue(640, 480);
  const request = { models: { detection: ['agent:'] }, tile_size: 256, overlap: 0, max_tiles: 20, wait_seconds: 20 };
  const image = await uploadedBytes(client, bytes);
  const { execution_id, tiles, next_step } = await client.call('analyze_image', { image, ...request }, Started);
  expect(next_step).toMatch(/^Call next_tiles/);
  service.calls.length = 0;
  expect(await workAsAgent(client, execution_id, 5)).toBe(tiles.total - tiles.blank);
  expect(await ended(client, execution_id)).toMatchObject({ status: 'SUCCEEDED', tiles: { failed: 0 } });
  const answers = service.calls.filter((call) => call === 'SendDurableExecutionCallback succeed');
  expect(answers.length).toBeGreaterThan(0);
  const { findings } = await client.call('list_findings', { execution_id }, Page);
  expect(findings.map(({ label }) => label)).toEqual(expect.arrayContaining(['blue', 'red']));

  const waiting = await client.call('analyze_image', { image, ...request, idempotency_key: 'cancelled' }, Started);
  const cancelled = await client.call('cancel_execution', { execution_id: waiting.execution_id }, cancelExecution.output);
  expect(cancelled.status).toBe('CANCELLED');
}

/** The findings of one analysis. */
export async function findingsOf(
  image: Uint8Array,
  request: Record<string, unknown>,
  { fetch: fetchMcp }: Pick<Deployment, 'fetch'>,
): Promise<Page> {
  const client = await connected('2.x pinned to 2026-07-28', { fetch: fetchMcp });
  const { execution_id } = await client.call('analyze_image', { image: await uploadedBytes(client, image), ...request }, Started);
  expect(await ended(client, execution_id)).toMatchObject({ status: 'SUCCEEDED', reason: null });
  return await client.call('list_findings', { execution_id }, Page);
}

async function uploaded(client: TestClient, file: string): Promise<string> {
  return await uploadedBytes(client, await readFile(file));
}

async function uploadedBytes(client: TestClient, bytes: Uint8Array): Promise<string> {
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
