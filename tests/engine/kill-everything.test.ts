// The whole local server is killed at random: with local models, and with a model that fails every tile once, so that executions wait, on
// workers that are frozen at each wait.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import sharp from 'sharp';
import { expect, onTestFinished, test } from 'vitest';
import { keys } from '../../pipeline/contract/keys.ts';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type ChatRequest, completion, openaiServer } from '../support/openai-server.ts';

/** How often the server is killed, after how many analyzed tiles at most, and how long after the last of them. */
interface Storm {
  kills: number;
  tilesMax: number;
  moreMsMax: number;
}
const STORM: Storm = { kills: 20, tilesMax: 16, moreMsMax: 100 }; // covers about one execution
/** Every tile is analyzed twice, with a wait of about a second between: many of the kills find a worker that is frozen. */
const STORM_ON_ICE: Storm = { kills: 10, tilesMax: 32, moreMsMax: 1_000 };
const LIFE_MS_MAX = 6_000;
const LAWN = fileURLToPath(new URL('../../examples/lawn.jpg', import.meta.url));
const CLI = fileURLToPath(new URL('../../cli/tilesight.ts', import.meta.url));
const FROZEN_SERVER = fileURLToPath(new URL('../fixtures/frozen-server.ts', import.meta.url));
const IMAGE_NAME = 'lawn.jpg';
const IMAGE_WIDTH = 3_000; // half of the example: its tiles show the same, and a start that decodes it again is fast
const TILE_SIZE = 320; // 96 tiles

interface Life {
  url: string;
  /** Names of the analyzed tiles, in order. */
  analyzed: string[];
  /** How often a worker was frozen. */
  freezes(): number;
  killed(): Promise<void>;
}

/** Program and arguments of the server. */
type Server = (dataFolder: string, images: string) => string[];
const plainServer: Server = (dataFolder, images) => [CLI, 'serve', '--data', dataFolder, '--allow', images, '--port', '0'];
const frozenServer: Server = (dataFolder, images) => [FROZEN_SERVER, dataFolder, images];

/** Detects something in one tile of four, decided by its bytes alone, and fails the first call for each tile. */
function failingOnce(): (request: ChatRequest) => ReturnType<typeof completion> {
  const asked = new Set<string>();
  return ({ body }) => {
    const image = JSON.stringify(body.messages.map(({ content }) => (typeof content === 'string' ? '' : content[0]?.image_url)));
    const hash = createHash('sha1').update(image).digest();
    if (!asked.has(hash.toString('hex'))) {
      asked.add(hash.toString('hex'));
      return { status: 500 };
    }
    const [first = 0, left = 0, top = 0] = hash;
    const box = { left: 100 + left, top: 100 + top, right: 300 + left, bottom: 300 + top };
    return completion({
      content: JSON.stringify({ detections: first % 4 === 0 ? [{ label: `thing ${first % 5}`, ...box, score: 0.9 }] : [] }),
    });
  };
}

/** A server in its own process group, so that a kill reaches it and its children. */
async function live(args: readonly string[], environment: Record<string, string>): Promise<Life> {
  // biome-ignore lint/style/noProcessEnv: a child starts from this process's environment.
  const env = { ...process.env, LOG_LEVEL: 'debug', ...environment };
  const server = spawn(process.execPath, args, { env, detached: true });
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const analyzed: string[] = [];
  let freezes = 0;
  const killed = async () => {
    killGroup(server);
    await ended;
  };
  onTestFinished(killed);
  lines(server.stderr, (line) => {
    const tile = /"tile":"(tile-[^"]+)","msg":"Analyzing a tile\."/.exec(line)?.[1];
    if (tile) analyzed.push(tile);
  });
  const url = await new Promise<string>((resolve, reject) => {
    lines(server.stdout, (line) => {
      if (line === 'Froze a worker.') freezes++;
      const found = /serves MCP at (\S+)/.exec(line)?.[1];
      if (found) resolve(found);
    });
    server.once('close', (code) => reject(new Error(`The server ended with code ${code}.`)));
  });
  return { url, analyzed, freezes: () => freezes, killed };
}

function lines(stream: NodeJS.ReadableStream, use: (line: string) => void): void {
  let rest = '';
  stream.on('data', (chunk) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) use(line);
  });
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid) process.kill(-pid, 'SIGKILL');
  } catch {
    // it has ended already
  }
}

async function callTool(url: string, name: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const result = await client.callTool({ name, arguments: args });
  await client.close();
  expect(result).not.toHaveProperty('isError', true);
  return { ...(result.structuredContent as object) };
}

async function start(url: string, images: string): Promise<string> {
  const image = pathToFileURL(join(images, IMAGE_NAME)).href;
  const { execution_id } = await callTool(url, 'analyze_image', { image, tile_size: TILE_SIZE });
  return String(execution_id);
}

