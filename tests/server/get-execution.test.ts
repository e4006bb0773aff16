import { describe, expect, test } from 'vitest';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import { cancelExecution } from '../../mcp-server/tools/cancel-execution.ts';
import { getExecution } from '../../mcp-server/tools/get-execution.ts';
import { retryFailedTiles } from '../../mcp-server/tools/retry-failed-tiles.ts';
import { index, indexOf, keys } from '../../pipeline/contract/keys.ts';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import type { Run } from '../support/scripted-launcher.ts';
import type { TestServer } from '../support/server.ts';
import { ends, finding, Page, serverAndClient, started } from '../support/tool-calls.ts';

describe('get_execution', () => {
  test('with wait_seconds, answers at the next phase, before the end, and not for every tile', async () => {
    const { server, client } = await serverAndClient({
      script: async (run) => {
        run.progress.phase('detect');
        await expect.poll(() => server.blobs.head(keys.progress(run.request.execution_id))).not.toBeNull();
      },
    });
    const { execution_id } = await started(server, client);
    const [run] = server.launcher.runs;
    setTimeout(() => void run?.analyze(run.tiles[0]), 300);
    setTimeout(() => run?.progress.phase('merge'), 900);
    const answer = await client.call('get_execution', { execution_id, wait_seconds: 25 }, ExecutionView);
    expect(answer).toMatchObject({ status: 'RUNNING', phase: 'merge', tiles: { total: run?.tiles.length, done: 1 } });
    expect(answer.elapsed_seconds).toBeLessThan(20);
  });

  test('with wait_seconds and no change, answers at the deadline with the current state', async () => {
    const { server, client } = await serverAndClient();
    const { execution_id } = await started(server, client);
    const answer = await client.call('get_execution', { execution_id, wait_seconds: 0.3 }, ExecutionView);
    expect(answer).toMatchObject({ status: 'RUNNING', phase: 'queued' });
  });

  test('estimates the time left from the rate so far', async () => {
    let now = Date.parse('2026-11-21T06:00:00Z');
    const { server, client } = await serverAndClient({
      clock: { now: () => new Date(now) },
      script: async (run) => run.progress.phase('detect'),
    });
    const { execution_id } = await started(server, client);
    now += 8_000;
    const [run] = server.launcher.runs;
    await run?.analyze(run.tiles[0]);
    await expect
      .poll(() => client.call('get_execution', { execution_id }, ExecutionView))
      .toMatchObject({ tiles: { total: 3, done: 1 }, elapsed_seconds: 8, eta_seconds: 16, poll_after_seconds: 4 });
  });

  test('returns links to the results in the detailed format, and they can be fetched', async () => {
    const { server, client } = await serverAndClient({ script: ends([finding(1)]) });
    const { execution_id } = await started(server, client);
    const [concise, { artifacts }] = await Promise.all([
      client.call('get_execution', { execution_id }, getExecution.output),
      client.call('get_execution', { execution_id, response_format: 'detailed' }, getExecution.output),
    ]);
    expect(concise).not.toHaveProperty('artifacts');
    const document = await server.fetch(artifacts?.findings_json ?? '');
    expect(document.headers.get('content-type')).toBe('application/json');
    expect(FindingsDocument.parse(await document.json())).toMatchObject({ execution_id, findings: [{ id: 'f1' }] });
    const overlay = await server.fetch(artifacts?.overlay_jpg ?? '');
    expect(overlay.headers.get('content-type')).toBe('image/jpeg');
    expect(await overlay.text()).toBe('overlay');
  });

  test('gives the reason for a blocked image and the advice to choose another one', async () => {
    const usage = { input_tokens: 0, output_tokens: 0, cost_usd: 0 };
    const { server, client } = await serverAndClient({
      script: (run) => run.progress.block({ category: 'nudity', score: 0.97, usage }),
    });
    const { execution_id } = await started(server, client);
    const answer = await client.call('get_execution', { execution_id, response_format: 'detailed' }, getExecution.output);
    expect(answer).toMatchObject({ status: 'BLOCKED', artifacts: {}, poll_after_seconds: 0 });
    expect(answer.reason).toContain('nudity, score 0.97');
    expect(answer.next_step).toMatch(/^Choose another image: moderation blocked this one\.$/);
    expect(await client.refusal('list_findings', { execution_id })).toMatch(
      /ended as BLOCKED and has no findings\. The image was blocked/,
    );
  });

  test('gives the reason for a failed analysis and how to start it again', async () => {
    const { server, client } = await serverAndClient({ script: (run) => run.progress.fail('Expected an image, got text.') });
    const { execution_id } = await started(server, client);
    const answer = await client.call('get_execution', { execution_id }, ExecutionView);
    expect(answer).toMatchObject({ status: 'FAILED', reason: 'Expected an image, got text.' });
    expect(answer.next_step).toContain('idempotency_key');
    expect(await client.refusal('list_findings', { execution_id })).toContain(
      'ended as FAILED and has no findings. Expected an image, got text.',
    );
  });

  test('lists the tiles that could not be analyzed', async () => {
    const { server, client } = await serverAndClient({ script: ends([finding(1)], [1]) });
    const { execution_id } = await started(server, client);
    const answer = await client.call('get_execution', { execution_id }, ExecutionView);
    expect(answer).toMatchObject({ status: 'PARTIAL', failed_tiles: [{ tile: 1, reason: 'The model failed on this tile.' }] });
    expect(answer.reason).toMatch(/^1 of 3 tiles/);
    expect(answer.next_step).toContain('failed_tiles');
    const page = await client.call('list_findings', { execution_id }, Page);
    expect(page.next_step).toBe('These are all matching findings. 1 of 3 tiles failed: get_execution lists them.');
  });

  test('an analysis that did not store its end has the end that the control plane reports', async () => {
    const { server, client } = await serverAndClient();
    const { execution_id } = await started(server, client);
    const endedAt = new Date();
    const error = { type: 'SqliteError', message: 'disk I/O error at /home/someone' };
    server.launcher.states.set(execution_id, { state: 'failed', startedAt: endedAt, endedAt, error });
    const answer = await client.call('get_execution', { execution_id }, ExecutionView);
    expect(answer).toMatchObject({ status: 'FAILED', phase: 'done' });
    expect(answer.reason).toBe('Internal error. See the server log for the cause.');
  });

  test('stale progress gives way to the state of the control plane', async () => {
    let now = Date.parse('2026-11-21T06:00:00Z');
    const { server, client } = await serverAndClient({
      clock: { now: () => new Date(now) },
      script: async (run) => {
        run.progress.phase('detect');
        await run.analyze(run.tiles[0]);
        await expect.poll(() => server.blobs.head(keys.progress(run.request.execution_id))).not.toBeNull();
      },
    });
    const { execution_id } = await started(server, client);
    const state = { startedAt: new Date(now), endedAt: new Date(now), error: { type: 'TimeoutError', message: '' } };
    server.launcher.states.set(execution_id, { state: 'timed-out', ...state });
    const fresh = await client.call('get_execution', { execution_id }, ExecutionView);
    now += 11_000;
    const stale = await client.call('get_execution', { execution_id }, ExecutionView);
    expect(stale.reason).toBe('The execution reached its time limit before its findings were stored.');
    expect([fresh.status, stale.status]).toEqual(['RUNNING', 'TIMED_OUT']);
    expect(stale.tiles.done).toBe(1);
  });
});

