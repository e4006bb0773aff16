// With ISOLATION=caller, what one principal made does not exist for another, whatever it asks: answers are the same, byte for byte,
// as for ids that nobody has.
import { describe, expect, test } from 'vitest';
import { indexOf } from '../../pipeline/contract/keys.ts';
import { indexed } from '../../pipeline/findings/index-entry.ts';
import { ROLE, USER } from '../support/function-url.ts';
import { CLIENTS, connected } from '../support/mcp-clients.ts';
import { type TestServer, testServer } from '../support/server.ts';
import { ends, finding, Page, Started, Upload, uploadedImage } from '../support/tool-calls.ts';

const URL_OF = 'https://abcdefghij.lambda-url.us-east-1.on.aws/mcp';
const PROTOCOL = '2026-07-28';

interface Asked {
  method: string;
  name?: string;
  params: Record<string, unknown>;
}

const tool = (name: string, args: Record<string, unknown>): Asked => ({
  method: 'tools/call',
  name,
  params: { name, arguments: args },
});
const task = (method: string, taskId: string): Asked => ({ method, name: taskId, params: { taskId } });

/** The whole answer, as it comes over the wire. */
async function answerTo({ method, name, params }: Asked, { fetch }: Pick<TestServer, 'fetch'>): Promise<string> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': PROTOCOL,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
  };
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': PROTOCOL,
    'mcp-method': method,
    ...(name !== undefined && /^[\x20-\x7e]*$/.test(name) && { 'mcp-name': name }),
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } });
  const response = await fetch(URL_OF, { method: 'POST', headers, body });
  return `${response.status} ${await response.text()}`;
}

/** Everything that takes the id of an execution. */
function asksAbout(execution_id: string, findingId = 'f1'): Asked[] {
  const uri = `tilesight://executions/${execution_id}`;
  return [
    tool('get_execution', { execution_id }),
    tool('list_findings', { execution_id }),
    tool('list_findings', { execution_id, response_format: 'detailed', cursor: '1' }),
    tool('view_region', { execution_id, finding_id: findingId }),
    tool('view_region', { execution_id, box: [0, 0, 10, 10] }),
    tool('cancel_execution', { execution_id }),
    tool('retry_failed_tiles', { execution_id }),
    ...['tasks/get', 'tasks/cancel'].map((method) => task(method, execution_id)),
    { method: 'tasks/update', name: execution_id, params: { taskId: execution_id, inputResponses: {} } },
    ...['', '/findings', '/overlay'].map((part) => ({ method: 'resources/read', name: uri + part, params: { uri: uri + part } })),
    {
      method: 'completion/complete',
      params: {
        ref: { type: 'ref/resource', uri: 'tilesight://executions/{id}' },
        argument: { name: 'id', value: execution_id.slice(0, 8) },
      },
    },
  ];
}

async function firstHasWork() {
  const server = await testServer({ isolation: 'caller', script: ends([finding(1), finding(2)], [0]) });
  const [first, second] = [server.as(USER), server.as(ROLE)];
  const client = await connected('2.x pinned to 2026-07-28', first);
  const image = await uploadedImage(server);
  const { execution_id } = await client.call('analyze_image', { image }, Started);
  const upload = await client.call('create_upload', { file_name: 'secret.png', bytes: 6 }, Upload);
  expect((await server.fetch(upload.url, { method: 'PUT', body: 'pixels' })).status).toBe(204);
  const document = await client.call('list_findings', { execution_id }, Page);
  const { entry, keys } = indexed(
    { ...document, findings: [finding(1)], execution_id } as unknown as Parameters<typeof indexed>[0],
    new Date(1e12).toISOString(),
    execution_id.split('-').at(-1) ?? null,
  );
  for (const key of keys) await server.blobs.put(key, Buffer.from(JSON.stringify(entry)));
  return { server, first, second, client, image, execution_id, upload_id: upload.upload_id };
}

/** The same length and form, and nobody's. */
const unknownLike = (id: string) => id.replace(/[0-9a-f]{16}(?=-[0-9a-f]{12}$)/, '0123456789abcdef');