async function finished(url: string, executionId: string, dataFolder: string): Promise<FindingsDocument> {
  for (;;) {
    const { status } = await callTool(url, 'get_execution', { execution_id: executionId, wait_seconds: 5 });
    if (status !== 'RUNNING') break;
  }
  return FindingsDocument.parse(JSON.parse(await readFile(join(dataFolder, 'blobs', keys.findings(executionId)), 'utf8')));
}

/** Names of the tiles whose result is on disk. */
function tilesOnDisk(dataFolder: string): Set<string> {
  const database = new DatabaseSync(join(dataFolder, 'engine.db'));
  const rows = database.prepare("select json ->> 'Name' as name from operations where json ->> 'Status' = 'SUCCEEDED'").all();
  database.close();
  return new Set(rows.map(({ name }) => String(name)).filter((name) => name.startsWith('tile-')));
}

/** Some kills happen before the first tile: at the start, in moderation, in the decode pass. */
async function untilAnalyzed({ analyzed }: Life, tiles: number, moreMs: number): Promise<void> {
  const deadline = Date.now() + LIFE_MS_MAX;
  while (analyzed.length < tiles && Date.now() < deadline) await sleep(5);
  await sleep(tiles === 0 ? Math.min(2_000, moreMs * 20) : moreMs);
}

function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0; // the generator of Numerical Recipes
    return state / 2 ** 32;
  };
}

/** Called once for each execution: each has a model service of its own. */
type Environment = () => Promise<Record<string, string>>;
const localModel: Environment = async () => ({ DETECTION_MODELS: 'onnx:nanodet' });
const modelThatFailsOnce: Environment = async () => ({
  DETECTION_MODELS: 'openai:eyes',
  OPENAI_BASE_URL: (await openaiServer(failingOnce())).baseUrl,
});

/** An execution on a plain server that is not killed. */
async function undisturbedRun(images: string, environmentOf: Environment): Promise<FindingsDocument> {
  const folder = await temporaryFolder();
  const calm = await live(plainServer(folder, images), await environmentOf());
  const undisturbed = await finished(calm.url, await start(calm.url, images), folder);
  await calm.killed();
  expect(undisturbed.tiles.total).toBeGreaterThanOrEqual(96);
  expect(undisturbed.tiles.done + undisturbed.tiles.blank).toBe(undisturbed.tiles.total);
  expect(undisturbed.findings.length).toBeGreaterThan(5);
  return undisturbed;
}

/** An execution on `server`, which is killed at random. */
async function disturbedRun(server: Server, images: string, environmentOf: Environment, storm: Storm, seed: number) {
  const random = seededRandom(seed);
  const stormyFolder = await temporaryFolder();
  const environment = await environmentOf();
  let executionId = '';
  let onDisk = new Set<string>();
  let freezes = 0;
  const analyzedAgain: string[] = [];
  for (let kill = 0; kill < storm.kills; kill++) {
    const life = await live(server(stormyFolder, images), environment);
    executionId ||= await start(life.url, images);
    await untilAnalyzed(life, Math.floor(random() * storm.tilesMax), random() * storm.moreMsMax);
    await life.killed();
    freezes += life.freezes();
    analyzedAgain.push(...life.analyzed.filter((tile) => onDisk.has(tile)));
    onDisk = tilesOnDisk(stormyFolder);
  }
  const last = await live(server(stormyFolder, images), environment);
  const disturbed = await finished(last.url, executionId, stormyFolder);
  analyzedAgain.push(...last.analyzed.filter((tile) => onDisk.has(tile)));
  return { disturbed, analyzedAgain, freezes: freezes + last.freezes() };
}

/** Compares the two, which run side by side. Returns how often a worker was frozen. */
async function killedAtRandom(server: Server, environmentOf: Environment, storm: Storm): Promise<number> {
  const seed = Date.now() % 1_000_000;
  const images = await temporaryFolder();
  await sharp(LAWN).resize(IMAGE_WIDTH).jpeg().toFile(join(images, IMAGE_NAME));
  const [undisturbed, { disturbed, analyzedAgain, freezes }] = await Promise.all([
    undisturbedRun(images, environmentOf),
    disturbedRun(server, images, environmentOf, storm, seed),
  ]);
  expect({ seed, analyzedAgain, tiles: disturbed.tiles }).toEqual({ seed, analyzedAgain: [], tiles: undisturbed.tiles });
  expect({ seed, findings: disturbed.findings }).toEqual({ seed, findings: undisturbed.findings });
  return freezes;
}

test('an execution whose processes are killed 20 times at random ends as if nothing had happened', {
  timeout: 240_000,
}, async () => {
  expect(await killedAtRandom(plainServer, localModel, STORM)).toBe(0);
});

test('so does one that waits, and whose workers are frozen at each wait and thawed at random', {
  timeout: 240_000,
}, async () => {
  expect(await killedAtRandom(frozenServer, modelThatFailsOnce, STORM_ON_ICE)).toBeGreaterThan(5);
});
