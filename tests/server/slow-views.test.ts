// Views of images whose decoder is killed or frozen: the tiles of the image take its place.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { decoderProcesses } from '../support/decoder-processes.ts';
import { drawImage } from '../support/drawn.ts';
import { hastyClock } from '../support/hasty-clock.ts';
import { CLIENTS, connected, type TestClient } from '../support/mcp-clients.ts';
import { type TestServer, testServer } from '../support/server.ts';

async function drawn(server: TestServer, name: string, width: number, height: number): Promise<string> {
  await drawImage(join(server.folder, name), width, height, { left: 10, top: 10, edge: 20 });
  return pathToFileURL(join(server.folder, name)).href;
}

/** The decoder, waiting for an image; it does nothing until it gets SIGCONT. */
async function frozenDecoder(server: TestServer, client: TestClient): Promise<number> {
  const { isError } = await client.callTool('view_region', { image: await drawn(server, 'first.png', 300, 200) });
  expect(isError ?? false).toBe(false);
  const [pid] = decoderProcesses();
  if (pid === undefined) throw new Error('No process decodes images.');
  process.kill(pid, 'SIGSTOP');
  onTestFinished(() => {
    if (decoderProcesses().includes(pid)) process.kill(pid, 'SIGKILL');
  });
  return pid;
}

const CUTTING =
  /^The image is still being cut into tiles, once for all its views \(phase \w+\)\. This continues without you: call view_region again with the same arguments in \d+ s\.$/;

test('if the decoder is killed, the image is cut into tiles, and the next views do not start a decoder', async () => {
  const server = await testServer({ clock: hastyClock(), script: async (run) => run.progress.phase('tile') });
  const client = await connected(CLIENTS[0], server);
  const image = await drawn(server, 'sheet.png', 1_200, 900);
  const pid = await frozenDecoder(server, client);
  const refusal = client.refusal('view_region', { image });
  await sleep(300);
  expect(server.launcher.runs).toHaveLength(0);
  process.kill(pid, 'SIGKILL');
  expect(await refusal).toMatch(CUTTING);
  expect(server.launcher.runs.map(({ request }) => [request.purpose, request.image.uri])).toEqual([['look', image]]);
  expect(server.warnings.map(({ sentence }) => sentence)).toContain(
    'A view was not decoded, so it waits for the tiles of its image.',
  );
  expect(await client.refusal('view_region', { image, box: [0, 0, 100, 100] })).toMatch(CUTTING);
  expect([decoderProcesses(), server.launcher.runs.length]).toEqual([[], 1]);
});

test('a call that is cancelled ends its decoder, and starts nothing', async () => {
  const server = await testServer();
  const client = await connected(CLIENTS[0], server);
  const image = await drawn(server, 'sheet.png', 1_200, 900);
  const pid = await frozenDecoder(server, client);
  const call = client.callTool('view_region', { image }, { onprogress() {}, timeout: 300 });
  await expect(call).rejects.toThrow();
  await vi.waitFor(() => expect(decoderProcesses()).not.toContain(pid), { timeout: 5_000 });
  await sleep(300);
  expect(server.launcher.runs).toHaveLength(0);
  expect((await client.callTool('view_region', { image })).isError ?? false).toBe(false);
});

test('a look that failed is tried again by the next view', async () => {
  const views = { moderated: true, edgePxFor: () => 1_568 };
  const failed = { state: 'failed', startedAt: new Date(), endedAt: new Date() } as const;
  const server = await testServer({ views });
  const client = await connected(CLIENTS[0], server);
  const image = await drawn(server, 'sheet.png', 1_200, 900);
  const refusal = client.refusal('view_region', { image });
  await vi.waitFor(() => expect(server.launcher.runs).toHaveLength(1), { timeout: 5_000 });
  const [first] = server.launcher.runs;
  if (!first) throw new Error('No look was started.');
  const error = { type: 'UserError', message: 'The disk is full.' };
  server.launcher.states.set(first.request.execution_id, { ...failed, error });
  expect(await refusal).toContain('The disk is full.');
  const again = client.refusal('view_region', { image });
  await vi.waitFor(() => expect(server.launcher.runs).not.toContain(first), { timeout: 5_000 });
  await vi.waitFor(() => expect(server.launcher.runs).toHaveLength(1), { timeout: 5_000 });
  server.launcher.states.set(first.request.execution_id, { ...failed, error: { ...error, message: 'It is still full.' } });
  expect(await again).toContain('It is still full.');
});