describe('with ISOLATION=caller', () => {
  test('every tool, task, resource and completion answers for an id of another as for one that nobody has', async () => {
    const { server, second, execution_id } = await firstHasWork();
    const unknown = unknownLike(execution_id);
    expect(unknown).not.toBe(execution_id);
    const [theirs, nobodys] = [asksAbout(execution_id), asksAbout(unknown)];
    for (const [at, ask] of theirs.entries()) {
      const [answer, expected] = [await answerTo(ask, second), await answerTo(nobodys[at] ?? ask, second)];
      expect(answer.replaceAll(execution_id, 'ID')).toBe(expected.replaceAll(unknown, 'ID'));
      if (ask.method !== 'completion/complete') expect(answer).toMatch(/isError|"error"/);
    }
    expect(server.launcher.runs).toHaveLength(1); // nothing was retried
    expect(server.errors).toEqual([]); // nor ran into a wall that only a bug meets
  });

  test('the owner still gets all of it', async () => {
    const { first, execution_id } = await firstHasWork();
    for (const ask of [
      tool('get_execution', { execution_id }),
      tool('list_findings', { execution_id }),
      task('tasks/get', execution_id),
    ])
      expect(await answerTo(ask, first)).toContain('"resultType":"complete"');
    expect(await answerTo(asksAbout(execution_id).at(-1) ?? tool('', {}), first)).toContain(execution_id);
  });

  test('ids with tricks in them are refused alike, whoever asks', async () => {
    const { first, second, execution_id } = await firstHasWork();
    const [, owner = ''] = execution_id.match(/-([0-9a-f]{12})$/) ?? [];
    const tricks = [
      `../executions/${execution_id}`,
      `${execution_id}/findings.json`,
      `x-${owner}/../${execution_id}`,
      `${execution_id}%2f..`,
      `${execution_id}\u0000`,
      `${execution_id} `,
      execution_id.toUpperCase(),
      owner,
      `-${owner}`,
      '',
    ];
    for (const trick of tricks) {
      for (const ask of asksAbout(trick)) {
        const answer = await answerTo(ask, second);
        expect(answer).not.toContain('"label"');
        expect(answer).not.toContain('Found 2');
        // The owner's own address may have tricks in it; an id may not.
        if (ask.method === 'tools/call' || ask.method.startsWith('tasks/')) expect(answer).toBe(await answerTo(ask, first));
      }
    }
  });

  test('an upload of another is as one that was never sent', async () => {
    const { second, upload_id } = await firstHasWork();
    const unknown = upload_id.replace(/[0-9a-f]{20}(?=-[0-9a-f]{12}$)/, '0123456789abcdef0123');
    for (const form of [(id: string) => id, (id: string) => `upload://${id}`, (id: string) => `x/../${id}`]) {
      for (const dry_run of [true, false]) {
        const answer = await answerTo(tool('analyze_image', { image: form(upload_id), dry_run }), second);
        const expected = await answerTo(tool('analyze_image', { image: form(unknown), dry_run }), second);
        expect(answer.replaceAll(upload_id, 'ID')).toBe(expected.replaceAll(unknown, 'ID'));
        expect(answer).toContain('isError');
      }
    }
  });

  test('lists, filters and cursors of one show nothing of another', async () => {
    const { server, first, second, execution_id } = await firstHasWork();
    const cursor = `${'0'.repeat(13)}-${execution_id}`;
    for (const filters of [
      {},
      { labels: ['person'] },
      { labels: ['person', 'car'] },
      { since: '2000-01-01T00:00:00Z' },
      { cursor },
    ]) {
      const mine = await answerTo(tool('list_findings', filters), second);
      expect(mine).not.toContain(execution_id);
      expect(mine).toContain('"executions":[]');
      expect(await answerTo(tool('list_findings', filters), first)).toContain(execution_id);
    }
    expect(await server.blobs.list(indexOf(null).byTime, { limit: 10 })).toEqual([]);
  });

  test('the same request or key of two principals is two executions', async () => {
    const { server, second, image, execution_id } = await firstHasWork();
    const other = await connected('2.x pinned to 2026-07-28', second);
    const again = await other.call('analyze_image', { image }, Started);
    expect(again.created).toBe(true);
    expect(again.execution_id).not.toBe(execution_id);
    const keyed = { image, idempotency_key: 'nightly' };
    const mine = await other.call('analyze_image', keyed, Started);
    const theirs = await (await connected('2.x pinned to 2026-07-28', server.as(USER))).call('analyze_image', keyed, Started);
    expect([mine.created, theirs.created]).toEqual([true, true]);
    expect(mine.execution_id).not.toBe(theirs.execution_id);
  });

  test.each(CLIENTS)('a client %s of another principal finds nothing', async (kind) => {
    const { second, execution_id } = await firstHasWork();
    const client = await connected(kind, second);
    expect(await client.refusal('get_execution', { execution_id })).toMatch(/^Expected the id of an execution, got /);
    const page = await client.call('list_findings', {}, Page);
    expect(page.executions).toEqual([]);
  });
});

test('with ISOLATION=account every caller sees all, and a request of two callers is one execution', async () => {
  const server = await testServer({ script: ends([finding(1)]) });
  const [first, second] = [
    await connected('2.x pinned to 2026-07-28', server.as(USER)),
    await connected('2.x pinned to 2026-07-28', server.as(ROLE)),
  ];
  const image = await uploadedImage(server);
  const { execution_id } = await first.call('analyze_image', { image }, Started);
  expect(await second.call('analyze_image', { image }, Started)).toMatchObject({ execution_id, created: false });
  const report = await second.readResource(`tilesight://executions/${execution_id}`);
  expect(report.text).toContain(`Started by ${USER.name}`);
});
