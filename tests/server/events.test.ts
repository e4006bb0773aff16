// Live events of an execution while it runs: over a real server that is killed, and as the pipeline publishes them.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import sharp from 'sharp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { serve } from '../../local/serve.ts';
import { executionReader } from '../../local/web/execution-reader.ts';
import { readConfig } from '../../pipeline/config.ts';
import { AnswerError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { tilesOf } from '../../pipeline/planning/grid.ts';
import { StoredPlan } from '../../pipeline/planning/stored-plan.ts';
import { gridOf, type TileState, TileStates } from '../../pipeline/planning/tile-states.ts';
import type { Log, PipelineDeps } from '../../pipeline/ports.ts';
import type { LiveEvent, TileEvent } from '../../pipeline/progress/events.ts';
import { progressReader } from '../../pipeline/progress/progress-reader.ts';
import { reportTiles } from '../../pipeline/progress/tile-state-writer.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type GridSubscriber, serverSentData, subscribeToGrid } from '../support/grid-subscriber.ts';
import { type LiveServer, liveServer } from '../support/live-server.ts';
import { type PipelineStage, pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { scriptedVision } from '../support/scripted-vision.ts';
import { signedServer } from '../support/signed-server.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const SUBSCRIBERS_MAX = 50; // of local/web/event-stream.ts
const ENDED = ['done', 'failed', 'blank'];
const quiet = () => {};
const SILENT: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

async function analyze(origin: string, image: string, wishes: object = {}): Promise<string> {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', origin)));
  const result = await client.callTool({ name: 'analyze_image', arguments: { image: pathToFileURL(image).href, ...wishes } });
  await client.close();
  expect(result).not.toHaveProperty('isError', true);
  return String({ execution_id: '', ...(result.structuredContent as object) }.execution_id);
}

const count = (grid: readonly string[], state: string) => grid.filter((each) => each === state).length;
const endedIn = (grid: readonly string[]) => grid.filter((state) => ENDED.includes(state)).length;

async function until(fits: () => boolean): Promise<void> {
  while (!fits()) await sleep(10);
}

describe('a page that watches an execution', () => {
  test('gets every end of a tile once, while workers and the whole server are killed', { timeout: 180_000 }, async () => {
    const dataFolder = await temporaryFolder();
    let server: LiveServer = await liveServer(dataFolder, 0);
    const { origin } = server;
    const executionId = await analyze(origin, join(EXAMPLES, 'lawn.jpg'), { region: [1_000, 0, 3_600, 2_400] });
    const page: GridSubscriber = subscribeToGrid(() => `${origin}/executions/${executionId}/events`);

    await until(() => page.ends.inEvents >= 15);
    server.killWorkers();
    const atFirstKill = page.ends.inEvents;
    await until(() => page.ends.inEvents >= atFirstKill + 15);
    const atSecondKill = { ended: endedIn(page.grid), snapshots: page.snapshots.length };
    await server.kill();
    expect(atSecondKill.ended).toBeLessThan(page.grid.length);
    server = await liveServer(dataFolder, Number(new URL(origin).port));
    const end = await page.end;

    const bytes = await readFile(join(dataFolder, 'blobs', keys.findings(executionId)), 'utf8');
    const { tiles, findings } = FindingsDocument.parse(JSON.parse(bytes));
    expect(page.faults).toEqual([]);
    expect(page.snapshots.length).toBeGreaterThan(atSecondKill.snapshots);
    expect(page.ends.sinceSnapshot).toBeGreaterThan(0);
    expect(page.grid).toHaveLength(tiles.total);
    expect({ done: count(page.grid, 'done'), blank: count(page.grid, 'blank') }).toEqual({
      done: tiles.done,
      blank: tiles.blank,
    });
    expect(endedIn(page.grid)).toBe(tiles.total);
    expect(end).toMatchObject({ status: 'SUCCEEDED', findings: findings.length });
  });

  test('gets an ended execution as one snapshot and an end', { timeout: 60_000 }, async () => {
    const { origin, image } = await server();
    const executionId = await analyze(origin, image);
    const url = `${origin}/executions/${executionId}/events`;
    await subscribeToGrid(() => url).end;
    const late = [];
    for await (const data of serverSentData(url)) late.push(JSON.parse(data));
    expect(late.map(({ type }) => type)).toEqual(['snapshot', 'end']);
    expect(late[0]).toMatchObject({ execution_id: executionId, picture: { width: 300, height: 200 } });
    expect(late[0].states).toMatch(/^[db]+$/);
  });

  test('gets 404 for an execution that does not exist', async () => {
    const { origin } = await server();
    const response = await fetch(`${origin}/executions/nothing-here/events`);
    expect(response.status).toBe(404);
    expect(await response.text()).toMatch(/^This server has no execution nothing-here\./);
  });
});

describe('a page that watches the list', () => {
  test('gets executions as they start, newest first', { timeout: 60_000 }, async () => {
    const { origin, image } = await server();
    const first = await analyze(origin, image);
    await subscribeToGrid(() => `${origin}/executions/${first}/events`).end;
    const leaving = new AbortController();
    const events: { type: string; execution_id?: string; status?: string; executions?: object[]; image?: string }[] = [];
    const watching = (async () => {
      for await (const data of serverSentData(`${origin}/executions/events`, leaving.signal)) events.push(JSON.parse(data));
    })().catch(quiet);
    await until(() => events.length > 0);
    expect(events[0]).toMatchObject({ type: 'snapshot', executions: [{ execution_id: first, status: 'SUCCEEDED' }] });

    await cp(image, `${image}-2.jpg`);
    const second = await analyze(origin, `${image}-2.jpg`);
    await until(() => events.some(({ execution_id, status }) => execution_id === second && status === 'SUCCEEDED'));
    leaving.abort();
    await watching;
    expect(events.slice(1).every(({ type, execution_id }) => type === 'execution' && execution_id === second)).toBe(true);
    for await (const data of serverSentData(`${origin}/executions/events`)) {
      expect(JSON.parse(data).executions).toMatchObject([{ execution_id: second }, { execution_id: first }]);
      break;
    }
  });

  test('holds one of 50 connections until it leaves', { timeout: 60_000 }, async () => {
    const { origin } = await server();
    const url = `${origin}/executions/events`;
    const pages = Array.from({ length: SUBSCRIBERS_MAX }, () => new AbortController());
    await Promise.all(pages.map(({ signal }) => fetch(url, { signal })));
    const oneMore = await fetch(url);
    expect(oneMore.status).toBe(503);
    expect(await oneMore.text()).toMatch(/^At most 50 pages can be open at once\. Close one\.$/m);
    for (const page of pages) page.abort();
    for (let status = 503; status !== 200; await sleep(10)) status = await fetch(url).then(closed);
  });

  test.each([
    ['another page', { origin: 'http://127.0.0.1:1' }],
    ['an image in another page', { 'sec-fetch-site': 'cross-site' }],
  ])('cannot be %s', async (_, headers: Record<string, string>) => {
    const { origin } = await server();
    expect((await fetch(`${origin}/executions/events`, { headers })).status).toBe(403);
  });

  test('does not exist if requests must be signed, because a browser cannot sign', async () => {
    const { url } = await signedServer();
    expect((await fetch(`${url}/executions/events`)).status).toBe(404);
  });
});

async function closed(response: Response): Promise<number> {
  await response.body?.cancel();
  return response.status;
}

/** In this process, with an image of one tile. */
async function server(): Promise<{ origin: string; image: string }> {
  const [dataFolder, images] = [await temporaryFolder(), await temporaryFolder()];
  const image = join(images, 'small.jpg');
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  await sharp({ create: { width: 300, height: 200, channels: 3, background: '#777', noise } })
    .jpeg()
    .toFile(image);
  const config = readConfig({ DETECTION_MODELS: 'onnx:nanodet', LOG_LEVEL: 'silent' });
  const { url, close } = await serve({ config, dataFolder, allowedFolders: [images], port: 0, log: SILENT });
  onTestFinished(close);
  return { origin: url, image };
}

describe('the pipeline', () => {
  const shards = { detail: 'max', tile_size: 128, overlap: 32 } as const;

  test('publishes each end of a tile under one id, in two shards, with failed and blank ones', async () => {
    const { stage, events, run } = await listened();
    const vision = scriptedVision({
      detect(_, call) {
        if (call % 20 === 0) throw new AnswerError('Expected detections, got a refusal.');
        return [];
      },
    });
    const { document } = await run(requestFor(await halfBlank(2_700, 2_500), shards), vision);
    const ends = tileEvents(events).filter(({ state }) => ENDED.includes(state));
    const byTile = Map.groupBy(ends, ({ tile }) => tile);
    expect(byTile.size).toBe(document?.tiles.total);
    expect([...byTile.values()].every((same) => new Set(same.map(({ id }) => id)).size === 1)).toBe(true);
    const states = [...byTile.values()].map(([end]) => end?.state ?? '');
    const failed = document?.tiles.failed.length ?? 0;
    expect(failed).toBeGreaterThan(10);
    expect(count(states, 'failed')).toBe(failed);
    expect(count(states, 'blank')).toBe(document?.tiles.blank);
    expect(count(states, 'done')).toBe(document?.tiles.done);
    expect(await shownStates(stage, 'run-1')).toEqual(lettersOf([...byTile].sort(([a], [b]) => a - b).map(([, [end]]) => end)));
    expect(events.at(-1)).toMatchObject({ type: 'end', id: 'run-1/end', status: 'PARTIAL' });
  });

  test('publishes that a tile is being analyzed before its end', async () => {
    const { events, run } = await listened();
    const slowly = async () => {
      await sleep(20);
      return [];
    };
    await run(requestFor(await halfBlank(900, 700)), scriptedVision({ detect: slowly }));
    const eventsByTile = Map.groupBy(tileEvents(events), ({ tile }) => tile);
    const states = [...eventsByTile.values()].map((moves) => moves.map(({ state }) => state).join(' '));
    expect(states).toContain('looking done');
    expect(states.filter((state) => !/^(looking )?(done|blank)$/.test(state))).toEqual([]);
  });

  test('publishes no text of a model or an image', async () => {
    const { events, run } = await listened();
    const box: [number, number, number, number] = [10, 10, 50, 50];
    const seen = { label: 'SECRET', description: 'SECRET', score: 0.9, severity: 'info', box, text: 'SECRET' } as const;
    await run(requestFor(await halfBlank(900, 700)), scriptedVision({ detect: () => [seen], summarize: () => 'SECRET' }));
    expect(events.length).toBeGreaterThan(3);
    expect(JSON.stringify(events)).not.toContain('SECRET');
  });

  test('publishes the tiles of a shard that never started as not analyzed, none of them as failed', async () => {
    const { stage, events, run } = await listened((deps) => ({ ...deps, limits: { ...deps.limits, shardConcurrency: 1 } }));
    const cancelling = scriptedVision({
      async detect(_, call) {
        if (call === 60) await stage.deps.blobs.put(keys.cancel('run-1'), Buffer.from('{}'));
        await sleep(5);
        return [];
      },
    });
    const { document } = await run(requestFor(await halfBlank(2_700, 2_500), shards), cancelling);
    const left = document?.tiles.not_analyzed.length ?? 0;
    expect(left).toBeGreaterThan(document ? document.tiles.total / 2 : Number.NaN);
    expect(document?.tiles.failed).toEqual([]);
    const states = await shownStates(stage, 'run-1');
    expect(states).toMatch(/^[dbn]+$/);
    expect(count([...states], 'n')).toBe(left);
    expect(new Set(tileEvents(events).flatMap(({ tile, state }) => (state === 'not_analyzed' ? [tile] : []))).size).toBe(left);
  });

  test('publishes only the pending tiles of a retry', async () => {
    const { stage, events, run } = await listened();
    const image = await halfBlank(900, 700);
    const broken = scriptedVision({
      detect(_, call) {
        if (call % 3 === 0) throw new AnswerError('Expected detections, got a refusal.');
        return [];
      },
    });
    const { document } = await run(requestFor(image), broken);
    const left = document?.tiles.failed.map(({ tile }) => tile) ?? [];
    expect(left.length).toBeGreaterThan(1);
    events.length = 0;
    const retry = { execution_id: 'run-2', retry_of: { execution_id: 'run-1', pyramid_of: 'run-1' } };
    await run({ ...requestFor(image), ...retry }, scriptedVision());
    const done = tileEvents(events).filter(({ state }) => state === 'done');
    expect([...new Set(done.map(({ tile }) => tile))].sort((a, b) => a - b)).toEqual(left);
    const states = await shownStates(stage, 'run-2');
    expect([...states].flatMap((letter, tile) => (letter === 'd' ? [tile] : []))).toEqual(left);
    expect(states.replaceAll('d', '')).toMatch(/^-+$/);
  });

  test('takes no state back if a process starts again with fewer results', async () => {
    const { stage, events, deps } = await listened();
    const plan = { width: 700, height: 100, stridePx: 100, marginPx: 0, pyramidLevel: 0, region: null, notes: [] };
    const tiles = tilesOf({ ...plan, levels: [{ level: 0, width: 700, height: 100, columns: 7, rows: 1 }] });
    const shard = { number: 0, from: 0, to: 7 };
    const knowing = (states: TileState[]) => ({ state: (tile: number) => states[tile] ?? ('waiting' as const) });
    await reportTiles({ execution_id: 'run-1' }, shard, tiles, knowing(['done', 'blank', 'failed', 'looking']), deps).last();
    events.length = 0;
    const anew = reportTiles({ execution_id: 'run-1' }, shard, tiles, knowing(['done', 'waiting', 'waiting', 'done']), deps);
    await anew.last();
    await anew.last();
    const stored = await stage.deps.blobs.get(keys.tileStates('run-1', 0));
    expect(TileStates.parse(JSON.parse(Buffer.from(stored ?? []).toString()))).toEqual({
      from: 0,
      indexes: null,
      states: 'dbfdwww',
    });
    expect(events.map(({ id }) => id)).toEqual(['0/done', '1/blank', '2/failed', '3/done'].map((end) => `run-1/tile/${end}`));
  });
});

test('the grid has the box of every tile at its index', async () => {
  const { stage, run } = await listened();
  const region: [number, number, number, number] = [300, 200, 400, 300];
  await run(requestFor(await halfBlank(900, 700), { tile_size: 128, overlap: 32, region }), scriptedVision());
  const bytes = await stage.deps.blobs.get(keys.plan('run-1'));
  const { plan } = StoredPlan.parse(JSON.parse(Buffer.from(bytes ?? []).toString()));
  const boxes = gridOf(plan).flatMap(({ first, columns, rows }) =>
    rows.flatMap(([top, height], row) =>
      columns.map(([left, width], column) => ({ index: first + row * columns.length + column, box: [left, top, width, height] })),
    ),
  );
  expect(boxes).toEqual(tilesOf(plan).map(({ index, box }) => ({ index, box })));
  expect(boxes.length).toBeGreaterThan(10);
});

/** A stage whose pipeline publishes its events to a list. */
async function listened(around: (deps: PipelineDeps) => PipelineDeps = (same) => same) {
  const stage = await pipelineStage();
  const events: LiveEvent[] = [];
  const listening = { publish: (more: readonly LiveEvent[]) => void events.push(...more), flush: async () => {} };
  const run = async (...[request, vision]: [Parameters<PipelineStage['run']>[0], Parameters<PipelineStage['run']>[1]]) =>
    await stage.run(request, vision, (deps) => around({ ...deps, events: listening }));
  return { stage, events, run, deps: { ...stage.deps, events: listening } };
}

const tileEvents = (events: readonly LiveEvent[]): TileEvent[] =>
  events.flatMap((event) => (event.type === 'tile' ? [event] : []));
const lettersOf = (ends: readonly (TileEvent | undefined)[]): string => ends.map((end) => end?.state[0]).join('');

/** The states that a page would get now. */
async function shownStates({ deps: { blobs } }: PipelineStage, executionId: string): Promise<string> {
  const launcher = { describe: () => Promise.reject(new Error('The progress is stored.')) };
  const progress = progressReader({ blobs, launcher, clock: { now: () => new Date() } });
  return (await executionReader(executionId, { blobs, progress })()).states;
}

/** Noise on the left, a single color on the right. */
async function halfBlank(width: number, height: number): Promise<string> {
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  const left = await sharp({ create: { width: Math.round(width / 2), height, channels: 3, background: '#777', noise } })
    .png()
    .toBuffer();
  const path = join(await temporaryFolder(), 'half.png');
  const whole = sharp({ create: { width, height, channels: 3, background: '#777' } }).composite([
    { input: left, left: 0, top: 0 },
  ]);
  await writeFile(path, await whole.png().toBuffer());
  return path;
}
