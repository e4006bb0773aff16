import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { analyzeImage } from '../../mcp-server/tools/analyze-image.ts';
import { deleteExecution } from '../../mcp-server/tools/delete-execution.ts';
import { listFindings } from '../../mcp-server/tools/list-findings.ts';
import { indexOf, keys } from '../../pipeline/contract/keys.ts';
import { indexed } from '../../pipeline/findings/index-entry.ts';
import type { TestServer } from '../support/server.ts';
import { finding, serverAndClient } from '../support/tool-calls.ts';

type Client = Awaited<ReturnType<typeof serverAndClient>>['client'];

const filesBelow = async (server: TestServer, folder: string) =>
  (await readdir(join(server.blobsFolder, folder), { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(server.blobsFolder.length + 1));

/** Starts an analysis of its own upload, and ends it as the pipeline does. */
async function analyzed(server: TestServer, client: Client, number: number, { storesKeys = true } = {}): Promise<string> {
  await server.blobs.put(keys.upload(`image-${number}`), Buffer.from(`bytes ${number}`));
  const { execution_id } = await client.call('analyze_image', { image: `image-${number}` }, analyzeImage.output);
  const run = server.launcher.runs.find(({ request }) => request.execution_id === execution_id);
  if (!run) expect.fail('Expected a run.');
  const document = await run.end([finding(1, { label: 'cat' }), finding(2, { label: 'пожарный гидрант у входа в дом' })]);
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
      `Execution ${base} holds the tiles of ${later}, which retry_failed_tiles started from it. Delete those first.`,
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
