// `tilesight mcp` as clients start it: the whole server on standard input and output.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { serve } from '../../local/serve.ts';
import { getExecution } from '../../mcp-server/tools/get-execution.ts';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { readConfig } from '../../pipeline/config.ts';
import { silent } from '../fixtures/engine-harness.ts';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { CLIENTS, type Reported } from '../support/mcp-clients.ts';
import { signedServer } from '../support/signed-server.ts';
import { type StdioClient, stdioClient } from '../support/stdio-client.ts';
import { processesWith } from '../support/stdio-command.ts';
import { Started, Upload } from '../support/tool-calls.ts';

/** Twice what `npm run bench stdio-kills` asserts: other tests use the processors, too. */
const ENDS_WITHIN_MS = 4_000;
/** The newest kind and the oldest, and those between them. */
const [BOTH_ENDS, BETWEEN] = [[CLIENTS[0], CLIENTS[3]], CLIENTS.slice(1, 3)];
const LAWN = join(import.meta.dirname, '../../examples/lawn.jpg');

/** A second of work, once the models are loaded. */
async function folderWithImage(): Promise<{ folder: string; image: string }> {
  const folder = join(await temporaryFolder(), 'images');
  await mkdir(folder);
  const image = join(folder, 'people.jpg');
  await sharp(LAWN).extract({ left: 2_900, top: 250, width: 500, height: 450 }).toFile(image);
  return { folder, image };
}

async function untilGone(client: StdioClient): Promise<void> {
  const begunMs = performance.now();
  while ((await client.processes()).length > 0) {
    if (performance.now() - begunMs > ENDS_WITHIN_MS) break;
    await delay(50);
  }
  expect(await client.processes()).toEqual([]);
}

/** Until the analysis has workers. */
async function analyzing(client: StdioClient, image: string): Promise<string> {
  const { execution_id } = await client.call('analyze_image', { image }, Started);
  await expect.poll(async () => (await client.processes()).length).toBeGreaterThan(2);
  return execution_id;
}

async function ended(client: StdioClient, executionId: string): Promise<string> {
  for (;;) {
    const args = { execution_id: executionId, wait_seconds: 20 };
    const { status } = await client.call('get_execution', args, getExecution.output);
    if (status !== 'RUNNING') return status;
  }
}

const pageOf = (client: StdioClient) => /http:\S+/.exec(client.log())?.[0] ?? 'none';

