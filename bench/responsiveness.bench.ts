// Measures how soon the local server answers get_execution while a caller sends files that keep a parser busy: TIFFs with a million
// directories, in six dry runs and two analyses, then images that become pipes. The server runs in its own process. `quiet` is without
// these images.
import { execFileSync, spawn } from 'node:child_process';
import { copyFile, link, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { z } from 'zod';
import { at } from '../pipeline/contract/at.ts';
import { writeManyDirectories } from '../tests/support/many-pages.ts';
import { type BenchResult, resultOf } from './result.ts';

const DIRECTORIES = 1_000_000;
const DRY_RUNS = 6;
const ANALYSES = 2;
const EVERY_MS = 50;
const POLLS_MIN = 100;
const P95_MS_MAX = 250;
const START_S_MAX = 5;

const View = z.object({ execution_id: z.string(), status: z.string(), phase: z.string() });

export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-responsiveness-'));
  const args = ['cli/tilesight.ts', 'serve', '--port', '0', '--data', join(folder, 'data'), '--allow', folder];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const url = await addressOf(server.stdout, server.stderr);
    const client = new Client({ name: 'bench', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', url)));
    const call = async (name: string, values: Record<string, unknown>) =>
      await client.callTool({ name, arguments: values }, { timeout: 600_000 });
    const quiet = await attack(folder, call, { draw: null, onceNamed: async () => {} });
    console.log(JSON.stringify({ attack: 'none', ...quiet }));
    const directories = await attack(folder, call, {
      draw: async (path) => await writeManyDirectories(path, DIRECTORIES),
      onceNamed: async () => {},
    });
    console.log(JSON.stringify({ attack: 'directories', ...directories }));
    const pipes = await attack(folder, call, {
      draw: async (path) => await copyFile('examples/lawn.jpg', path),
      onceNamed: becomePipe,
    });
    console.log(JSON.stringify({ attack: 'pipes', ...pipes }));
    await client.close();
    return resultOf(
      {
        quiet_p95_ms: quiet.p95_ms,
        directories_p95_ms: directories.p95_ms,
        directories_start_s: directories.start_s,
        pipes_p95_ms: pipes.p95_ms,
        pipes_start_s: pipes.start_s,
      },
      {
        directories_p95_ms: ['<=', P95_MS_MAX],
        directories_start_s: ['<=', START_S_MAX],
        pipes_p95_ms: ['<=', P95_MS_MAX],
        pipes_start_s: ['<=', START_S_MAX],
      },
    );
  } finally {
    server.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

type Call = (name: string, values: Record<string, unknown>) => Promise<{ structuredContent?: unknown }>;

interface Attack {
  /** `null` for no image. */
  draw: ((path: string) => Promise<void>) | null;
  /** After an analysis of the image has started. */
  onceNamed(path: string): Promise<void>;
}

async function attack(folder: string, call: Call, { draw, onceNamed }: Attack) {
  const name = crypto.randomUUID();
  const ordinary = join(folder, `${name}-ordinary.jpg`);
  await copyFile('examples/lawn.jpg', ordinary);
  const started = View.parse((await call('analyze_image', { image: ordinary, detail: 'overview' })).structuredContent);
  const paths = Array.from({ length: draw ? DRY_RUNS + ANALYSES : 0 }, (_, index) => join(folder, `${name}-${index}`));
  for (const path of paths) await (path === paths[0] ? draw?.(path) : link(at(paths, 0), path));
  const analyses: string[] = [];
  const busy = Promise.all([
    ...paths.slice(0, DRY_RUNS).map((image) => call('analyze_image', { image, dry_run: true })),
    ...paths.slice(DRY_RUNS).map(async (image) => {
      const answer = View.safeParse((await call('analyze_image', { image })).structuredContent);
      if (answer.data) analyses.push(answer.data.execution_id);
      await onceNamed(image);
    }),
  ]);
  const times: number[] = [];
  const ends = { dryRuns: false };
  void busy.then(() => {
    ends.dryRuns = true;
  });
  while (times.length < POLLS_MIN || !ends.dryRuns) {
    const from = performance.now();
    await call('get_execution', { execution_id: started.execution_id });
    times.push(performance.now() - from);
    await sleep(EVERY_MS);
  }
  await busy;
  for (const execution_id of [...analyses, started.execution_id]) await call('cancel_execution', { execution_id });
  const from = performance.now();
  const next = View.parse((await call('analyze_image', { image: ordinary, look_for: name })).structuredContent);
  let view = next;
  while (view.phase === 'queued') {
    await sleep(EVERY_MS);
    view = View.parse((await call('get_execution', { execution_id: next.execution_id })).structuredContent);
  }
  const start_s = (performance.now() - from) / 1_000;
  await call('cancel_execution', { execution_id: next.execution_id });
  const sorted = times.toSorted((a, b) => a - b);
  return { polls: times.length, p95_ms: Math.round(at(sorted, Math.floor(sorted.length * 0.95))), start_s };
}

async function becomePipe(path: string): Promise<void> {
  execFileSync('mkfifo', [`${path}.pipe`]);
  await rename(`${path}.pipe`, path);
}

/** The server prints a line that names it. */
async function addressOf(...streams: NodeJS.ReadableStream[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  for (const input of streams) {
    createInterface({ input }).on('line', (line) => {
      const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
      if (address) resolve(address);
    });
  }
  return await promise;
}
