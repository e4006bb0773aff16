import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { CLIENTS, connected, textOf } from '../support/mcp-clients.ts';
import { ORIGIN, testServer } from '../support/server.ts';
import { ends, finding, Page, Started, serverAndClient, Upload, uploadedImage } from '../support/tool-calls.ts';

const IMAGE_TOOLS: string[] = TOOLS.filter(({ output }) => output === null).map(({ name }) => name);

describe.each(CLIENTS)('for a client %s:', (kind) => {
  test('the tools are listed in order, with titles, annotations and schemas', async () => {
    const client = await connected(kind, await testServer());
    const tools = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(TOOLS.map(({ name }) => name));
    expect(tools.slice(0, 7).map(({ name }) => name)).toEqual([
      'analyze_image',
      'get_execution',
      'list_findings',
      'create_upload',
      'view_region',
      'cancel_execution',
      'retry_failed_tiles',
    ]);
    expect(
      tools
        .slice(0, 7)
        .map(({ annotations }) => [annotations.readOnlyHint, annotations.idempotentHint, annotations.openWorldHint]),
    ).toEqual([
      [false, true, true], // an allowed https image is fetched
      [true, true, false],
      [true, true, false],
      [false, false, false],
      [true, true, true], // as well
      [false, true, false],
      [false, true, false],
    ]);
    for (const { name, title, description, inputSchema, outputSchema } of tools) {
      expect(title.length).toBeGreaterThan(5);
      expect(description).toMatch(/^Use this /);
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      // With a structured answer, clients would not show their model the image.
      if (IMAGE_TOOLS.includes(name)) expect(outputSchema).toBeUndefined();
      else expect(outputSchema).toMatchObject({ type: 'object' });
    }
    expect(IMAGE_TOOLS).toContain('view_region');
    expect(client.instructions()).toContain('analyze_image');
  });

  test('an image goes from upload to findings, and every answer is the same as JSON text', async () => {
    const server = await testServer({ script: ends([finding(1), finding(2)]) });
    const client = await connected(kind, server);
    const both = async <T>(name: string, args: Record<string, unknown>, answer: z.ZodType<T>): Promise<T> => {
      const result = await client.callTool(name, args);
      expect(JSON.parse(textOf(result))).toEqual(result.structuredContent);
      return answer.parse(result.structuredContent);
    };

    const upload = await both('create_upload', { file_name: 'Site plan.JPG', bytes: 6 }, Upload);
    expect(await server.fetch(upload.url, { method: 'PUT', headers: upload.headers, body: 'pixels' })).toMatchObject({
      status: 204,
    });
    const { execution_id, created } = await both('analyze_image', { image: upload.upload_id }, Started);
    expect(created).toBe(true);
    const execution = await both('get_execution', { execution_id }, ExecutionView);
    expect(execution).toMatchObject({ status: 'SUCCEEDED', findings_so_far: 2, poll_after_seconds: 0, summary: 'Found 2.' });
    const page = await both('list_findings', { execution_id }, Page);
    expect(page).toMatchObject({ totals: { findings: 2, matching: 2, by_label: { person: 2 } }, next_cursor: null });
    expect(page.findings.map(({ id }) => id)).toEqual(['f1', 'f2']);
  });
});

test('the instructions name what image may be on this deployment', async () => {
  const imageNames = 'an upload_id or a file:// URL or absolute path inside /home/ann/scans';
  const { client } = await serverAndClient({ imageNames });
  expect(client.instructions()).toContain(` image may be ${imageNames}. `);
  expect((await serverAndClient()).client.instructions()).not.toContain('image may be');
});

test('every client is given exactly the same list of tools', async () => {
  const server = await testServer();
  const lists = await Promise.all(CLIENTS.map(async (kind) => (await connected(kind, server)).listTools()));
  for (const list of lists) expect(list).toEqual(lists[0]);
});

test('schemas are listed without keywords that no model acts on, and outputs one level deep', async () => {
  const { client } = await serverAndClient();
  for (const { inputSchema, outputSchema } of await client.listTools()) {
    expect(JSON.stringify(inputSchema)).not.toMatch(
      /"(\$schema|pattern|format|minLength|maxLength|exclusiveMinimum|prefixItems)"/,
    );
    if (outputSchema === undefined) continue;
    expect(Object.keys(outputSchema)).toEqual(['type', 'properties']);
    for (const field of Object.values(z.record(z.string(), z.object({}).loose()).parse(outputSchema.properties)))
      expect(Object.keys(field)).toEqual(['type']);
  }
});

test.each(TOOLS.filter(({ output }) => output !== null).map(({ name, output }) => [name, output] as const))(
  'the answer fields of %s are all listed, in order',
  async (name, output) => {
    const { client } = await serverAndClient();
    const listed = (await client.listTools()).find((tool) => tool.name === name)?.outputSchema?.properties ?? {};
    expect(Object.keys(listed)).toEqual(Object.keys(output?.shape ?? {}));
  },
);