test('the progress of running shards is added to that of the execution', async () => {
  const script = async ({ progress, request }: Run) => {
    const counts = {
      tiles: { done: 5, failed: 1, blank: 2, not_analyzed: 3 },
      notes: ['The model knows no bolts.'],
      detections: 7,
      usage: { input_tokens: 10, output_tokens: 1, cost_usd: 0 },
    };
    const ended = { shard: { number: 0, from: 0, to: 8 }, key: 'x', reason: null, stopped: null, ...counts };
    progress.phase('detect');
    progress.shards([1, 2], [ended]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const running = { ...counts, updated_at: new Date().toISOString() };
    await store.put(keys.shardProgress(request.execution_id, 1), Buffer.from(JSON.stringify(running)));
  };
  let store: TestServer['blobs'];
  const { server, client } = await serverAndClient({ script });
  store = server.blobs;
  const { execution_id } = await started(server, client);
  const view = await client.call('get_execution', { execution_id }, ExecutionView);
  expect(view.tiles).toMatchObject({ done: 10, failed: 2, blank: 4, not_analyzed: 6 });
  expect(view.notes).toEqual([
    'onnx:nanodet knows 80 everyday things, seen from the side as in photographs. Other things, and things seen from above, are missing.',
    'The model knows no bolts.',
  ]);
  expect(view).toMatchObject({ findings_so_far: 14, usage: { input_tokens: 20 } });
});

describe('cancel_execution', () => {
  test('ends an analysis at once that has not analyzed any tile', async () => {
    const { server, client } = await serverAndClient({ script: async ({ progress }) => progress.phase('tile') });
    const { execution_id } = await started(server, client);
    const view = await client.call('cancel_execution', { execution_id }, cancelExecution.output);
    expect(view).toMatchObject({ status: 'CANCELLED', reason: 'The analysis was cancelled.' });
    expect(view.next_step).toBe('No findings were stored. Call analyze_image again with a new idempotency_key.');
    expect(server.launcher.states.get(execution_id)).toMatchObject({ state: 'stopped' });
  });

  test('does not change an analysis that has ended', async () => {
    const { server, client } = await serverAndClient({ script: ends([finding(1)]) });
    const { execution_id } = await started(server, client);
    expect(await client.call('cancel_execution', { execution_id }, cancelExecution.output)).toMatchObject({
      status: 'SUCCEEDED',
    });
    expect(await server.blobs.head(keys.cancel(execution_id))).toBeNull();
  });

  test('refuses an unknown execution', async () => {
    const { client } = await serverAndClient();
    expect(await client.refusal('cancel_execution', { execution_id: 'nobody' })).toMatch(
      /^This server has no execution nobody\./,
    );
  });
});

describe('retry_failed_tiles', () => {
  const planned = async (server: TestServer, execution_id: string) => {
    const request = server.launcher.runs[0]?.request;
    const size = { width: 1_240, height: 620 };
    const plan = request && planTiles(size, request.plan, { edgePx: 640, overlapPx: 40 });
    const stored = { request, plan, format: 'jpeg', pyramid_of: execution_id };
    await server.blobs.put(keys.plan(execution_id), Buffer.from(JSON.stringify(stored)));
  };

  test('starts an execution that resumes the earlier one; a second call returns the same execution', async () => {
    const { server, client } = await serverAndClient({ script: ends([finding(1)], [0]) });
    const { execution_id } = await started(server, client, { look_for: 'cats', max_cost_usd: 2 });
    await planned(server, execution_id);
    const again = await client.call('retry_failed_tiles', { execution_id }, retryFailedTiles.output);
    expect(again.created).toBe(true);
    expect(again.execution_id).not.toBe(execution_id);
    expect(server.launcher.runs[1]?.request).toMatchObject({
      ask: { look_for: 'cats' },
      max_cost_usd: null,
      retry_of: { execution_id, pyramid_of: execution_id },
    });
    const third = await client.call('retry_failed_tiles', { execution_id }, retryFailedTiles.output);
    expect(third).toMatchObject({ execution_id: again.execution_id, created: false });
  });

  test('refuses an execution that analyzed all tiles', async () => {
    const { server, client } = await serverAndClient({ script: ends([finding(1)]) });
    const { execution_id } = await started(server, client);
    await planned(server, execution_id);
    expect(await client.refusal('retry_failed_tiles', { execution_id })).toMatch(
      /^Execution \S+ has no tiles to retry: each of the 3 was analyzed or blank\. Call list_findings/,
    );
  });

  test('refuses a running execution', async () => {
    const { server, client } = await serverAndClient({ script: async ({ progress }) => progress.phase('detect') });
    const { execution_id } = await started(server, client);
    await planned(server, execution_id);
    await expect
      .poll(() => client.refusal('retry_failed_tiles', { execution_id })) // the phase is stored some milliseconds later
      .toMatch(/^Execution \S+ is still running, in phase detect\. Wait with get_execution/);
  });
});

test.each(['', '{"execution_id":"x"', '\u0000\u0000'])(
  'damaged documents (%j) have a sentence, and cost no other execution',
  async (damage) => {
    const { server, client } = await serverAndClient({ script: ends([finding(1)]) });
    const { execution_id } = await started(server, client);
    const damaged = (key: string) =>
      `The stored document ${key} is damaged. Restore it from a backup, or delete its execution and start it again.`;
    await server.blobs.put(keys.findings(execution_id), Buffer.from(damage));
    expect(await client.refusal('list_findings', { execution_id })).toBe(damaged(keys.findings(execution_id)));
    await server.blobs.put(keys.progress(execution_id), Buffer.from(damage));
    expect(await client.refusal('get_execution', { execution_id })).toBe(damaged(keys.progress(execution_id)));
    const at = new Date();
    const entry = {
      execution_id: 'whole',
      started_at: at.toISOString(),
      status: 'SUCCEEDED',
      image: 'a.png',
      findings: 1,
      by_label: {},
    };
    const { byTime } = indexOf(null);
    await server.blobs.put(byTime + index.name(at, 'broken'), Buffer.from(damage));
    await server.blobs.put(byTime + index.name(at, 'whole'), Buffer.from(JSON.stringify(entry)));
    const { executions } = await client.call('list_findings', {}, Page);
    expect(executions.map((one) => one.execution_id)).toEqual(['whole']);
    expect(server.errors).toEqual([]);
  },
);
