import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { z } from 'zod';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import { index, indexOf, keys } from '../../pipeline/contract/keys.ts';
import { CLIENTS, connected } from '../support/mcp-clients.ts';
import type { Run } from '../support/scripted-launcher.ts';
import { testServer } from '../support/server.ts';
import { ends, finding, Page, serverAndClient, started, tokensIn } from '../support/tool-calls.ts';

const REPORT_TOKENS_MAX = 3_000;
const uriOf = (executionId: string, path = '') => `tilesight://executions/${executionId}${path}`;
const notFound = (uri: string, sentence: RegExp) => ({
  code: -32602,
  data: { uri },
  message: expect.stringMatching(sentence),
});

describe.each(CLIENTS)('for a client %s:', (kind) => {
  test('the labels of the local models that the server offers are a resource', async () => {
    const client = await connected(kind, await testServer());
    const addresses = await client.listResources();
    expect(addresses.filter((address) => !address.startsWith('skill:'))).toEqual(['tilesight://labels']);
    const { text = '', mimeType } = await client.readResource('tilesight://labels');
    expect(mimeType).toBe('application/json');
    const { labels } = z.object({ labels: z.record(z.string(), z.array(z.string())) }).parse(JSON.parse(text));
    expect(Object.keys(labels)).toEqual(['onnx:nanodet']);
    expect(labels['onnx:nanodet']).toHaveLength(80);
    expect(labels['onnx:nanodet']).toContain('traffic light');
  });

  test('an execution is a report, findings and an overlay', async () => {
    const server = await testServer({ script: ends([finding(1), finding(2, { severity: 'high' })], [1]) });
    const client = await connected(kind, server);
    const { execution_id } = await started(server, client);

    const templates = await client.listTemplates();
    expect(templates.map(({ uriTemplate, mimeType }) => [uriTemplate, mimeType])).toEqual([
      ['tilesight://executions/{id}', 'text/markdown'],
      ['tilesight://executions/{id}/findings', 'application/json'],
      ['tilesight://executions/{id}/overlay', 'image/jpeg'],
      ['skill://tilesight/{+path}', 'text/markdown'],
    ]);

    const { text: report = '', ...head } = await client.readResource(uriOf(execution_id));
    expect(head).toEqual({ uri: uriOf(execution_id), mimeType: 'text/markdown' });
    expect(report).toContain(`# Analysis ${execution_id}: PARTIAL`);
    expect(report).toContain('> Found 2.');
    expect(report).toContain('2 findings. By severity: info 1, high 1.\n- person: 2\n');
    expect(report).toContain('The model failed on this tile.');

    const { text: findings = '' } = await client.readResource(uriOf(execution_id, '/findings'));
    expect(Page.parse(JSON.parse(findings))).toMatchObject({ execution_id, totals: { findings: 2 }, next_cursor: null });

    const { blob = '', mimeType } = await client.readResource(uriOf(execution_id, '/overlay'));
    expect([mimeType, Buffer.from(blob, 'base64').toString()]).toEqual(['image/jpeg', 'overlay']);
  });

  test('every answer about an execution notes how its request was understood', async () => {
    const server = await testServer({ script: ends([]) });
    const client = await connected(kind, server);
    const { execution_id } = await started(server, client, { labels: ['astronaut'] });
    const note =
      'onnx:nanodet knows 80 labels, listed at tilesight://labels; "astronaut" is not one of them, so it reports nothing.';
    expect((await client.call('get_execution', { execution_id }, ExecutionView)).notes).toEqual([note]);
    const page = await client.call('list_findings', { execution_id }, Page);
    expect(page).toMatchObject({ notes: [note], next_step: expect.stringMatching(/^Nothing was found\. Read notes, then try /) });
    const { text } = await client.readResource(uriOf(execution_id));
    expect(text).toContain(`## Notes\n\n- ${note}\n`);
  });

  test.each(['', '/findings', '/overlay'])(
    'an unknown execution%s is not found, and the error names its address',
    async (path) => {
      const client = await connected(kind, await testServer());
      const uri = uriOf('nobody-knows', path);
      await expect(client.readResource(uri)).rejects.toMatchObject(notFound(uri, /This server has no execution nobody-knows\./));
    },
  );

  test('the prompts name existing tools and their own arguments', async () => {
    const client = await connected(kind, await testServer());
    const prompts = await client.listPrompts();
    expect(prompts.map(({ name, arguments: args }) => [name, args.map((arg) => [arg.name, arg.required])])).toEqual([
      [
        'inspect_image',
        [
          ['image', true],
          ['look_for', false],
        ],
      ],
      [
        'compare_runs',
        [
          ['before', true],
          ['after', true],
        ],
      ],
    ]);
    const tools = (await client.listTools()).map(({ name }) => name);
    const inspect = await client.prompt('inspect_image', { image: 'plan.jpg', look_for: 'fire "exits"' });
    expect(inspect).toContain('image "plan.jpg", look_for "fire \\"exits\\""');
    const compare = await client.prompt('compare_runs', { before: 'plan-1', after: 'plan-2' });
    expect(compare).toContain('plan-1 (before) and plan-2 (after)');
    const named = [...`${inspect} ${compare}`.matchAll(/\b(?:analyze|get|list|view|create|retry|cancel)_[a-z_]+/g)].map(
      ([name]) => name,
    );
    expect(new Set(named).size).toBeGreaterThanOrEqual(6);
    for (const name of named) expect(tools).toContain(name);
  });
});

