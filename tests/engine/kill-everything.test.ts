import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect, onTestFinished, test } from 'vitest';
import { keys } from '../../pipeline/contract/keys.ts';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { temporaryFolder } from '../support/folder.ts';

const KILLS = 20;
const TILES_A_LIFE_MAX = 16; // between two kills: 20 of these cover about one execution
const LIFE_MS_MAX = 6_000;
const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const CLI = fileURLToPath(new URL('../../cli/tilesight.ts', import.meta.url));

interface Life {
  url: string;
  /** Names of the analyzed tiles, in order. */
  analyzed: string[];
  killed(): Promise<void>;
}

/** A server in its own process group, so that a kill reaches it and its children. */
async function live(dataFolder: string): Promise<Life> {
  // biome-ignore lint/style/noProcessEnv: a child starts from this process's environment.
  const env = { ...process.env, LOG_LEVEL: 'debug', DETECTION_MODELS: 'onnx:nanodet' };
  const args = [CLI, 'serve', '--data', dataFolder, '--allow', EXAMPLES, '--port', '0'];
  const server = spawn(process.execPath, args, { env, detached: true });
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const analyzed: string[] = [];
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
      const found = /serves MCP at (\S+)/.exec(line)?.[1];
      if (found) resolve(found);
    });
    server.once('close', (code) => reject(new Error(`The server ended with code ${code}.`)));
  });
  return { url, analyzed, killed };
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

async function start(url: string): Promise<string> {
  const { execution_id } = await callTool(url, 'analyze_image', { image: pathToFileURL(join(EXAMPLES, 'lawn.jpg')).href });
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
  await sleep(tiles === 0 ? moreMs * 20 : moreMs);
}

function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0; // the generator of Numerical Recipes
    return state / 2 ** 32;
  };
}

test('an execution whose processes are killed 20 times at random ends as if nothing had happened', {
  timeout: 240_000,
}, async () => {
  const seed = Date.now() % 1_000_000;
  const random = seededRandom(seed);
  const [calmFolder, stormyFolder] = [await temporaryFolder(), await temporaryFolder()];

  const calm = await live(calmFolder);
  const undisturbed = await finished(calm.url, await start(calm.url), calmFolder);
  await calm.killed();
  expect(undisturbed.tiles.total).toBeGreaterThanOrEqual(96);

  let executionId = '';
  let onDisk = new Set<string>();
  const analyzedAgain: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const life = await live(stormyFolder);
    executionId ||= await start(life.url);
    await untilAnalyzed(life, Math.floor(random() * TILES_A_LIFE_MAX), random() * 100);
    await life.killed();
    analyzedAgain.push(...life.analyzed.filter((tile) => onDisk.has(tile)));
    onDisk = tilesOnDisk(stormyFolder);
  }
  const last = await live(stormyFolder);
  const disturbed = await finished(last.url, executionId, stormyFolder);
  analyzedAgain.push(...last.analyzed.filter((tile) => onDisk.has(tile)));

  expect({ seed, analyzedAgain, tiles: disturbed.tiles }).toEqual({ seed, analyzedAgain: [], tiles: undisturbed.tiles });
  expect({ seed, findings: disturbed.findings }).toEqual({ seed, findings: undisturbed.findings });
});
