// The Tasks extension over the wire, and with its official client. What clients without it do with a server that offers it is in
// mcp-tools.test.ts.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { keys } from '../../pipeline/contract/keys.ts';
import { CLIENTS, connected } from '../support/mcp-clients.ts';
import { ORIGIN, type TestServer, testServer } from '../support/server.ts';
import { asked, DECLARING, TASKS, VERSION } from '../support/task-requests.ts';
import { tasksClient } from '../support/tasks-client.ts';
import { ends, finding, Started, started, uploadedImage } from '../support/tool-calls.ts';

async function launched(server: TestServer, capabilities: object = DECLARING) {
  const call = { name: 'analyze_image', arguments: { image: await uploadedImage(server) } };
  const { result } = await asked(server, 'tools/call', call, capabilities);
  return result ?? {};
}

const getTask = async (server: TestServer, taskId: unknown) => (await asked(server, 'tasks/get', { taskId })).result ?? {};

describe('analyze_image for a client that declares tasks', () => {
  test('is a task whose id is the execution_id, and tasks/get knows it at once', async () => {
    const server = await testServer();
    const task = await launched(server);
    const [run] = server.launcher.runs;
    expect(task).toMatchObject({
      resultType: 'task',
      taskId: run?.request.execution_id,
      status: 'working',
      pollIntervalMs: 2_000,
    });
    expect(task).not.toHaveProperty('structuredContent');
    expect(await getTask(server, task.taskId)).toMatchObject({ resultType: 'complete', taskId: task.taskId, status: 'working' });
  });

  test('reports phase and tiles while it runs', async () => {
    const server = await testServer({ script: async (run) => run.progress.phase('detect') });
    const { taskId } = await launched(server);
    const [run] = server.launcher.runs;
    await run?.analyze(run.tiles[0]);
    await expect
      .poll(async () => (await getTask(server, taskId)).statusMessage)
      .toBe('Phase detect: 1 of 3 tiles, 0 detections so far.');
  });

  test('ends with the answer that analyze_image gives to callers who wait', async () => {
    const server = await testServer();
    const { taskId } = await launched(server);
    await server.launcher.runs[0]?.end([finding(1)], [1]);
    const { status, result } = await getTask(server, taskId);
    expect(status).toBe('completed');
    const { structuredContent, content } = z
      .object({ structuredContent: Started, content: z.tuple([z.object({ text: z.string() })]) })
      .parse(result);
    expect(structuredContent).toMatchObject({ execution_id: taskId, status: 'PARTIAL', summary: 'Found 1.' });
    expect(JSON.parse(content[0].text)).toEqual(structuredContent);
  });

  test('that fails is a result with the reason', async () => {
    const server = await testServer();
    const { taskId } = await launched(server);
    await server.launcher.runs[0]?.progress.fail('Expected an image, got text.');
    const task = await getTask(server, taskId);
    expect(task).toMatchObject({
      status: 'completed',
      result: { structuredContent: { status: 'FAILED', reason: 'Expected an image, got text.' } },
    });
  });

  test('is an answer at once if the analysis has ended or was not started', async () => {
    const server = await testServer({ script: ends([finding(1)]) });
    expect(await launched(server)).toMatchObject({
      resultType: 'complete',
      structuredContent: { status: 'SUCCEEDED', created: true },
    });
    const refused = await asked(server, 'tools/call', { name: 'analyze_image', arguments: {} });
    expect(refused.result).toMatchObject({ resultType: 'complete', isError: true });
  });
});

test('the official Tasks client calls analyze_image, polls, and gets the findings as its result', async () => {
  const server = await testServer();
  const session = await tasksClient(server);
  const execution = await session.callTool('analyze_image', { image: await uploadedImage(server) });
  await server.launcher.runs[0]?.end([finding(1), finding(2)]);
  const { outcome } = await execution.settle();
  expect(outcome).toMatchObject({
    status: 'completed',
    result: { resultType: 'complete', structuredContent: { status: 'SUCCEEDED', summary: 'Found 2.' } },
  });
});

