// The whole local server is killed at random while agents analyze its tiles: they ask again until it is back, and go on.
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect, test } from 'vitest';
import { reportTiles } from '../../mcp-server/tools/report-tiles.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { temporaryFolder } from '../support/folder.ts';
import { liveServer } from '../support/live-server.ts';
import { ToolResult } from '../support/mcp-clients.ts';
import { drawSquares, look, type Square, tilesIn } from '../support/own-eyes.ts';
import { seededRandom } from '../support/seeded-random.ts';

const KILLS = 6;
/** How many reports are acknowledged between two kills, and how long after them the kill comes, at most. */
const REPORTS_MAX = 7;
const MORE_MS_MAX = 150;
/** A life without a report ends, too. */
const LIFE_MS_MAX = 5_000;
/** An answer that a kill cuts off looks like one that takes long. Longer than any call of this test waits. */
const CALL_MS_MAX = 8_000;
/** Longer than a server takes to start again on a busy machine. */
const PATIENCE_MS = 60_000;
const REQUEST = { models: { detection: ['agent:'] }, tile_size: 256, overlap: 48, detail: 'fine' };
const SQUARES = Array.from({ length: 18 }, (_, index): Square => {
  const [column, row] = [index % 6, Math.floor(index / 6)];
  return { label: index % 3 === 0 ? 'red' : 'blue', left: 60 + column * 187, top: 70 + row * 260 };
});

interface Run {
  folder: string;
  /** The address of the current server, or of the next one while none runs. */
  origin: string;
  executionId: string;
  /** Ids of the tiles whose report was acknowledged. */
  acknowledged: Set<string>;
}

async function callTool({ origin }: Pick<Run, 'origin'>, name: string, args: Record<string, unknown>): Promise<ToolResult> {
  const client = new Client({ name: 'test', version: '1' });
  const options = { timeout: CALL_MS_MAX };
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', origin)), options);
    return ToolResult.parse(await client.callTool({ name, arguments: args }, options));
  } finally {
    await client.close().catch(() => undefined); // of a server that was killed
  }
}

