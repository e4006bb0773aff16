import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { ExecutionView } from '../mcp-server/execution-view.ts';
import type { ModelOffer } from '../mcp-server/model-choice.ts';
import { analyzeImage } from '../mcp-server/tools/analyze-image.ts';
import { createUpload } from '../mcp-server/tools/create-upload.ts';
import { listFindings } from '../mcp-server/tools/list-findings.ts';
import { type Finding, FindingsDocument } from '../pipeline/core/contract.ts';
import { intersectionOf } from '../pipeline/core/geometry.ts';
import { keys } from '../pipeline/core/keys.ts';
import { CLIENTS, connected, type TestClient, textOf } from './support/mcp-clients.ts';
import type { Run } from './support/scripted-launcher.ts';
import { ORIGIN, type TestServer, type TestServerOptions, testServer } from './support/server.ts';

const TOKENS_MAX = 10_000;
const TOOLS_TOKENS_MAX = 6_000;
const BOTH_COPIES_TOKENS_MAX = 25_000; // where clients cut an answer
/** Of JSON in bytes: a Chinese character has 3, and is about one token. */
const tokensIn = (text: string) => Math.ceil(Buffer.byteLength(text) / 3.5);

const Started = analyzeImage.output;
const Upload = createUpload.output;
const Page = listFindings.output;
type Page = z.infer<typeof Page>;

async function serverAndClient(options: TestServerOptions = {}): Promise<{ server: TestServer; client: TestClient }> {
  const server = await testServer(options);
  return { server, client: await connected('2.x pinned to 2026-07-28', server) };
}

/** A picture that may be named, and what `analyze_image` takes for it. */
async function picture(server: TestServer): Promise<string> {
  const path = join(server.folder, 'site-plan.jpg');
  await writeFile(path, 'pixels');
  return pathToFileURL(path).href;
}

async function started(server: TestServer, client: TestClient, wishes: object = {}) {
  return await client.call('analyze_image', { image: await picture(server), ...wishes }, Started);
}

function finding(index: number, fields: Partial<Finding> = {}): Finding {
  const box: Finding['box'] = [(index * 37) % 1_200, (index * 53) % 600, 30, 20];
  const defaults = { label: 'person', description: 'A person.', score: 0.9, severity: 'info', text: null, level: 0 } as const;
  return { id: `f${index}`, ...defaults, box, tiles: [0], verified: null, ...fields };
}

const ends =
  (findings: Finding[], failedTiles: number[] = []) =>
  async (run: Run) =>
    void (await run.end(findings, failedTiles));

async function allPages(client: TestClient, filters: Record<string, unknown>): Promise<Page[]> {
  const pages: Page[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await client.call('list_findings', { ...filters, ...(cursor && { cursor }) }, Page);
    pages.push(page);
    cursor = page.next_cursor;
  }
  return pages;
}

const idsOf = (pages: Page[]) => pages.flatMap(({ findings }) => findings.map(({ id }) => id));