describe('over standard input and output', () => {
  test.each(BOTH_ENDS)('a client (%s) has every tool, allowed folders and progress, and ends the server', async (kind) => {
    const { folder, image } = await folderWithImage();
    const client = await stdioClient({ kind, dataFolder: await temporaryFolder(), allow: folder });
    expect((await client.listTools()).map(({ name }) => name)).toEqual(TOOLS.map(({ name }) => name));
    expect(client.instructions()).toContain(`absolute path inside ${folder}.`);
    const reports: Reported[] = [];
    const onprogress = (report: Reported) => void reports.push(report);
    const answer = await client.callTool('analyze_image', { image, wait_seconds: 2 }, { onprogress });
    expect(Started.parse(answer.structuredContent).created).toBe(true);
    expect(reports[0]).toMatchObject({ progress: 0, message: expect.stringMatching(/^Phase \w+: 0 of \d tiles/) });
    expect(await client.refusal('analyze_image', { image: LAWN })).toContain(`inside ${folder}`);
    await client.close();
    await untilGone(client);
  });

  // The progress of one comes in the generation of the first kind; that of the other is in the test of a second client.
  test.each(BETWEEN)('a client (%s) has every tool and allowed folders, and ends the server', async (kind) => {
    const { folder } = await folderWithImage();
    const client = await stdioClient({ kind, dataFolder: await temporaryFolder(), allow: folder });
    expect((await client.listTools()).map(({ name }) => name)).toEqual(TOOLS.map(({ name }) => name));
    expect(client.instructions()).toContain(`absolute path inside ${folder}.`);
    expect(await client.refusal('analyze_image', { image: LAWN })).toContain(`inside ${folder}`);
    await client.close();
    await untilGone(client);
  });

  test('an image is uploaded through a link to the same process', async () => {
    const { image } = await folderWithImage();
    const client = await stdioClient({ dataFolder: await temporaryFolder() });
    const bytes = await sharp(image).resize(300).jpeg().toBuffer();
    const { upload_id, url } = await client.call('create_upload', { file_name: 'a.jpg', bytes: bytes.length }, Upload);
    expect((await fetch(url, { method: 'PUT', body: new Uint8Array(bytes) })).status).toBe(204);
    const answer = await client.call('analyze_image', { image: upload_id, wait_seconds: 25 }, Started);
    expect(answer.status).toBe('SUCCEEDED');
  });

  test('the page and MCP over HTTP are for holders of the key only', async () => {
    const dataFolder = await temporaryFolder();
    const client = await stdioClient({ dataFolder });
    const page = new URL(pageOf(client));
    for (const path of ['/', '/?key=wrong', '/page/style.css', '/executions/events'])
      expect((await fetch(new URL(path, page))).status).toBe(401);
    expect((await fetch(new URL('/mcp', page), { method: 'POST' })).status).toBe(401);
    const entered = await fetch(page, { redirect: 'manual' });
    expect([entered.status, entered.headers.get('location')]).toEqual([302, '/']);
    const [cookie = ''] = entered.headers.get('set-cookie')?.split(';') ?? [];
    expect(await (await fetch(new URL('/', page), { headers: { cookie } })).text()).toContain('<title>');
    await client.close();
    const withoutPage = await stdioClient({ dataFolder, args: ['--no-page'] });
    expect(withoutPage.log()).not.toContain('page');
    expect((await fetch(page, { headers: { cookie } })).status).toBe(404);
    expect((await fetch(new URL('/healthz', page))).status).toBe(200);
  });
});

describe('the end of the server', () => {
  test.each([
    ['it gets SIGTERM', (client: StdioClient) => process.kill(client.pid, 'SIGTERM')],
    ['it gets SIGHUP', (client: StdioClient) => process.kill(client.pid, 'SIGHUP')],
    ['it is killed', (client: StdioClient) => process.kill(client.pid, 'SIGKILL')],
  ])('takes every process along when %s', async (_, end) => {
    const { folder, image } = await folderWithImage();
    const client = await stdioClient({ dataFolder: await temporaryFolder(), allow: folder });
    await analyzing(client, image);
    await end(client);
    await untilGone(client);
  });

  test('takes every process along when its client closes, and the next start continues the analysis', async () => {
    const { folder, image } = await folderWithImage();
    const place = { dataFolder: await temporaryFolder(), allow: folder };
    const client = await stdioClient(place);
    const executionId = await analyzing(client, image);
    const { next_step } = await client.call('get_execution', { execution_id: executionId }, getExecution.output);
    expect(next_step).toContain('If this client closes first, the analysis continues when it starts again.');
    await client.close();
    await untilGone(client);
    const next = await stdioClient(place);
    expect(await ended(next, executionId)).toBe('SUCCEEDED');
  });

  test('before the server is found, takes every process along too', async () => {
    const marker = await temporaryFolder();
    const running = runCommand(['mcp', '--data', join(marker, 'data')], { TILESIGHT_HOME: marker });
    await expect.poll(async () => (await processesWith(marker)).length).toBeGreaterThan(0);
    for (const pid of await processesWith(marker)) process.kill(pid, 'SIGTERM');
    expect((await running).stdout).toBe('');
    expect(await processesWith(marker)).toEqual([]);
  });
});

