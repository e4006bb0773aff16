// 200 concurrent agents on loopback that poll get_execution and page through list_findings of an execution with 100,000 findings,
// compared with a tool that does nothing on the same handler. The agents run in their own process and wait for each answer.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { httpApp } from '../local/http/http-app.ts';
import { localLinks } from '../local/http/local-links.ts';
import { mcpHandler } from '../mcp-server/server.ts';
import { readConfig, sizeLimits, viewPolicy } from '../pipeline/config.ts';
import { at } from '../pipeline/contract/at.ts';
import { keys } from '../pipeline/contract/keys.ts';
import type { Finding, Progress } from '../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../pipeline/contract/usage.ts';
import type { Blobs, Launcher } from '../pipeline/ports.ts';
import { progressReader } from '../pipeline/progress/progress-reader.ts';
import { openSources, SOURCES } from '../pipeline/sources/index.ts';
import { fsBlobs } from '../pipeline/storage/folder-blobs.ts';
import { type BenchResult, median, resultOf, rounded, SILENT_LOG } from './result.ts';

const AGENTS = 200;
/** In turns, so that other load on the machine affects all tools alike: 3 x 7 s for each. */
const ROUNDS = 3;
const SECONDS = 7;
const FINDINGS = 100_000;
const EXECUTION = 'bench';
const P50_RATIO_MAX = 1.5;

const Load = z.object({ requests: z.number(), errors: z.number(), p50_ms: z.number(), p99_ms: z.number() });
type Load = z.infer<typeof Load>;
const Answer = z.object({ result: z.object({ isError: z.boolean().optional() }).optional() });

export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-mcp-'));
  const { url, close } = await served(folder);
  try {
    const loads: { name: string; load: Load }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, path, tool] of TOOLS) {
        const args = [import.meta.filename, `${url}${path}`, tool];
        const load = Load.parse(JSON.parse((await promisify(execFile)(process.execPath, args)).stdout));
        loads.push({ name, load });
        console.log(JSON.stringify({ tool: name, round, agents: AGENTS, seconds: SECONDS, ...load }));
      }
    }
    const loadsOf = (tool: string) => loads.flatMap(({ name, load }) => (name === tool ? [load] : []));
    const p50ByEmpty = (tool: string) =>
      rounded(median(loadsOf(tool).map(({ p50_ms }, round) => p50_ms / at(loadsOf('empty'), round).p50_ms)), 2);
    const perSecond = (tool: string) => Math.round(median(loadsOf(tool).map(({ requests }) => requests / SECONDS)));
    const figures = {
      get_execution_p50_by_empty: p50ByEmpty('get_execution'),
      list_findings_p50_by_empty: p50ByEmpty('list_findings'),
      empty_per_second: perSecond('empty'),
      get_execution_per_second: perSecond('get_execution'),
      list_findings_per_second: perSecond('list_findings'),
      errors: loads.reduce((sum, { load }) => sum + load.errors, 0),
    };
    return resultOf(figures, { get_execution_p50_by_empty: ['<=', P50_RATIO_MAX], errors: ['=', 0] });
  } finally {
    close();
    await rm(folder, { recursive: true, force: true });
  }
}

const TOOLS = [
  ['empty', '/empty', 'nothing'],
  ['get_execution', '/mcp', 'get_execution'],
  ['list_findings', '/mcp', 'list_findings'],
] as const;

/** The real server over one ended execution, and the empty one. */
async function served(folder: string): Promise<{ url: string; close(): void }> {
  const clock = { now: () => new Date() };
  const blobs = fsBlobs(folder);
  await store(blobs);
  const refuse = () => Promise.reject(new Error('This benchmark starts no execution.'));
  const launcher: Launcher = { start: refuse, describe: refuse, stop: refuse, forget: refuse };
  const links = localLinks(new Uint8Array(32).fill(7), () => urlOf(server), clock);
  const models = {
    defaults: { moderation: null, detection: ['onnx:nanodet'], verification: null, synthesis: 'rules:summary' },
    allowed: [],
    moderationMayBeOff: true,
  };
  const deps = {
    blobs,
    removal: { objects: refuse, folder: refuse },
    links,
    launcher,
    images: openSources(SOURCES.local, readConfig({})).imagesIn(blobs),
    models,
    progress: progressReader({ blobs, launcher, clock }),
  };
  const rest = {
    callbacks: { succeed: refuse, fail: refuse, heartbeat: refuse },
    detectors: { find: refuse },
    costUsdMax: null,
    views: viewPolicy(readConfig({})),
    client: null,
    scratchFolder: tmpdir(),
    copiedBytesMax: null,
    quotas: null,
    limits: sizeLimits(readConfig({})),
    cores: { each: 2, areShared: true },
    caller: null,
    owner: null,
    deployment: null,
    clock,
    log: SILENT_LOG,
  };
  const mcp = mcpHandler(() => ({ ...deps, ...rest }), { version: '0', log: SILENT_LOG });
  const app = httpApp({ mcp: (request) => mcp.fetch(request, null), blobs, links, scratchFolder: folder, log: SILENT_LOG });
  const empty = createMcpHandler(emptyServer);
  app.all('/empty', (context) => empty.fetch(context.req.raw));
  const server = createAdaptorServer({ fetch: app.fetch });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return { url: urlOf(server), close: () => void server.close() };
}