test.each(CLIENTS)('a client %s gets completions for ids of executions with findings, newest first', async (kind) => {
  const server = await testServer();
  const client = await connected(kind, server);
  const ids = ['lawn-1', 'plan-2', 'lawn-3'];
  for (const [minute, id] of ids.entries())
    await server.blobs.put(indexOf(null).byTime + index.name(new Date(Date.UTC(2026, 0, 1, 0, minute)), id), Buffer.from('{}'));
  const { listTemplates, completions } = client;
  for (const { uriTemplate } of (await listTemplates()).filter((one) => one.uriTemplate.includes('{id}'))) {
    expect(await completions(uriTemplate, { name: 'id', value: '' })).toEqual(['lawn-3', 'plan-2', 'lawn-1']);
    expect(await completions(uriTemplate, { name: 'id', value: 'lawn' })).toEqual(['lawn-3', 'lawn-1']);
    expect(await completions(uriTemplate, { name: 'id', value: 'moon' })).toEqual([]);
  }
});

describe('the report', () => {
  test('has the progress of a running execution, and no counts or files', async () => {
    const { server, client } = await serverAndClient({ script: async (run) => run.progress.phase('detect') });
    const { execution_id } = await started(server, client);
    await expect
      .poll(async () => (await client.readResource(uriOf(execution_id))).text)
      .toMatch(/RUNNING\n\nPhase detect; 0 of 3 tiles/);
    expect((await client.readResource(uriOf(execution_id))).text).not.toMatch(/## (Found|Files|Tiles that failed)/);
  });

  test('has links that can be fetched', async () => {
    const { server, client } = await serverAndClient({ script: ends([finding(1)]) });
    const { execution_id } = await started(server, client);
    const { text = '' } = await client.readResource(uriOf(execution_id));
    const [, link = ''] = /^- findings\.json: (\S+)$/m.exec(text) ?? [];
    expect(await (await server.fetch(link)).json()).toMatchObject({ execution_id });
  });

  test('counts findings that verification rejected separately', async () => {
    const { server, client } = await serverAndClient({ script: ends([finding(1), finding(2, { verified: 'rejected' })]) });
    const { execution_id } = await started(server, client);
    expect((await client.readResource(uriOf(execution_id))).text).toContain('1 finding, and 1 that verification rejected.');
  });

  test.each(['label ', '标签'])('stays below 3,000 tokens for 400 long labels such as %j', async (word) => {
    const all = Array.from({ length: 400 }, (_, index) => finding(index, { label: `${index} ${word.repeat(20)}`.slice(0, 100) }));
    const { server, client } = await serverAndClient({ script: ends(all, [0, 1, 2]) });
    const { execution_id } = await started(server, client);
    const { text = '' } = await client.readResource(uriOf(execution_id));
    expect(text).toMatch(/^- … 3\d\d more labels: list_findings counts them$/m);
    expect(tokensIn(text)).toBeLessThan(REPORT_TOKENS_MAX);
  });

  test('a label cannot become an image, a link or markup of the report', async () => {
    const hostile = [
      '![x](https://evil.example/a.png)',
      '[x][y]\n\n[y]: https://evil.example',
      '<img src=x>',
      '```\n# Instructions',
    ];
    const { server, client } = await serverAndClient({ script: ends(hostile.map((label, index) => finding(index, { label }))) });
    const { execution_id } = await started(server, client);
    const { text = '' } = await client.readResource(uriOf(execution_id));
    expect(text).toContain('evil.example');
    expect(text).not.toMatch(/(?<!\\)(!\[|\]\(|\]\[|\]:|<img|```)|^# Instructions|^\[y/m);
  });
});

describe('findings and overlay', () => {
  test('the first page of many findings is limited, and names the call for the next page', async () => {
    const all = Array.from({ length: 400 }, (_, index) => finding(index));
    const { server, client } = await serverAndClient({ script: ends(all) });
    const { execution_id } = await started(server, client);
    const { text = '' } = await client.readResource(uriOf(execution_id, '/findings'));
    const { next_cursor, next_step, findings } = Page.parse(JSON.parse(text));
    expect(next_step).toContain(`list_findings with cursor ${next_cursor}`);
    expect(findings).toHaveLength(50);
    expect(tokensIn(text)).toBeLessThan(10_000);
  });

  const early: [path: string, script: (run: Run) => Promise<void>, sentence: RegExp][] = [
    ['/findings', async () => {}, /^Execution \S+ is still running: phase \w+, 0 of \d+ tiles analyzed\./],
    ['/overlay', async () => {}, /^Execution \S+ has no overlay; its status is RUNNING\. Read its report instead\.$/],
    ['/overlay', (run) => run.progress.fail('Expected an image, got text.'), /its status is FAILED\./],
  ];
  test.each(early)('%s of an execution without it is not found, with a sentence', async (path, script, sentence) => {
    const { server, client } = await serverAndClient({ script });
    const { execution_id } = await started(server, client);
    const uri = uriOf(execution_id, path);
    await expect(client.readResource(uri)).rejects.toMatchObject(notFound(uri, sentence));
  });

  test('the overlay of a blocked image is not shown', async () => {
    const usage = { input_tokens: 0, output_tokens: 0, cost_usd: 0 };
    const { server, client } = await serverAndClient({
      script: (run) => run.progress.block({ category: 'nudity', score: 0.97, usage }),
    });
    const { execution_id } = await started(server, client);
    await server.blobs.put(keys.overlay(execution_id), Buffer.from('overlay'));
    const uri = uriOf(execution_id, '/overlay');
    await expect(client.readResource(uri)).rejects.toMatchObject(notFound(uri, /its status is BLOCKED\./));
  });

  test('an overlay that is too large for an answer is refused with its link', async () => {
    const { server, client } = await serverAndClient({ script: ends([finding(1)]) });
    const { execution_id } = await started(server, client);
    await server.blobs.put(keys.overlay(execution_id), Buffer.alloc(4_000_001));
    const uri = uriOf(execution_id, '/overlay');
    await expect(client.readResource(uri)).rejects.toMatchObject(
      notFound(
        uri,
        /^The overlay has 4000001 bytes, but a resource takes at most 4000000\. Fetch it by the link in the report\.$/,
      ),
    );
  });
});

test.each(['tilesight://executions/%2e%2e%2fsecret', 'tilesight://executions/a%00b', `tilesight://executions/${'a'.repeat(65)}`])(
  'the address %s never reaches the store',
  async (uri) => {
    const { client } = await serverAndClient();
    await expect(client.readResource(uri)).rejects.toMatchObject(
      notFound(uri, /^The address must be tilesight:\/\/executions\/ and an execution_id/),
    );
  },
);

test('an unexpected error gives a reference into the log, and never its own text', async () => {
  const { server, client } = await serverAndClient();
  await mkdir(join(server.blobsFolder, keys.progress('broken')), { recursive: true }); // a folder in its place
  const sentence = /^(MCP error -32603: )?Internal error \(reference [0-9a-f]{8}\)\. Try again;/;
  await expect(client.readResource(uriOf('broken'))).rejects.toMatchObject({
    code: -32603,
    message: expect.stringMatching(sentence),
  });
  expect(server.errors).toMatchObject([{ facts: { resource: uriOf('broken') } }]);
});

test('instructions take less than 150 words', async () => {
  const { client } = await serverAndClient();
  expect(client.instructions()?.split(/\s+/).length).toBeLessThan(150);
});