describe('a second client with the same data folder', () => {
  test('joins the first, sees its analyses but not its folders, and takes its place without losing its session', async () => {
    const { folder, image } = await folderWithImage();
    const dataFolder = await temporaryFolder();
    const first = await stdioClient({ dataFolder, allow: folder });
    const second = await stdioClient({ kind: '2.x as of 2025', dataFolder });
    expect(second.log()).toContain('which has the same data folder');
    expect(second.instructions()).not.toContain(folder);
    expect(await second.refusal('analyze_image', { image })).toContain('No image was uploaded');
    const executionId = await analyzing(first, image);
    const reports: Reported[] = [];
    const onprogress = (report: Reported) => void reports.push(report);
    const args = { execution_id: executionId, wait_seconds: 20 };
    const waiting = second.callTool('get_execution', args, { onprogress });
    await expect.poll(() => reports.length).toBeGreaterThan(0);
    process.kill(first.pid, 'SIGKILL');
    expect((await waiting).isError).toBeUndefined();
    expect(await ended(second, executionId)).toBe('SUCCEEDED');
    expect(pageOf(second)).not.toBe('none');
    await expect.poll(() => second.log()).toContain('runs with the data folder');
    expect(second.log()).toContain(pageOf(first)); // links of the first server remain valid
  });

  test('takes the place of one that has closed even while its own client is idle', async () => {
    const { folder, image } = await folderWithImage();
    const place = { dataFolder: await temporaryFolder(), allow: folder };
    const [first, second] = [await stdioClient(place), await stdioClient(place)];
    const executionId = await analyzing(first, image);
    await first.close();
    await expect.poll(() => second.log()).toContain('runs with the data folder');
    expect(await ended(second, executionId)).toBe('SUCCEEDED');
  });

  test('and many that start at once agree on one server', async () => {
    const dataFolder = await temporaryFolder();
    const clients = await Promise.all([1, 2, 3].map(() => stdioClient({ dataFolder })));
    expect(clients.filter((client) => client.log().includes('runs with'))).toHaveLength(1);
    for (const client of clients) expect((await client.listTools()).length).toBe(TOOLS.length);
  });
});

describe('beside tilesight serve', () => {
  test('it joins the server, with the folders of both', async () => {
    const { folder, image } = await folderWithImage();
    const dataFolder = await temporaryFolder();
    const [config, allowedFolders] = [readConfig({ DETECTION_MODELS: 'onnx:nanodet' }), [join(LAWN, '..')]];
    const server = await serve({ config, dataFolder, allowedFolders, port: 0, log: silent });
    onTestFinished(() => server.close());
    const client = await stdioClient({ dataFolder, allow: folder });
    expect(client.log()).toContain(`uses the tilesight at ${server.url}`);
    expect(client.instructions()).toContain(folder);
    for (const named of [image, LAWN])
      expect((await client.call('analyze_image', { image: named, dry_run: true }, Started)).status).toBe('PLANNED');
    const headers = { 'tilesight-allowed-folders': encodeURIComponent(folder) };
    const call = { name: 'analyze_image', arguments: { image: pathToFileURL(image).href, dry_run: true } };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: call });
    const foreign = { ...headers, 'content-type': 'application/json' };
    const answer = await fetch(new URL('/mcp', server.url), { method: 'POST', headers: foreign, body });
    expect(await answer.text()).toContain('"isError":true'); // only processes with the token bring folders
  });

  test('it refuses to join a server that requires signatures, and names the command that can', async () => {
    const dataFolder = await temporaryFolder();
    const { url } = await signedServer(dataFolder);
    const { code, stderr, stdout } = await runCommand(['mcp', '--data', dataFolder]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`Connect with tilesight connect ${url}/mcp --region REGION`);
  });
});

test('a folder that is not there is refused before anything starts', async () => {
  const { code, stderr } = await runCommand(['mcp', '--allow', '/no/such/folder']);
  expect([code, stderr]).toEqual([1, expect.stringContaining('/no/such/folder does not exist or may not be read.')]);
});
