// Progress for a call that waits: real counts of tiles for every client that sends a progress token, and nothing for the rest.
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { USER } from '../support/function-url.ts';
import { CLIENTS, connected, type Reported } from '../support/mcp-clients.ts';
import { testServer } from '../support/server.ts';
import { finding, Started, started, uploadedImage } from '../support/tool-calls.ts';

const SHORT_TIMEOUT_MS = 3_000; // longer than the 2 s in which progress is repeated, shorter than the wait

describe('a client that sends a progress token', () => {
  test.each(CLIENTS)('(%s) gets the counts of tiles while it waits for the end', async (kind) => {
    const server = await testServer({ script: async (run) => run.progress.phase('detect') });
    const client = await connected(kind, server);
    const image = await uploadedImage(server);
    const { execution_id } = await client.call('analyze_image', { image }, Started);
    const [run] = server.launcher.runs;
    const reports: Reported[] = [];
    const waiting = client.callTool(
      'analyze_image',
      { image, wait_seconds: 20 },
      { onprogress: (report) => void reports.push(report) },
    );
    const words = (tiles: number) => `Phase detect: ${tiles} of 3 tiles, 0 detections so far.`;
    for (const [tiles, tile] of [undefined, ...(run?.tiles ?? [])].entries()) {
      if (tile) await run?.analyze(tile);
      await expect.poll(() => reports.map(({ message }) => message)).toContain(words(tiles));
    }
    await run?.end([finding(1)]);
    expect(await waiting).toMatchObject({ structuredContent: { execution_id, status: 'SUCCEEDED' } });
    for (const { progress, message = '' } of reports)
      if (message.startsWith('Phase detect')) expect(message).toBe(words(Math.floor(progress)));
    expect(reports).toContainEqual({ progress: 2, total: 3, message: words(2) });
    const values = reports.map(({ progress }) => progress);
    expect(values).toEqual([...new Set(values)].sort((a, b) => a - b));
  });

  test.each(['2.x pinned to 2026-07-28', '1.32'] as const)('(%s) stays connected while no tile ends', async (kind) => {
    const server = await testServer({ script: async (run) => run.progress.phase('detect') });
    const client = await connected(kind, server);
    const reports: Reported[] = [];
    const answer = await client.callTool(
      'analyze_image',
      { image: await uploadedImage(server), wait_seconds: 5 },
      { onprogress: (report) => void reports.push(report), timeout: SHORT_TIMEOUT_MS, resetTimeoutOnProgress: true },
    );
    expect(Started.parse(answer.structuredContent).status).toBe('RUNNING');
    expect(reports.map(({ progress }) => progress).slice(0, 3)).toEqual([0, 0.01, 0.02]);
  });
});

test('a call that does not wait reports no progress', async () => {
  const server = await testServer();
  const client = await connected('1.32', server);
  const { execution_id } = await started(server, client);
  const reports: Reported[] = [];
  await client.callTool('get_execution', { execution_id }, { onprogress: (report) => void reports.push(report) });
  await delay(50);
  expect(reports).toEqual([]);
});

test('a call through a Function URL, whose answer is buffered, works without progress', async () => {
  const server = await testServer();
  const client = await connected('2.x pinned to 2026-07-28', server.as(USER));
  const { execution_id } = await started(server, client);
  const reports: Reported[] = [];
  const onprogress = (report: Reported) => void reports.push(report);
  const answer = await client.callTool('get_execution', { execution_id, wait_seconds: 1 }, { onprogress });
  expect(answer.isError).toBeUndefined();
  expect(reports).toEqual([]);
});
