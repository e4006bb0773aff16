// What one caller may hold at once on a local server: uploads, executions, bytes in all.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { localQuotas } from '../../local/quotas.ts';
import { temporaryFolder } from '../support/folder.ts';
import { servedClient } from '../support/served-client.ts';

const Answer = z.looseObject({
  isError: z.boolean().optional(),
  content: z.array(z.looseObject({ text: z.string() })).min(1),
  structuredContent: z.looseObject({}).optional(),
});

async function server(environment: Record<string, string>) {
  const client = await servedClient(['examples'], environment);
  return async (name: string, args: Record<string, unknown>) => {
    const { isError = false, content, structuredContent } = Answer.parse(await client.callTool({ name, arguments: args }));
    return { isError, text: content.map(({ text }) => text).join('\n'), answer: structuredContent ?? {} };
  };
}

test('uploads above CALLER_UPLOAD_BYTES_MAX are refused, also with links that were made before', async () => {
  const call = await server({ CALLER_UPLOAD_BYTES_MAX: '100' });
  const upload = { file_name: 'a.png', bytes: 60 };
  const links = [await call('create_upload', upload), await call('create_upload', upload)];
  const sent = [];
  for (const { answer } of links) {
    const response = await fetch(z.string().parse(answer.url), { method: 'PUT', body: 'x'.repeat(60) });
    sent.push([response.status, await response.text()]);
  }
  const sentence = /^60 bytes of uploads are stored, and with 60 more they exceed the 100 bytes .*\(CALLER_UPLOAD_BYTES_MAX\)/;
  expect(sent).toEqual([
    [204, ''],
    [413, expect.stringMatching(sentence)],
  ]);
  expect(await call('create_upload', upload)).toMatchObject({ isError: true, text: expect.stringMatching(sentence) });
  expect(await call('create_upload', { ...upload, bytes: 40 })).toMatchObject({ isError: false });
});

test('uploads that arrive at once are counted together', async () => {
  const call = await server({ CALLER_UPLOAD_BYTES_MAX: '100' });
  const links = await Promise.all(Array.from({ length: 8 }, () => call('create_upload', { file_name: 'a.png', bytes: 30 })));
  const { promise: allBegun, resolve } = Promise.withResolvers<void>();
  const statuses = links.map(async ({ answer }) => {
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode('x'.repeat(10)));
        await allBegun;
        controller.enqueue(new TextEncoder().encode('x'.repeat(20)));
        controller.close();
      },
    });
    return (await fetch(z.string().parse(answer.url), { method: 'PUT', body, duplex: 'half' } as RequestInit)).status;
  });
  setTimeout(resolve, 1_000);
  expect((await Promise.all(statuses)).sort()).toEqual([204, 204, 204, 413, 413, 413, 413, 413]);
  expect(await call('create_upload', { file_name: 'a.png', bytes: 10 })).toMatchObject({ isError: false });
  expect(await call('create_upload', { file_name: 'a.png', bytes: 11 })).toMatchObject({ isError: true });
});

test('executions that start at once are counted together', async () => {
  const call = await server({ CALLER_EXECUTIONS_MAX: '2' });
  const image = pathToFileURL(join('examples', 'lawn.jpg')).href;
  const asked = Array.from({ length: 6 }, (_, number) => call('analyze_image', { image, idempotency_key: `key ${number}` }));
  const answers = await Promise.all(asked);
  expect(answers.filter(({ isError }) => !isError)).toHaveLength(2);
});

test('executions above CALLER_EXECUTIONS_MAX are refused, and the same request still returns its execution', async () => {
  const call = await server({ CALLER_EXECUTIONS_MAX: '1' });
  const image = pathToFileURL(join('examples', 'lawn.jpg')).href;
  const first = await call('analyze_image', { image });
  expect(first.answer).toMatchObject({ status: 'RUNNING', created: true });
  expect(await call('analyze_image', { image, look_for: 'a dog' })).toMatchObject({
    isError: true,
    text:
      '1 executions are queued or running, the most that this server runs for a caller (CALLER_EXECUTIONS_MAX). ' +
      'Wait until some have ended, or end them with cancel_execution.',
  });
  const again = await call('analyze_image', { image });
  expect(again.answer).toMatchObject({ execution_id: first.answer.execution_id, created: false });
  await call('cancel_execution', { execution_id: first.answer.execution_id });
  expect((await call('analyze_image', { image, look_for: 'a dog' })).answer).toMatchObject({ created: true });
});

test('bytes above CALLER_STORED_BYTES_MAX are counted for each owner, and a deletion counts at once', async () => {
  const blobs = await temporaryFolder();
  const put = async (path: string, bytes: number) => {
    await mkdir(join(blobs, path, '..'), { recursive: true });
    await writeFile(join(blobs, path), 'x'.repeat(bytes));
  };
  await put('uploads/a.png-1111-anna', 30);
  await put('executions/a-1-anna/pyramid.szi', 50);
  await put('executions/a-1-anna/exports/coco.json', 20);
  await put('executions/b-1-bert/pyramid.szi', 90);
  const limits = { CALLER_UPLOAD_BYTES_MAX: 1_000, CALLER_EXECUTIONS_MAX: 1, CALLER_STORED_BYTES_MAX: 100 };
  const { checkStart, checkUpload } = localQuotas({ blobs }, { list: () => [] }, limits, () => 0);
  const sentence = /fill the 100 bytes that this server keeps for a caller \(CALLER_STORED_BYTES_MAX\)/;
  await expect(checkStart('anna')).rejects.toThrow(sentence);
  await expect(checkUpload('anna', 1)).rejects.toThrow(sentence);
  await expect(checkStart('bert')).resolves.toBeUndefined();
  await expect(checkStart(null)).rejects.toThrow(sentence);
  await writeFile(join(blobs, 'executions/a-1-anna/pyramid.szi'), '');
  await expect(checkStart('anna')).resolves.toBeUndefined();
});