/** Again while no server answers. `null` if `isEnough` by then. */
async function untilAnswered(
  run: Run,
  name: string,
  args: Record<string, unknown>,
  isEnough: () => boolean = () => false,
): Promise<ToolResult | null> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      const result = await callTool(run, name, args);
      if (!result.isError) return result;
      throw new Error(`${name}: ${JSON.stringify(result.content)}`);
    } catch (error) {
      if (isEnough()) return null;
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/** One agent: it reports what it holds until the server has acknowledged it. Calls nothing more once all reports are stored. */
async function agent(run: Run): Promise<void> {
  const { executionId: execution_id } = run;
  const isEnough = () => isComplete(run);
  while (!isEnough()) {
    const handed = await untilAnswered(run, 'next_tiles', { execution_id, count: 3 }, isEnough);
    if (handed === null) return;
    // The answer with some tiles was lost, and so are their leases.
    if (JSON.stringify(handed.content.at(0)).includes('Other agents have all')) await letLeasesPass(run);
    const tiles = tilesIn(handed);
    if (tiles.length === 0) continue;
    const reports = await Promise.all(tiles.map(async ({ id, image }) => ({ tile: id, detections: await look(image) })));
    const answer = await untilAnswered(run, 'report_tiles', { execution_id, reports }, isEnough);
    if (answer === null) return;
    const { refused } = reportTiles.output.parse(answer.structuredContent);
    // An earlier try stored it, or another agent had the tile after this one.
    expect(refused.filter(({ reason }) => !/first report counts\.$/.test(reason))).toEqual([]);
    for (const { id } of tiles) run.acknowledged.add(id);
  }
}

/** Whether every tile on the board has a report. */
function isComplete({ folder, executionId }: Run): boolean {
  const inFolder = (key: string) => join(folder, 'blobs', key);
  const board = inFolder(keys.agentBoard(executionId, '0'));
  if (!existsSync(board)) return false;
  const { pending } = JSON.parse(readFileSync(board, 'utf8'));
  return pending.every((item: number) => existsSync(inFolder(keys.agentReport(executionId, '0', item))));
}

/** Ten minutes pass for the leases alone. */
async function letLeasesPass({ folder, executionId }: Run): Promise<void> {
  const leases = join(folder, 'blobs', keys.agentLeasesFolder(executionId, '0'));
  for (const name of await readdir(leases)) {
    const lease = JSON.parse(await readFile(join(leases, name), 'utf8'));
    const aside = join(folder, `lease-${process.hrtime.bigint()}`);
    await writeFile(aside, JSON.stringify({ ...lease, until: new Date(0).toISOString() }));
    await rename(aside, join(leases, name));
  }
}

/** Acknowledged reports that are not stored. */
function lostReports({ folder, executionId, acknowledged }: Run): string[] {
  const stored = (id: string) => {
    const [board = '', item = ''] = id.split('-');
    return existsSync(join(folder, 'blobs', keys.agentReport(executionId, board, Number(item))));
  };
  return [...acknowledged].filter((id) => !stored(id));
}

async function started(folder: string, images: string) {
  const server = await liveServer(folder, 0, undefined, images);
  const image = pathToFileURL(join(images, 'squares.png')).href;
  const answer = await callTool(server, 'analyze_image', { image, ...REQUEST });
  const run: Run = {
    folder,
    origin: server.origin,
    executionId: String(answer.structuredContent?.execution_id),
    acknowledged: new Set(),
  };
  return { server, run };
}

/** No agent asks for tiles any more: an execution whose tiles are all reported ends all the same. */
async function ended(run: Run): Promise<FindingsDocument> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const args = { execution_id: run.executionId, wait_seconds: 5 };
    const { status, notes } = (await untilAnswered(run, 'get_execution', args))?.structuredContent ?? {};
    if (status !== 'RUNNING') break;
    if (Date.now() > deadline) throw new Error(`The execution is stuck: ${JSON.stringify(notes)}`);
  }
  return FindingsDocument.parse(JSON.parse(await readFile(join(run.folder, 'blobs', keys.findings(run.executionId)), 'utf8')));
}

test('agents go on while the server is killed at random, and no acknowledged report is lost', { timeout: 240_000 }, async () => {
  const images = await temporaryFolder();
  await drawSquares(join(images, 'squares.png'), 1_800, 900, SQUARES, 1_250);
  const calm = await started(await temporaryFolder(), images);
  await agent(calm.run);
  const undisturbed = await ended(calm.run);
  await calm.server.kill();
  expect(undisturbed).toMatchObject({ tiles: { failed: [], not_analyzed: [] } });
  expect(undisturbed.findings).toHaveLength(SQUARES.length);
  expect(undisturbed.tiles.done).toBeGreaterThan(32); // several rounds

  const seed = Date.now() % 1_000_000;
  const random = seededRandom(seed);
  const { server: first, run } = await started(await temporaryFolder(), images);
  let server = first;
  const agents = Promise.all([agent(run), agent(run)]);
  agents.catch(() => undefined); // awaited below
  const port = Number(new URL(run.origin).port);
  const lost: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const enough = run.acknowledged.size + random.between(0, REPORTS_MAX);
    const deadline = Date.now() + LIFE_MS_MAX;
    while (run.acknowledged.size < enough && Date.now() < deadline) await sleep(5);
    await sleep(random.next() * MORE_MS_MAX);
    await server.kill();
    lost.push(...lostReports(run));
    server = await liveServer(run.folder, port, undefined, images);
  }
  // And at the moment at which the last report is stored, before its agent has an answer.
  while (!isComplete(run)) await Promise.race([agents, sleep(1)]);
  await server.kill();
  await agents;
  lost.push(...lostReports(run));
  await liveServer(run.folder, port, undefined, images);
  const disturbed = await ended(run);
  expect({ seed, lost, tiles: disturbed.tiles }).toEqual({ seed, lost: [], tiles: undisturbed.tiles });
  expect({ seed, findings: disturbed.findings }).toEqual({ seed, findings: undisturbed.findings });
});