test('an answer that does not fit its schema is an internal error, although the list shows only its types', async () => {
  const { server, client } = await serverAndClient();
  const image = await uploadedImage(server);
  const { start } = server.launcher;
  server.launcher.start = async (request) => ({ ...(await start(request)), created: 'yes' as unknown as boolean });
  expect(await client.refusal('analyze_image', { image })).toMatch(/^Internal error \(reference [0-9a-f]{8}\)/);
  expect(server.errors).toHaveLength(1);
});

test('every box is listed as an array of four numbers, which clients of 2020-12 and of draft 07 read alike', async () => {
  const { client } = await serverAndClient();
  const listed = JSON.stringify(await client.listTools());
  expect(listed).not.toMatch(/prefixItems|"items":false/);
  const tools = await client.listTools();
  const region = tools.find(({ name }) => name === 'list_findings')?.inputSchema.properties;
  expect(region).toMatchObject({ region: { type: 'array', items: { type: 'number', minimum: 0 }, minItems: 4, maxItems: 4 } });
});

test.each(['GET', 'DELETE'])('%s /mcp is not allowed: there are no sessions or open streams', async (method) => {
  const server = await testServer();
  const response = await server.fetch(`${ORIGIN}/mcp`, { method, headers: { accept: 'text/event-stream' } });
  expect(response.status).toBe(405);
});

describe('create_upload', () => {
  test.each(['Plan (v2).PNG', '图片.jpg', '../../etc/passwd', '...', "it's [1-3].jpg", 'a'.repeat(200), '-rf'])(
    'the upload_id for %j is one that analyze_image takes',
    async (file_name) => {
      const { server, client } = await serverAndClient();
      const { upload_id, url, curl, headers } = await client.call('create_upload', { file_name, bytes: 3 }, Upload);
      expect(upload_id).toMatch(/^[a-z0-9][a-z0-9.-]{20,63}$/);
      expect(curl).toContain(url);
      expect(await server.fetch(url, { method: 'PUT', body: 'abc', headers })).toMatchObject({ status: 204 });
      await client.call('analyze_image', { image: upload_id }, Started);
      expect(server.launcher.runs[0]?.request.image.source).toEqual({ kind: 'blob', key: keys.upload(upload_id) });
    },
  );

  test('every upload has its own id', async () => {
    const { client } = await serverAndClient();
    const ask = () => client.call('create_upload', { file_name: 'a.jpg', bytes: 3 }, Upload);
    expect((await ask()).upload_id).not.toBe((await ask()).upload_id);
  });

  test('an image over 2 GiB is refused', async () => {
    const { client } = await serverAndClient();
    expect(await client.refusal('create_upload', { file_name: 'a.tif', bytes: 2 ** 31 + 1 })).toMatch(
      /^The file has 2147483649 bytes, but an upload takes at most 2147483648 \(2 GiB\)\./,
    );
  });

  test('an image that was not sent yet cannot be analyzed', async () => {
    const { server, client } = await serverAndClient();
    const { upload_id } = await client.call('create_upload', { file_name: 'a.jpg', bytes: 3 }, Upload);
    expect(await client.refusal('analyze_image', { image: upload_id })).toMatch(
      /^No image was uploaded under the upload_id .*\. Call create_upload/,
    );
    expect(server.launcher.runs).toEqual([]);
  });
});

