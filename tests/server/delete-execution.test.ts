import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { analyzeImage } from '../../mcp-server/tools/analyze-image.ts';
import { deleteExecution } from '../../mcp-server/tools/delete-execution.ts';
import { getExecution } from '../../mcp-server/tools/get-execution.ts';
import { listFindings } from '../../mcp-server/tools/list-findings.ts';
import { indexOf, keys } from '../../pipeline/contract/keys.ts';
import { documents, writeDocument } from '../../pipeline/documents.ts';
import { indexed } from '../../pipeline/findings/index-entry.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import type { TestServer } from '../support/server.ts';
import { finding, serverAndClient } from '../support/tool-calls.ts';

type Client = Awaited<ReturnType<typeof serverAndClient>>['client'];

const filesBelow = async (server: TestServer, folder: string) =>
  (await readdir(join(server.blobsFolder, folder), { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(server.blobsFolder.length + 1));

/** Starts an analysis of its own upload, and ends it as the pipeline does. */
async function analyzed(
  server: TestServer,
  client: Client,
  number: number,
  { storesKeys = true, failedTiles = [] as number[] } = {},
): Promise<string> {
  await server.blobs.put(keys.upload(`image-${number}`), Buffer.from(`bytes ${number}`));
  const { execution_id } = await client.call('analyze_image', { image: `image-${number}` }, analyzeImage.output);
  const run = server.launcher.runs.find(({ request }) => request.execution_id === execution_id);
  if (!run) expect.fail('Expected a run.');
  const document = await run.end(
    [finding(1, { label: 'cat' }), finding(2, { label: 'пожарный гидрант у входа в дом' })],
    failedTiles,
  );
  const progress = JSON.parse(Buffer.from((await server.blobs.get(keys.progress(execution_id))) ?? []).toString());
  const { entry, keys: indexKeys } = indexed(document, progress.started_at, null);
  for (const key of indexKeys) await server.blobs.put(key, Buffer.from(JSON.stringify(entry)));
  if (storesKeys) await server.blobs.put(keys.indexKeys(execution_id), Buffer.from(JSON.stringify({ keys: indexKeys })));
  server.launcher.states.set(execution_id, { state: 'succeeded', startedAt: new Date(), endedAt: new Date() });
  return execution_id;
}

describe('delete_execution', () => {
  test.each([true, false])(
    'deletes every object and entry of an execution, and nothing of another (keys stored: %s)',
    async (storesKeys) => {
      const { server, client } = await serverAndClient();
      const [gone, kept] = [await analyzed(server, client, 1, { storesKeys }), await analyzed(server, client, 2)];
      await server.blobs.put(keys.export(gone, 'pascal-voc/Annotations/image.xml'), Buffer.from('x'));
      const before = await filesBelow(server, `executions/${kept}`);
      const answer = await client.call('delete_execution', { execution_id: gone }, deleteExecution.output);
      expect(answer).toMatchObject({ execution_id: gone, deleted: true });
      const left = await filesBelow(server, '.');
      expect(left.filter((file) => file.includes(gone))).toEqual([]);
      expect(await filesBelow(server, `executions/${kept}`)).toEqual(before);
      expect(left).toContain(keys.upload('image-1'));
      const { executions } = await client.call('list_findings', {}, listFindings.output);
      expect(executions.map(({ execution_id }) => execution_id)).toEqual([kept]);
      expect(await server.blobs.list(indexOf(null).byLabel('cat'), { limit: 9 })).toHaveLength(1);
      expect(await client.refusal('get_execution', { execution_id: gone })).toMatch(/^This server has no execution/);
      expect(await client.refusal('delete_execution', { execution_id: gone })).toBe(
        `This server has no execution ${gone}. Nothing was deleted.`,
      );
    },
  );

  test('frees the name: the same request starts anew, without the earlier findings', async () => {
    const { server, client } = await serverAndClient();
    const gone = await analyzed(server, client, 1);
    await client.call('delete_execution', { execution_id: gone }, deleteExecution.output);
    const again = await client.call('analyze_image', { image: 'image-1' }, analyzeImage.output);
    expect(again).toMatchObject({ execution_id: gone, created: true, status: 'RUNNING' });
    expect(await server.blobs.head(keys.findings(gone))).toBeNull();
  });

  test('links no file of the deleted execution when the next one of its id has ended', async () => {
    const { server, client } = await serverAndClient();
    const id = await analyzed(server, client, 1);
    const links = async () =>
      (await client.call('get_execution', { execution_id: id, response_format: 'detailed' }, getExecution.output)).artifacts;
    expect(Object.keys((await links()) ?? {})).toContain('findings_json');
    await client.call('delete_execution', { execution_id: id }, deleteExecution.output);
    await client.call('analyze_image', { image: 'image-1' }, analyzeImage.output);
    await server.launcher.stop(id, { type: 'UserError', message: 'The analysis was cancelled.' });
    expect(await links()).toEqual({});
  });

  test('refuses a running execution, and one whose tiles a later one reads', async () => {
    const { server, client } = await serverAndClient();
    await server.blobs.put(keys.upload('image-3'), Buffer.from('bytes'));
    const running = await client.call('analyze_image', { image: 'image-3' }, analyzeImage.output);
    expect(await client.refusal('delete_execution', { execution_id: running.execution_id })).toBe(
      `Execution ${running.execution_id} is still running. End it with cancel_execution, then delete it.`,
    );
    const [base, later] = [await analyzed(server, client, 1), await analyzed(server, client, 2)];
    await server.blobs.put(keys.resumedBy(base, later), Buffer.from('{}'));
    expect(await client.refusal('delete_execution', { execution_id: base })).toMatch(
      `Execution ${base} holds the tiles of ${later}, which retry_failed_tiles or ask_image started from it. Delete those first.`,
    );
    await client.call('delete_execution', { execution_id: later }, deleteExecution.output);
    await client.call('delete_execution', { execution_id: base }, deleteExecution.output);
  });

  test('says so if the service keeps the name of an execution', async () => {
    const { server, client } = await serverAndClient();
    const gone = await analyzed(server, client, 1);
    server.launcher.forget = async () => 'kept';
    const { next_step } = await client.call('delete_execution', { execution_id: gone }, deleteExecution.output);
    expect(next_step).toContain('new idempotency_key');
    expect(await client.refusal('get_execution', { execution_id: gone })).toBe(
      `The results of execution ${gone} were deleted. To run it again, call analyze_image with a new idempotency_key.`,
    );
  });
});

describe('during a deletion', () => {
  /** The service forgets an execution; its objects are deleted only after `work` had the time to act. */
  const whileDeleted = async <T>(server: TestServer, client: Client, id: string, work: () => Promise<T>) => {
    const { forget } = server.launcher;
    const { promise: forgotten, resolve } = Promise.withResolvers<void>();
    server.launcher.forget = async (name) => {
      const answer = await forget(name);
      resolve();
      await delay(300);
      return answer;
    };
    const deleted = client.call('delete_execution', { execution_id: id }, deleteExecution.output);
    await forgotten;
    const [result] = await Promise.all([work(), deleted]);
    return result;
  };

  test('a start of the same request waits, and loses nothing', async () => {
    const { server, client } = await serverAndClient();
    const id = await analyzed(server, client, 1);
    const again = () => client.call('analyze_image', { image: 'image-1' }, analyzeImage.output);
    expect(await whileDeleted(server, client, id, again)).toMatchObject({ execution_id: id, created: true, status: 'RUNNING' });
    expect(await server.blobs.head(keys.startedBy(id))).not.toBeNull();
    expect(await server.blobs.head(keys.findings(id))).toBeNull();
  });

  test('a retry is refused, and leaves nothing', async () => {
    const { server, client } = await serverAndClient();
    const id = await analyzed(server, client, 1, { failedTiles: [0] });
    const request = server.launcher.runs.find((run) => run.request.execution_id === id)?.request;
    if (!request) expect.fail('Expected a run.');
    const plan = planTiles({ width: 1_240, height: 620 }, request.plan, { edgePx: 640, overlapPx: 40 });
    await writeDocument(documents.plan(id), { request, plan, format: 'jpeg', pyramid_of: id }, server.blobs);
    const started = server.launcher.runs.length;
    const refusal = await whileDeleted(server, client, id, () => client.refusal('retry_failed_tiles', { execution_id: id }));
    expect(refusal).toBe(
      `Execution ${id} was deleted, so its tiles cannot be retried. Analyze the image again with analyze_image.`,
    );
    expect((await filesBelow(server, '.')).filter((file) => file.includes(id))).toEqual([]);
    expect(server.launcher.runs.length).toBe(started - 1);
  });
});

test('a start on the leftovers of a forgotten execution deletes them first', async () => {
  const { server, client } = await serverAndClient();
  const id = await analyzed(server, client, 1);
  await server.blobs.put(keys.cancel(id), Buffer.from('{"cancelled_at":"2026-01-01T00:00:00Z"}'));
  await server.launcher.forget(id);
  const again = await client.call('analyze_image', { image: 'image-1' }, analyzeImage.output);
  expect(again).toMatchObject({ execution_id: id, created: true, status: 'RUNNING', findings_so_far: 0 });
  for (const key of [keys.cancel(id), keys.findings(id)]) expect([key, await server.blobs.head(key)]).toEqual([key, null]);
  expect((await client.call('list_findings', {}, listFindings.output)).executions).toEqual([]);
});
