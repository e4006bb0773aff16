// With ISOLATION=caller, the executions and uploads of one caller do not exist for another: every answer is the same, byte for byte, as
// for ids that do not exist.
import { describe, expect, test } from 'vitest';
import { analyzeImage } from '../../mcp-server/tools/analyze-image.ts';
import type { AnyTool } from '../../mcp-server/tools/define.ts';
import { getExecution } from '../../mcp-server/tools/get-execution.ts';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { listFindings } from '../../mcp-server/tools/list-findings.ts';
import { at } from '../../pipeline/contract/at.ts';
import { indexOf } from '../../pipeline/contract/keys.ts';
import { ROLE, USER } from '../support/function-url.ts';
import { CLIENTS, connected } from '../support/mcp-clients.ts';
import { callWithoutIds, ownedCalls, undeclaredCalls, undeclaredIds } from '../support/owned-arguments.ts';
import { testServer } from '../support/server.ts';
import { ends, finding, Page, Started, uploadedImage } from '../support/tool-calls.ts';
import {
  type Asked,
  answerTo,
  firstHasIds,
  firstHasWork,
  learned,
  task,
  toolCall,
  unknownLike,
  unknownUpload,
} from '../support/two-callers.ts';

/** Everything that takes the id of an execution. */
function asksAbout(execution_id: string, findingId = 'f1'): Asked[] {
  const uri = `tilesight://executions/${execution_id}`;
  return [
    toolCall('get_execution', { execution_id }),
    toolCall('list_findings', { execution_id }),
    toolCall('list_findings', { execution_id, response_format: 'detailed', cursor: '1' }),
    toolCall('view_region', { execution_id, finding_id: findingId }),
    toolCall('view_region', { execution_id, box: [0, 0, 10, 10] }),
    toolCall('cancel_execution', { execution_id }),
    toolCall('retry_failed_tiles', { execution_id }),
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

/** The arguments by which a caller learns whether an id exists, although the tool does not declare them as owned. */
async function undeclared(tool: AnyTool): Promise<string[]> {
  const { first, ids, unknown } = await firstHasIds();
  const found = undeclaredIds(tool);
  for (const { argument, withId, withUnknown } of undeclaredCalls(tool, ids, unknown)) {
    if ((await learned(tool, withId, first, ids)) !== (await learned(tool, withUnknown, first, ids))) found.push(argument);
  }
  return [...new Set(found)];
}

describe.each(TOOLS.map((tool) => [tool.name, tool as AnyTool] as const))('with ISOLATION=caller, %s', (_, tool) => {
  test('declares every argument that names something with an owner', async () => {
    expect(await undeclared(tool)).toEqual([]);
  });

  test('answers for ids of another caller as for ids that do not exist, and its owner otherwise', async () => {
    const { first, second, ids, unknown, withoutIds, server } = await firstHasIds();
    const [owned, none] = [ownedCalls(tool, ids), ownedCalls(tool, unknown)];
    for (const [position, args] of owned.entries()) {
      const [answer, expected] = [
        await answerTo(toolCall(tool.name, args), second),
        await answerTo(toolCall(tool.name, at(none, position)), second),
      ];
      expect(withoutIds(answer)).toBe(withoutIds(expected));
      // The owner learns more: otherwise the comparison above shows nothing.
      expect(await learned(tool, args, first, ids)).not.toBe(await learned(tool, at(none, position), first, ids));
    }
    expect(server.errors).toEqual([]);
  });

  test('names nothing of another caller in an answer to a call without ids', async () => {
    const { second, ids } = await firstHasIds();
    const args = callWithoutIds(tool, ids);
    const answer = args ? await answerTo(toolCall(tool.name, args), second) : '';
    for (const id of Object.values(ids)) expect(answer).not.toContain(id);
  });
});

test.each([
  ['execution_id of get_execution', { ...getExecution, owned: {} }],
  ['image of analyze_image', { ...analyzeImage, owned: {} }],
  ['image of list_findings', { ...listFindings, owned: { execution_id: 'execution' } }],
] as const)('a tool that does not declare what it must is noticed: %s', async (argument, tool) => {
  expect((await undeclared(tool)).map((name) => `${name} of ${tool.name}`)).toEqual([argument]);
});

describe('with ISOLATION=caller', () => {
  test('every tool, task, resource and completion answers for an id of another caller as for an unknown id', async () => {
    const { server, second, execution_id } = await firstHasWork();
    const unknown = unknownLike(execution_id);
    expect(unknown).not.toBe(execution_id);
    const [theirs, nobodys] = [asksAbout(execution_id), asksAbout(unknown)];
    for (const [position, ask] of theirs.entries()) {
      const [answer, expected] = [await answerTo(ask, second), await answerTo(at(nobodys, position), second)];
      expect(answer.replaceAll(execution_id, 'ID')).toBe(expected.replaceAll(unknown, 'ID'));
      if (ask.method !== 'completion/complete') expect(answer).toMatch(/isError|"error"/);
    }
    expect(server.launcher.runs).toHaveLength(1); // nothing was retried
    expect(server.errors).toEqual([]); // nor ran into a wall that only a bug meets
  });

  test('the owner gets everything', async () => {
    const { first, execution_id } = await firstHasWork();
    for (const ask of [
      toolCall('get_execution', { execution_id }),
      toolCall('list_findings', { execution_id }),
      task('tasks/get', execution_id),
    ])
      expect(await answerTo(ask, first)).toContain('"resultType":"complete"');
    expect(await answerTo(asksAbout(execution_id).at(-1) ?? toolCall('', {}), first)).toContain(execution_id);
  });

  test('ids that try to escape are refused for every caller alike', async () => {
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
        // An empty id of list_findings is left out, as clients mean it: each caller gets its own list.
        if (trick === '' && ask.params.name === 'list_findings') {
          expect(answer).not.toContain(execution_id);
          continue;
        }
        // The owner's own address may have tricks in it; an id may not.
        if (ask.method === 'tools/call' || ask.method.startsWith('tasks/')) expect(answer).toBe(await answerTo(ask, first));
      }
    }
  });

  test('an upload of another caller is like one that was never sent', async () => {
    const { second, upload_id } = await firstHasWork();
    const unknown = unknownUpload(upload_id);
    for (const form of [(id: string) => id, (id: string) => `upload://${id}`, (id: string) => `x/../${id}`]) {
      for (const dry_run of [true, false]) {
        const answer = await answerTo(toolCall('analyze_image', { image: form(upload_id), dry_run }), second);
        const expected = await answerTo(toolCall('analyze_image', { image: form(unknown), dry_run }), second);
        expect(answer.replaceAll(upload_id, 'ID')).toBe(expected.replaceAll(unknown, 'ID'));
        expect(answer).toContain('isError');
      }
    }
  });

  test('lists, filters and cursors show nothing of another caller', async () => {
    const { server, first, second, execution_id } = await firstHasWork();
    const cursor = `${'0'.repeat(13)}-${execution_id}`;
    for (const filters of [
      {},
      { labels: ['person'] },
      { labels: ['person', 'car'] },
      { since: '2000-01-01T00:00:00Z' },
      { cursor },
    ]) {
      const mine = await answerTo(toolCall('list_findings', filters), second);
      expect(mine).not.toContain(execution_id);
      expect(mine).toContain('"executions":[]');
      expect(await answerTo(toolCall('list_findings', filters), first)).toContain(execution_id);
    }
    expect(await server.blobs.list(indexOf(null).byTime, { limit: 10 })).toEqual([]);
  });

  test('the same request or key of two callers is two executions', async () => {
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

  test.each(CLIENTS)('a client %s of another caller finds nothing', async (kind) => {
    const { second, execution_id } = await firstHasWork();
    const client = await connected(kind, second);
    expect(await client.refusal('get_execution', { execution_id })).toMatch(/^This server has no execution /);
    const page = await client.call('list_findings', {}, Page);
    expect(page.executions).toEqual([]);
  });
});

test('with ISOLATION=account every caller sees everything, and the same request of two callers is one execution', async () => {
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