function urlOf(server: ServerType): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server does not listen on a port.');
  return `http://127.0.0.1:${address.port}`;
}

const nothing = { description: 'Does nothing.', inputSchema: z.strictObject({ execution_id: z.string() }) };

function emptyServer(): McpServer {
  const server = new McpServer({ name: 'empty', version: '0' });
  server.registerTool('nothing', nothing, async () => ({ content: [{ type: 'text', text: 'nothing' }] }));
  return server;
}

async function store(blobs: Blobs): Promise<void> {
  const now = new Date().toISOString();
  const tiles = { total: 900, done: 900, failed: 0, blank: 0, not_analyzed: 0 };
  const progress: Progress = {
    execution_id: EXECUTION,
    status: 'SUCCEEDED',
    phase: 'done',
    tiles,
    findings: FINDINGS,
    usage: NO_USAGE,
    started_at: now,
    updated_at: now,
    running_shards: [],
    reason: null,
    summary: 'Many things.',
    failed_tiles: [],
    notes: [],
  };
  const findings = Array.from(
    { length: FINDINGS },
    (_, index): Finding => ({
      id: `f${index + 1}`,
      label: `thing ${index % 20}`,
      description: 'A thing.',
      score: 0.9,
      severity: 'info',
      text: null,
      box: [(index * 37) % 20_000, (index * 53) % 20_000, 30, 20],
      level: 0,
      tiles: [index % 900],
      verified: null,
    }),
  );
  const document = {
    execution_id: EXECUTION,
    status: 'SUCCEEDED',
    image: { uri: 'upload://x', width: 20_000, height: 20_000, format: 'jpeg', version: '1' },
    request: {
      ask: { look_for: null, labels: [] },
      plan: { detail: 'standard', tile_size: null, overlap: null, grid: null, region: null, max_tiles: null, skip_blank: true },
    },
    models: { moderation: null, detection: ['onnx:nanodet'], verification: null, synthesis: 'rules:summary' },
    tiles: { total: 900, done: 900, blank: 0, failed: [], not_analyzed: [] },
    usage: NO_USAGE,
    summary: 'Many things.',
    notes: [],
    findings,
  };
  await blobs.put(keys.progress(EXECUTION), Buffer.from(JSON.stringify(progress)));
  await blobs.put(keys.findings(EXECUTION), Buffer.from(JSON.stringify(document)));
  await blobs.put(keys.overlay(EXECUTION), Buffer.from('overlay'));
}

/** One agent sends a request, waits for the answer, and repeats: without a session, as clients of 2026-07-28 do. */
async function agent(url: string, tool: string, untilMs: number, times: number[]): Promise<number> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '0' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': tool,
  };
  const params = { name: tool, arguments: { execution_id: EXECUTION }, _meta };
  let errors = 0;
  for (let id = 0; performance.now() < untilMs; id++) {
    const beginMs = performance.now();
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }),
    });
    const answer = Answer.parse(await response.json());
    times.push(performance.now() - beginMs);
    if (!response.ok || !answer.result || answer.result.isError) errors++;
  }
  return errors;
}

if (process.argv[1] === import.meta.filename) {
  const [url, tool] = z.tuple([z.string(), z.string()]).parse(process.argv.slice(2));
  const times: number[] = [];
  const untilMs = performance.now() + SECONDS * 1_000;
  const errors = await Promise.all(Array.from({ length: AGENTS }, () => agent(url, tool, untilMs, times)));
  times.sort((a, b) => a - b);
  const msAt = (share: number) => rounded(at(times, Math.floor(times.length * share)), 1);
  const sum = errors.reduce((all, some) => all + some, 0);
  console.log(JSON.stringify({ requests: times.length, errors: sum, p50_ms: msAt(0.5), p99_ms: msAt(0.99) }));
}