describe.each(CLIENTS)('for a client %s:', (kind) => {
  test('the tools are listed in order, with titles, annotations and schemas', async () => {
    const client = await connected(kind, await testServer());
    const tools = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      'analyze_image',
      'get_execution',
      'list_findings',
      'create_upload',
      'view_region',
    ]);
    expect(
      tools.map(({ annotations }) => [annotations.readOnlyHint, annotations.idempotentHint, annotations.openWorldHint]),
    ).toEqual([
      [false, true, false],
      [true, true, false],
      [true, true, false],
      [false, false, false],
      [true, true, false],
    ]);
    for (const { name, title, description, inputSchema, outputSchema } of tools) {
      expect(title.length).toBeGreaterThan(5);
      expect(description).toMatch(/^Use this /);
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      // With a structured answer, clients would not show their model the picture.
      if (name === 'view_region') expect(outputSchema).toBeUndefined();
      else expect(outputSchema).toMatchObject({ type: 'object' });
    }
    expect(client.instructions()).toContain('analyze_image');
  });

  test('a picture goes from upload to findings, and every answer is the same as JSON text', async () => {
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

test('every client is given exactly the same list of tools', async () => {
  const server = await testServer();
  const lists = await Promise.all(CLIENTS.map(async (kind) => (await connected(kind, server)).listTools()));
  for (const list of lists) expect(list).toEqual(lists[0]);
});

test('every box is listed as an array of four numbers, which clients of 2020-12 and of draft 07 read alike', async () => {
  const { client } = await serverAndClient();
  const listed = JSON.stringify(await client.listTools());
  expect(listed).not.toMatch(/prefixItems|"items":false/);
  const tools = await client.listTools();
  const region = tools.find(({ name }) => name === 'list_findings')?.inputSchema.properties;
  expect(region).toMatchObject({ region: { type: 'array', items: { type: 'number', minimum: 0 }, minItems: 4, maxItems: 4 } });
});

test('the list of tools and the instructions take less than 6,000 tokens', async () => {
  const { client } = await serverAndClient();
  const text = JSON.stringify(await client.listTools()) + client.instructions();
  expect(tokensIn(text)).toBeLessThan(TOOLS_TOKENS_MAX);
});

test.each(['GET', 'DELETE'])('%s /mcp is not allowed: no session or stream is held', async (method) => {
  const server = await testServer();
  const response = await server.fetch(`${ORIGIN}/mcp`, { method, headers: { accept: 'text/event-stream' } });
  expect(response.status).toBe(405);
});

describe('analyze_image', () => {
  test('starts the same request once, and says so', async () => {
    const { server, client } = await serverAndClient();
    const first = await started(server, client);
    const second = await client.call('analyze_image', { image: first && server.launcher.runs[0]?.request.image.uri }, Started);
    expect([first.created, second.created]).toEqual([true, false]);
    expect(second.execution_id).toBe(first.execution_id);
    expect(server.launcher.runs).toHaveLength(1);
  });

  test('names an execution after its picture, and another request otherwise', async () => {
    const { server, client } = await serverAndClient();
    const plain = await started(server, client);
    const other = await started(server, client, { look_for: 'cars' });
    expect(plain.execution_id).toMatch(/^site-plan-[0-9a-f]{16}$/);
    expect(other.execution_id).not.toBe(plain.execution_id);
    expect(other.created).toBe(true);
  });

  test('a new picture under the same name is another execution', async () => {
    const { server, client } = await serverAndClient();
    const before = await started(server, client);
    await writeFile(join(server.folder, 'site-plan.jpg'), 'other pixels');
    const image = server.launcher.runs[0]?.request.image.uri;
    const after = await client.call('analyze_image', { image }, Started);
    expect(after.execution_id).not.toBe(before.execution_id);
  });

  test('an idempotency_key starts nothing twice, and a new one runs the same request again', async () => {
    const { server, client } = await serverAndClient();
    const image = await picture(server);
    const start = (idempotency_key: string) => client.call('analyze_image', { image, idempotency_key }, Started);
    const [first, again, anew] = [await start('a/b c'), await start('a/b c'), await start('second')];
    expect([first.created, again.created, anew.created]).toEqual([true, false, true]);
    expect(again.execution_id).toBe(first.execution_id);
    expect(anew.execution_id).not.toBe(first.execution_id);
  });

  test('another request under the same idempotency_key is refused', async () => {
    const { server, client } = await serverAndClient();
    const image = await picture(server);
    await client.call('analyze_image', { image, idempotency_key: 'k' }, Started);
    const sentence = await client.refusal('analyze_image', { image, idempotency_key: 'k', look_for: 'cars' });
    expect(sentence).toMatch(/Choose another idempotency_key\.$/);
    expect(server.launcher.runs).toHaveLength(1);
  });

  test('passes on what was asked for, and the models of the server', async () => {
    const { server, client } = await serverAndClient();
    const { execution_id } = await started(server, client, { look_for: 'cars', labels: ['car'], detail: 'fine', tile_size: 512 });
    expect(server.launcher.runs[0]?.request).toMatchObject({
      execution_id,
      ask: { look_for: 'cars', labels: ['car'] },
      plan: { detail: 'fine', tile_size: 512, overlap: null, grid: null, region: null, max_tiles: null, skip_blank: true },
      models: { detection: ['onnx:nanodet'] },
    });
  });

  test('is answered at once while the analysis is queued', async () => {
    const { server, client } = await serverAndClient();
    const answer = await started(server, client);
    expect(answer).toMatchObject({ status: 'RUNNING', phase: 'queued', poll_after_seconds: 2, artifacts: {} });
    expect(answer.next_step).toContain(answer.execution_id);
  });

  test('with wait_seconds answers with the end when it comes in time', async () => {
    const { server, client } = await serverAndClient({
      script: async (run) => {
        run.progress.phase('detect');
        setTimeout(() => void run.end([finding(1)]), 100);
      },
    });
    const answer = await started(server, client, { wait_seconds: 25 });
    expect(answer).toMatchObject({ status: 'SUCCEEDED', findings_so_far: 1, created: true });
  });
});

describe('get_execution', () => {
  test('with wait_seconds answers at the next phase, before the end, and not for every tile', async () => {
    const { server, client } = await serverAndClient({
      script: async (run) => {
        run.progress.phase('detect');
        await expect.poll(() => server.blobs.head(keys.progress(run.request.execution_id))).not.toBeNull();
      },
    });
    const { execution_id } = await started(server, client);
    const [run] = server.launcher.runs;
    setTimeout(() => void run?.look(run.tiles[0]), 300);
    setTimeout(() => run?.progress.phase('merge'), 900);
    const answer = await client.call('get_execution', { execution_id, wait_seconds: 25 }, ExecutionView);
    expect(answer).toMatchObject({ status: 'RUNNING', phase: 'merge', tiles: { total: run?.tiles.length, done: 1 } });
    expect(answer.elapsed_seconds).toBeLessThan(20);
  });

  test('with wait_seconds and no news answers at the deadline with what is known', async () => {
    const { server, client } = await serverAndClient();
    const { execution_id } = await started(server, client);
    const answer = await client.call('get_execution', { execution_id, wait_seconds: 0.3 }, ExecutionView);
    expect(answer).toMatchObject({ status: 'RUNNING', phase: 'queued' });
  });

  test('tells the rate so far as time left', async () => {
    let now = Date.parse('2026-11-21T06:00:00Z');
    const { server, client } = await serverAndClient({
      clock: { now: () => new Date(now) },
      script: async (run) => run.progress.phase('detect'),
    });
    const { execution_id } = await started(server, client);
    now += 8_000;
    const [run] = server.launcher.runs;
    await run?.look(run.tiles[0]);
    await expect
      .poll(() => client.call('get_execution', { execution_id }, ExecutionView))
      .toMatchObject({ tiles: { total: 3, done: 1 }, elapsed_seconds: 8, eta_seconds: 16, poll_after_seconds: 4 });
  });

  test('gives links to the results, which can be fetched', async () => {
    const { server, client } = await serverAndClient({ script: ends([finding(1)]) });
    const { execution_id, artifacts } = await started(server, client);
    const document = await server.fetch(artifacts.findings_json ?? '');
    expect(document.headers.get('content-type')).toBe('application/json');
    expect(FindingsDocument.parse(await document.json())).toMatchObject({ execution_id, findings: [{ id: 'f1' }] });
    const overlay = await server.fetch(artifacts.overlay_jpg ?? '');
    expect(overlay.headers.get('content-type')).toBe('image/jpeg');
    expect(await overlay.text()).toBe('overlay');
  });

  test('says why a picture was blocked, and to choose another', async () => {
    const usage = { input_tokens: 0, output_tokens: 0, cost_usd: 0 };
    const { server, client } = await serverAndClient({
      script: (run) => run.progress.block({ category: 'nudity', score: 0.97, usage }),
    });
    const { execution_id } = await started(server, client);
    const answer = await client.call('get_execution', { execution_id }, ExecutionView);
    expect(answer).toMatchObject({ status: 'BLOCKED', artifacts: {}, poll_after_seconds: 0 });
    expect(answer.reason).toContain('nudity, score 0.97');
    expect(answer.next_step).toMatch(/^Choose another picture/);
    expect(await client.refusal('list_findings', { execution_id })).toMatch(/ended as BLOCKED\. The picture was blocked/);
  });

  test('says why an analysis failed, and how to start it again', async () => {
    const { server, client } = await serverAndClient({ script: (run) => run.progress.fail('Expected a picture, got text.') });
    const { execution_id } = await started(server, client);
    const answer = await client.call('get_execution', { execution_id }, ExecutionView);
    expect(answer).toMatchObject({ status: 'FAILED', reason: 'Expected a picture, got text.' });
    expect(answer.next_step).toContain('idempotency_key');
    expect(await client.refusal('list_findings', { execution_id })).toContain('ended as FAILED. Expected a picture, got text.');
  });

  test('names the tiles that could not be looked at', async () => {
    const { server, client } = await serverAndClient({ script: ends([finding(1)], [1]) });
    const { execution_id } = await started(server, client);
    const answer = await client.call('get_execution', { execution_id }, ExecutionView);
    expect(answer).toMatchObject({ status: 'PARTIAL', failed_tiles: [{ tile: 1, reason: 'The model failed on this tile.' }] });
    expect(answer.reason).toMatch(/^1 of 3 tiles/);
    expect(answer.next_step).toContain('failed_tiles');
    const page = await client.call('list_findings', { execution_id }, Page);
    expect(page.next_step).toBe('These are all that match. 1 of 3 tiles were not seen: get_execution names them.');
  });

  test('an analysis that ended without a last word has the end its control plane tells', async () => {
    const { server, client } = await serverAndClient();
    const { execution_id } = await started(server, client);
    const endedAt = new Date();
    const error = { type: 'SqliteError', message: 'disk I/O error at /home/someone' };
    server.launcher.states.set(execution_id, { state: 'failed', startedAt: endedAt, endedAt, error });
    const answer = await client.call('get_execution', { execution_id }, ExecutionView);
    expect(answer).toMatchObject({ status: 'FAILED', phase: 'done' });
    expect(answer.reason).toBe('Something inside failed. The log of this server says what.');
  });

  test('old progress is not believed when the control plane knows better', async () => {
    let now = Date.parse('2026-11-21T06:00:00Z');
    const { server, client } = await serverAndClient({
      clock: { now: () => new Date(now) },
      script: async (run) => {
        run.progress.phase('detect');
        await run.look(run.tiles[0]);
        await expect.poll(() => server.blobs.head(keys.progress(run.request.execution_id))).not.toBeNull();
      },
    });
    const { execution_id } = await started(server, client);
    const state = { startedAt: new Date(now), endedAt: new Date(now), error: { type: 'TimeoutError', message: '' } };
    server.launcher.states.set(execution_id, { state: 'timed-out', ...state });
    const fresh = await client.call('get_execution', { execution_id }, ExecutionView);
    now += 11_000;
    const stale = await client.call('get_execution', { execution_id }, ExecutionView);
    expect([fresh.status, stale.status]).toEqual(['RUNNING', 'TIMED_OUT']);
    expect(stale.tiles.done).toBe(1);
  });
});

describe('list_findings', () => {
  const labels = ['person', 'car', 'dog', 'kite', 'bench'];
  const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;
  const many = Array.from({ length: 5_000 }, (_, index) =>
    finding(index, {
      label: labels[index % 5] ?? '',
      severity: severities[index % 3] ?? 'info',
      score: ((index * 7_919) % 1_000) / 1_000,
      description: `Number ${index}, standing beside "the other" ones.`,
      text: index % 4 === 0 ? `No. ${index}` : null,
    }),
  );
  const scored = (found: Page['findings']) => found.map(({ score }) => score);

  async function serverWith(findings: Finding[]) {
    const { server, client } = await serverAndClient({ script: ends(findings) });
    const { execution_id } = await started(server, client);
    return { client, execution_id };
  }

  test.each([
    { sort: 'score', limit: 200, response_format: 'concise' },
    { sort: 'position', limit: 200, response_format: 'detailed' },
    { sort: 'label', limit: 173, response_format: 'concise' },
  ])('gives all of 5,000 findings once each in pages below 10,000 tokens: %j', async (how) => {
    const { client, execution_id } = await serverWith(many);
    const pages = await allPages(client, { execution_id, ...how });
    const ids = idsOf(pages);
    expect(ids).toHaveLength(5_000);
    expect(new Set(ids).size).toBe(5_000);
    for (const page of pages) expect(tokensIn(JSON.stringify(page))).toBeLessThan(TOKENS_MAX);
    expect(pages.at(-1)?.next_step).toBe('These are all that match.');
    expect(pages[0]?.next_step).toContain(`cursor ${pages[0]?.next_cursor}`);
  });

  test.each(['l', '图', '\u0001'])(
    'stays below 10,000 tokens when every finding is as long as it can be, of %j',
    async (letter) => {
      const longest = Array.from({ length: 120 }, (_, index) =>
        finding(index, {
          label: `${index} ${letter.repeat(96)}`,
          description: letter.repeat(1_000),
          text: letter.repeat(2_000),
        }),
      );
      const { client, execution_id } = await serverWith(longest);
      const how = { execution_id, limit: 200, response_format: 'detailed' };
      const pages = await allPages(client, how);
      expect(new Set(idsOf(pages)).size).toBe(120);
      for (const page of pages) expect(tokensIn(JSON.stringify(page))).toBeLessThan(TOKENS_MAX);
      const { content, structuredContent } = await client.callTool('list_findings', how);
      expect(tokensIn(JSON.stringify({ content, structuredContent }))).toBeLessThan(BOTH_COPIES_TOKENS_MAX);
    },
  );

  test('counts first: by label and severity, of what matches', async () => {
    const { client, execution_id } = await serverWith(many);
    const page = await client.call('list_findings', { execution_id, labels: ['CAR', 'dog'], limit: 1 }, Page);
    expect(page.totals).toMatchObject({ findings: 5_000, matching: 2_000, by_label: { car: 1_000, dog: 1_000 } });
    expect(Object.values(page.totals.by_severity).reduce((sum, count) => sum + count, 0)).toBe(2_000);
    expect(page.findings).toHaveLength(1);
    expect(Object.keys(page)).toEqual(['execution_id', 'status', 'image', 'totals', 'findings', 'next_cursor', 'next_step']);
  });

  test('keeps only what every filter lets through', async () => {
    const { client, execution_id } = await serverWith(many);
    const region = [100, 100, 300, 200];
    const filters = { labels: ['person'], severity: ['low', 'medium'], min_score: 0.5, region };
    const ids = idsOf(await allPages(client, { execution_id, ...filters, limit: 20 }));
    const expected = many.filter(
      ({ label, severity, score, box }) =>
        label === 'person' && severity !== 'info' && score >= 0.5 && intersectionOf(box, [100, 100, 300, 200]) > 0,
    );
    expect(expected.length).toBeGreaterThan(20);
    expect(ids.toSorted()).toEqual(expected.map(({ id }) => id).toSorted());
  });

  test('sorts by score, by position and by label', async () => {
    const { client, execution_id } = await serverWith(many.slice(0, 150));
    const sorted = async (sort: string) =>
      (await client.call('list_findings', { execution_id, sort, limit: 150 }, Page)).findings;
    const byScore = scored(await sorted('score'));
    expect(byScore).toEqual(byScore.toSorted((a, b) => b - a));
    const tops = (await sorted('position')).map(({ box }) => box[1]);
    expect(tops).toEqual(tops.toSorted((a, b) => a - b));
    const names = (await sorted('label')).map(({ label }) => label);
    expect(names).toEqual(names.toSorted());
    expect(names).toHaveLength(150);
  });

  test('is concise unless asked for details', async () => {
    const { client, execution_id } = await serverWith([finding(1)]);
    const [concise] = (await client.call('list_findings', { execution_id }, Page)).findings;
    expect(Object.keys(concise ?? {})).toEqual(['id', 'label', 'score', 'severity', 'box', 'text']);
    const [detailed] = (await client.call('list_findings', { execution_id, response_format: 'detailed' }, Page)).findings;
    expect(detailed).toEqual(finding(1));
  });

  test('says what to do when nothing was found, or nothing matches', async () => {
    const nothing = await serverWith([]);
    expect((await nothing.client.call('list_findings', { execution_id: nothing.execution_id }, Page)).next_step).toMatch(
      /^Nothing was found/,
    );
    const some = await serverWith([finding(1)]);
    const page = await some.client.call('list_findings', { execution_id: some.execution_id, labels: ['zebra'] }, Page);
    expect(page).toMatchObject({ totals: { findings: 1, matching: 0 }, findings: [], next_cursor: null });
    expect(page.next_step).toMatch(/^Nothing matches/);
  });

  test.each(['6', '-1', '1e3', 'next', ''])('the cursor %j, which no page gave, is refused', async (cursor) => {
    const { client, execution_id } = await serverWith(many.slice(0, 5));
    expect(await client.refusal('list_findings', { execution_id, cursor })).toMatch(/Leave it out to begin again\.$/);
  });

  test('asks for patience while the analysis runs', async () => {
    const { server, client } = await serverAndClient();
    const { execution_id } = await started(server, client);
    expect(await client.refusal('list_findings', { execution_id })).toMatch(
      /in phase queued .* Call get_execution with wait_seconds 20/,
    );
  });
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

  test('every upload has an id of its own', async () => {
    const { client } = await serverAndClient();
    const ask = () => client.call('create_upload', { file_name: 'a.jpg', bytes: 3 }, Upload);
    expect((await ask()).upload_id).not.toBe((await ask()).upload_id);
  });

  test('a picture over 2 GiB is refused', async () => {
    const { client } = await serverAndClient();
    expect(await client.refusal('create_upload', { file_name: 'a.tif', bytes: 2 ** 31 + 1 })).toMatch(
      /^Expected a file of at most 2147483648 bytes \(2 GiB\), got 2147483649\./,
    );
  });

  test('a picture that was not sent yet cannot be analyzed', async () => {
    const { server, client } = await serverAndClient();
    const { upload_id } = await client.call('create_upload', { file_name: 'a.jpg', bytes: 3 }, Upload);
    expect(await client.refusal('analyze_image', { image: upload_id })).toMatch(/under which there is none\. Call create_upload/);
    expect(server.launcher.runs).toEqual([]);
  });
});

describe('a refusal', () => {
  const wrong: [string, Record<string, unknown>, RegExp][] = [
    ['analyze_image', {}, /, got image \(expected string, received undefined\)\. It takes image, look_for, /],
    ['analyze_image', { image: 'x', colour: 'red' }, /, got unknown colour\. It takes image/],
    ['analyze_image', { image: 'x', detail: 'best' }, /detail \(expected one of "overview"\|"standard"/],
    ['analyze_image', { image: 'x', wait_seconds: 60 }, /wait_seconds \(expected number to be <=25\)/],
    [
      'get_execution',
      { execution_id: 7 },
      /execution_id \(expected string, received number\)\. It takes execution_id, wait_seconds\.$/,
    ],
    [
      'list_findings',
      { execution_id: 'a', limit: 'ten', min_score: 2 },
      /min_score \(.*\); limit \(expected number, received string\)\./,
    ],
    ['list_findings', { execution_id: 'a', region: [1, 2, 3] }, /region \(expected array to have >=4 items/],
    ['create_upload', { file_name: 'a.jpg', bytes: 0 }, /bytes \(expected number to be >=1\)/],
  ];
  test.each(wrong)('of %s with %j is one sentence that says what it takes', async (name, args, sentence) => {
    const { client } = await serverAndClient();
    const text = await client.refusal(name, args);
    expect(text).toMatch(sentence);
    expect(text).toMatch(/^Expected arguments that /);
    expect(text).not.toMatch(/[{}\n]/);
  });

  test('stays short, whatever was sent', async () => {
    const { client } = await serverAndClient();
    const names = Array.from({ length: 400 }, (_, index) => [`argument_${index}`, 'x'.repeat(1_000)]);
    const severity = Array.from({ length: 400 }, () => 'y'.repeat(100));
    const text = await client.refusal('list_findings', { ...Object.fromEntries(names), severity });
    expect(text.length).toBeLessThan(1_200);
  });

  test.each(['get_execution', 'list_findings'])('of %s for an unknown execution says where ids come from', async (name) => {
    const { client } = await serverAndClient();
    expect(await client.refusal(name, { execution_id: 'nobody-knows' })).toMatch(
      /^Expected the id of an execution, got nobody-knows, .* analyze_image\.$/,
    );
  });

  test.each(['../../secret', 'a/b', '..', 'a\\b', 'a\0b', '%2e%2e', '', 'a'.repeat(65), 'a\n'])(
    'the execution_id %j never reaches the store',
    async (execution_id) => {
      const { client } = await serverAndClient();
      for (const name of ['get_execution', 'list_findings'])
        expect(await client.refusal(name, { execution_id })).toContain(
          'got execution_id (Expected an execution_id as analyze_image returned it)',
        );
    },
  );

  test('an unexpected error is a reference into the log, and never its own words', async () => {
    const secret = 'EACCES: /home/someone/.aws/credentials';
    const { server, client } = await serverAndClient({ pictures: { resolve: () => Promise.reject(new Error(secret)) } });
    const text = await client.refusal('analyze_image', { image: 'x' });
    expect(text).toMatch(/^Something inside failed \(reference [0-9a-f]{8}\)\. Try again;/);
    expect(text).not.toContain('EACCES');
    const [, reference] = /reference (\w+)/.exec(text) ?? [];
    expect(server.errors).toMatchObject([{ facts: { tool: 'analyze_image', reference, error: { message: secret } } }]);
  });

  test('a document that no version of this code wrote is an unexpected error too', async () => {
    const { server, client } = await serverAndClient();
    await server.blobs.put(keys.progress('broken'), Buffer.from('{"status":"GONE"}'));
    expect(await client.refusal('get_execution', { execution_id: 'broken' })).toMatch(/^Something inside failed \(reference/);
    expect(server.errors).toHaveLength(1);
  });
});

test('rejected findings are counted, and listed only when that is asked for', async () => {
  const findings = [finding(1), finding(2, { verified: 'rejected' }), finding(3, { verified: 'confirmed' })];
  const { server, client } = await serverAndClient({ script: ends(findings) });
  const { execution_id } = await started(server, client);
  const page = await client.call('list_findings', { execution_id }, Page);
  expect(page.totals).toMatchObject({ findings: 2, rejected: 1, matching: 2 });
  expect(page.findings.map(({ id }) => id)).toEqual(['f1', 'f3']);
  expect(idsOf(await allPages(client, { execution_id, include_rejected: true })).sort()).toEqual(['f1', 'f2', 'f3']);
});

describe('models and moderation', () => {
  const models: ModelOffer = {
    defaults: { moderation: 'onnx:nsfw', detection: ['onnx:nanodet'], verification: null, synthesis: 'rules:summary' },
    allowed: ['openai:qwen3-vl', 'openai:judge'],
    moderationMayBeOff: false,
  };

  test('that this server allows are used in place of its own', async () => {
    const { server, client } = await serverAndClient({ models });
    await started(server, client, { verify: true, models: { detection: ['openai:qwen3-vl'], verification: 'openai:judge' } });
    expect(server.launcher.runs[0]?.request).toMatchObject({
      verify: true,
      models: {
        moderation: 'onnx:nsfw',
        detection: ['openai:qwen3-vl'],
        verification: 'openai:judge',
        synthesis: 'rules:summary',
      },
    });
  });

  test.each([
    [
      'a model outside the list',
      { models: { detection: ['openai:gpt'] } },
      /^Expected a model that this server allows .*got openai:gpt/,
    ],
    ['moderation off', { moderation: 'off' }, /^Expected moderation on, as this server requires it, got off/],
    [
      'verify without a model for it',
      { verify: true },
      /^Expected a server with a verification model for verify, got one without/,
    ],
  ])('%s is refused, and nothing starts', async (_, wishes, sentence) => {
    const { server, client } = await serverAndClient({ models });
    const image = await picture(server);
    expect(await client.refusal('analyze_image', { image, ...wishes })).toMatch(sentence);
    expect(server.launcher.runs).toEqual([]);
  });

  test('moderation is left out where that is allowed', async () => {
    const { server, client } = await serverAndClient({ models: { ...models, moderationMayBeOff: true } });
    await started(server, client, { moderation: 'off' });
    expect(server.launcher.runs[0]?.request.models.moderation).toBeNull();
  });
});