describe('a refusal', () => {
  const wrong: [string, Record<string, unknown>, RegExp][] = [
    ['analyze_image', {}, /: image \(required, but missing\)\. The arguments are image, look_for, /],
    ['analyze_image', { colour: 'red' }, /: image \(required, but missing\); unknown colour\. The arguments are image/],
    ['analyze_image', { image: 'x', detail: 'best' }, /detail \(expected one of "overview"\|"standard"/],
    ['analyze_image', { image: 'x', wait_seconds: -1 }, /wait_seconds \(expected at least 0\)/],
    [
      'get_execution',
      { execution_id: 7 },
      /execution_id \(expected string, received number\)\. The arguments are execution_id, wait_seconds, response_format\.$/,
    ],
    [
      'list_findings',
      { execution_id: 'a', limit: 'ten', min_score: 2 },
      /min_score \(.*\); limit \(expected number, received string\)\./,
    ],
    ['list_findings', { execution_id: 'a', region: [1, 2, 3] }, /region \(expected at least 4 items\)/],
    ['analyze_image', { image: 'x', tile_size: 5_000 }, /tile_size \(expected at most 4096\)/],
    ['analyze_image', { image: 'x', max_cost_usd: 0 }, /max_cost_usd \(expected more than 0\)/],
    ['create_upload', { file_name: 'a.jpg', bytes: 0 }, /bytes \(expected at least 1\)/],
  ];
  test.each(wrong)('of %s with %j names the faults and the arguments of the tool', async (name, args, sentence) => {
    const { client } = await serverAndClient();
    const text = await client.refusal(name, args);
    expect(text).toMatch(sentence);
    expect(text).toMatch(/^Invalid arguments for /);
    expect(text).not.toMatch(/[{}\n]/);
  });

  test('of a tool names the unknown arguments that were left out: one of them may be the missing one', async () => {
    const { client } = await serverAndClient();
    expect(await client.refusal('get_execution', { execution_id: 'nobody-knows', colour: 'red' })).toMatch(
      /^This server has no execution nobody-knows\. .* Unknown arguments were left out: colour\.$/,
    );
  });

  test('stays short for any arguments', async () => {
    const { client } = await serverAndClient();
    const names = Array.from({ length: 400 }, (_, index) => [`argument_${index}`, 'x'.repeat(1_000)]);
    const severity = Array.from({ length: 400 }, () => 'y'.repeat(100));
    const text = await client.refusal('list_findings', { ...Object.fromEntries(names), severity });
    expect(text.length).toBeLessThan(1_200);
  });

  test.each(['get_execution', 'list_findings'])('of %s for an unknown execution names where ids come from', async (name) => {
    const { client } = await serverAndClient();
    expect(await client.refusal(name, { execution_id: 'nobody-knows' })).toMatch(
      /^This server has no execution nobody-knows\. .* list_findings without execution_id lists executions with findings\.$/,
    );
  });

  test.each(['../../secret', 'a/b', '..', 'a\\b', 'a\0b', '%2e%2e', 'a'.repeat(65), 'a\n'])(
    'the execution_id %j never reaches the store',
    async (execution_id) => {
      const { client } = await serverAndClient();
      for (const name of ['get_execution', 'list_findings'])
        expect(await client.refusal(name, { execution_id })).toContain(
          ': execution_id (expected an execution_id that analyze_image returned)',
        );
    },
  );

  test('an empty execution_id is refused where one is needed', async () => {
    const { client } = await serverAndClient();
    expect(await client.refusal('get_execution', { execution_id: '' })).toContain(
      ': execution_id (expected an execution_id that analyze_image returned)',
    );
  });

  test('an unexpected error gives a reference into the log, and never its own text', async () => {
    const secret = 'EACCES: /home/someone/.aws/credentials';
    const { server, client } = await serverAndClient({ images: { resolve: () => Promise.reject(new Error(secret)) } });
    const text = await client.refusal('analyze_image', { image: 'x' });
    expect(text).toMatch(/^Internal error \(reference [0-9a-f]{8}\)\. Try again;/);
    expect(text).not.toContain('EACCES');
    const [, reference] = /reference (\w+)/.exec(text) ?? [];
    expect(server.errors).toMatchObject([{ facts: { tool: 'analyze_image', reference, error: { message: secret } } }]);
  });

  test('every refusal is one short line of the log, with the words of the provider, which the answer does not have', async () => {
    const words = 'User: arn:aws:sts::111122223333:assumed-role/Zanzibar is not authorized. ';
    const denied = Object.assign(new Error(words.repeat(100)), {
      name: 'AccessDenied',
      $metadata: { httpStatusCode: 403, requestId: 'request-1' },
    });
    const sentence = 'The store of this deployment refused access.';
    const resolve = () => Promise.reject(new UserError(sentence, { cause: denied }));
    const { server, client } = await serverAndClient({ images: { resolve } });
    expect(await client.refusal('analyze_image', { image: 'x' })).toBe(sentence);
    await client.refusal('get_execution', { execution_id: 'none' });
    expect(server.warnings).toMatchObject([
      {
        sentence: 'A request was refused.',
        facts: {
          tool: 'analyze_image',
          causes: [
            { name: 'UserError', message: sentence },
            { name: 'AccessDenied', status: 403, request_id: 'request-1', message: expect.stringContaining('Zanzibar') },
          ],
        },
      },
      { sentence: 'A request was refused.', facts: { tool: 'get_execution', causes: [{ name: 'UserError' }] } },
    ]);
    for (const line of server.warnings) {
      expect(JSON.stringify(line).length).toBeLessThan(2_000);
      expect(JSON.stringify(line)).not.toContain('node_modules'); // no stack
    }
    expect(server.errors).toEqual([]);
  });

  test('a stored document that cannot be read is an unexpected error too', async () => {
    const { server, client } = await serverAndClient();
    await mkdir(join(server.blobsFolder, keys.progress('broken')), { recursive: true }); // a folder in its place
    expect(await client.refusal('get_execution', { execution_id: 'broken' })).toMatch(/^Internal error \(reference/);
    expect(server.errors).toHaveLength(1);
  });
});
