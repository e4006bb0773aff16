import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listFindings } from '../../mcp-server/tools/list-findings.ts';
import { indexOf } from '../../pipeline/contract/keys.ts';
import type { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { indexed } from '../../pipeline/findings/index-entry.ts';
import type { TestServer } from '../support/server.ts';
import { finding, serverAndClient } from '../support/tool-calls.ts';

const Page = listFindings.output;

/** As the pipeline's last step stores it: `minute` minutes into a day. */
async function ended(server: TestServer, id: string, minute: number, labels: string[], image = 'upload://plan.png-1') {
  const document = {
    execution_id: id,
    status: 'SUCCEEDED',
    image: { uri: image, width: 1, height: 1, format: 'png', version: '1' },
    findings: labels.map((label, index) => finding(index, { label })),
  } as unknown as FindingsDocument;
  const { entry, keys } = indexed(document, new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(), null);
  for (const key of keys) await server.blobs.put(key, Buffer.from(JSON.stringify(entry)));
}

const idsOf = ({ executions }: { executions: { execution_id: string }[] }) => executions.map(({ execution_id }) => execution_id);

describe('list_findings without an execution', () => {
  test('lists executions, newest first, with the number of their findings', async () => {
    const { server, client } = await serverAndClient();
    await ended(server, 'old', 1, ['cat', 'cat', 'dog']);
    await ended(server, 'new', 3, ['cup']);
    await ended(server, 'middle', 2, []);
    const page = await client.call('list_findings', {}, Page);
    expect(idsOf(page)).toEqual(['new', 'middle', 'old']);
    expect(page.executions[2]).toMatchObject({
      findings: 3,
      by_label: { cat: 2, dog: 1 },
      started_at: '2026-01-01T00:01:00.000Z',
    });
    expect(page).toMatchObject({ execution_id: null, findings: [], next_cursor: null, totals: { findings: 4 } });
  });

  test('filters by one label, by several labels, by image and by time', async () => {
    const { server, client } = await serverAndClient();
    await ended(server, 'a', 1, ['Cat']);
    await ended(server, 'b', 2, ['dog', 'cat/mouse ./']);
    await ended(server, 'c', 3, ['cat', 'dog'], 'file:///images/other.png');
    const ids = async (filters: object) => idsOf(await client.call('list_findings', { ...filters }, Page));
    expect(await ids({ labels: ['cat'] })).toEqual(['c', 'a']);
    expect(await ids({ labels: ['CAT/mouse ./'] })).toEqual(['b']);
    expect(await ids({ labels: ['dog', 'cat'] })).toEqual(['c', 'b', 'a']);
    expect(await ids({ labels: ['bird'] })).toEqual([]);
    expect(await ids({ image: 'file:///images/other.png' })).toEqual(['c']);
    expect(await ids({ image: 'plan.png-1' })).toEqual(['b', 'a']);
    expect(await ids({ since: '2026-01-01T00:02:00Z' })).toEqual(['c', 'b']);
  });

  test('finds an execution by a long label where version 0.1 put it, and where it is put now, once', async () => {
    const { server, client } = await serverAndClient();
    const label = 'пожарный гидрант у входа в дом'; // 25 letters of 6 bytes each, escaped
    const [now, before] = [indexOf(null).byLabel(label), indexOf(null).byLabelOf01(label)];
    if (before === null) expect.fail('Expected a label that is shortened now.');
    for (const [minute, id] of ['old', 'both', 'new'].entries()) await ended(server, id, minute, [label]);
    for (const key of await server.blobs.list(now, { limit: 10 })) {
      const [name, bytes] = [key.slice(now.length), await server.blobs.get(key)];
      if (!name.endsWith('-new')) await server.blobs.put(before + name, bytes ?? Buffer.from(''));
      if (name.endsWith('-old')) await rm(join(server.blobsFolder, key));
    }
    expect(idsOf(await client.call('list_findings', { labels: [label] }, Page))).toEqual(['new', 'both', 'old']);
  });

  test('returns pages whose cursor stays valid while new executions are added', async () => {
    const { server, client } = await serverAndClient();
    for (let number = 0; number < 45; number++) await ended(server, `e${number}`, number, ['cat']);
    const seen: string[] = [];
    let cursor: string | null | undefined;
    for (let page = 0; cursor !== null; page++) {
      const found = await client.call('list_findings', { limit: 10, ...(cursor && { cursor }) }, Page);
      seen.push(...idsOf(found));
      cursor = found.next_cursor;
      await ended(server, `late${page}`, 100 + page, ['cat']);
    }
    expect(seen).toEqual(Array.from({ length: 45 }, (_, index) => `e${44 - index}`));
  });

  test('refuses a cursor that no page returned, and filters that do not apply to findings', async () => {
    const { client } = await serverAndClient();
    expect(await client.refusal('list_findings', { cursor: '../../secret' })).toMatch(
      /^The cursor is not a next_cursor of the previous page\./,
    );
    expect(await client.refusal('list_findings', { execution_id: 'e1', since: '2026-01-01T00:00:00Z' })).toMatch(
      /^image and since filter executions, so they cannot be combined with execution_id\./,
    );
  });
});