test('the createdAt of a task stays the same when the worker begins later, and when the analysis has ended', async () => {
  let second = 0;
  const server = await testServer({ clock: { now: () => new Date(Date.UTC(2026, 0, 1, 0, 0, second++)) } });
  const { taskId, createdAt } = await launched(server);
  const [run] = server.launcher.runs;
  await run?.progress.phase('detect');
  const working = await getTask(server, taskId);
  await run?.end([finding(1)]);
  const completed = await getTask(server, taskId);
  expect([working, completed]).toMatchObject([
    { status: 'working', createdAt },
    { status: 'completed', createdAt },
  ]);
});

describe('tasks/cancel', () => {
  test('cancels the execution; a second call is acknowledged too', async () => {
    const server = await testServer();
    const { taskId } = await launched(server);
    for (const _ of ['first', 'again']) {
      const { result } = await asked(server, 'tasks/cancel', { taskId });
      expect({ ...result, _meta: null }).toEqual({ resultType: 'complete', _meta: null });
    }
    expect(await getTask(server, taskId)).toMatchObject({ status: 'cancelled' });
    const client = await connected('2.x pinned to 2026-07-28', server);
    expect(await client.call('get_execution', { execution_id: taskId }, z.looseObject({ status: z.string() }))).toMatchObject({
      status: 'CANCELLED',
    });
  });
});

describe('a request about a task', () => {
  const methods = ['tasks/get', 'tasks/update', 'tasks/cancel'];

  test('is answered for each method', async () => {
    const server = await testServer();
    const { taskId } = await launched(server);
    for (const method of methods)
      expect((await asked(server, method, { taskId, inputResponses: { other: {} } })).error).toBeUndefined();
  });

  test.each(methods)('%s refuses an unknown task with a sentence', async (method) => {
    const server = await testServer();
    for (const [taskId, sentence] of [
      ['nobody-knows', /^This server has no execution nobody-knows\./],
      ['../secret', /^The taskId is not the id of a task of this server\./],
    ] as const) {
      expect((await asked(server, method, { taskId })).error).toMatchObject({
        code: -32602,
        message: expect.stringMatching(sentence),
      });
    }
  });

  test.each(methods)('%s is refused for a client that does not declare tasks, with the capability to declare', async (method) => {
    const server = await testServer();
    const { taskId } = await launched(server);
    const { status, error } = await asked(server, method, { taskId }, {});
    expect([status, error]).toMatchObject([400, { code: -32021, data: { requiredCapabilities: DECLARING } }]);
  });

  test('that fails unexpectedly gives a reference into the log', async () => {
    const server = await testServer();
    await mkdir(join(server.blobsFolder, keys.progress('broken')), { recursive: true }); // a folder in its place
    const { error } = await asked(server, 'tasks/get', { taskId: 'broken' });
    expect(error).toMatchObject({ code: -32603, message: expect.stringMatching(/^Internal error \(reference/) });
    expect(server.errors).toMatchObject([{ facts: { method: 'tasks/get' } }]);
  });
});

test('a client that does not declare tasks gets the answer of the tool', async () => {
  const server = await testServer();
  expect(await launched(server, {})).toMatchObject({
    resultType: 'complete',
    structuredContent: { status: 'RUNNING', created: true },
  });
});

test.each(CLIENTS)('an official client %s starts and polls', async (kind) => {
  const server = await testServer();
  expect(await started(server, await connected(kind, server))).toMatchObject({ status: 'RUNNING', created: true });
});

test('the extension is among the capabilities for clients of 2026-07-28', async () => {
  const { fetch } = await testServer();
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: { pin: VERSION } } });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', ORIGIN), { fetch }));
  onTestFinished(() => client.close());
  expect(client.getServerCapabilities()).toMatchObject({ extensions: { [TASKS]: {} } });
});
