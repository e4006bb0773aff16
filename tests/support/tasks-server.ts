// The tools that the official suite calls to see the Tasks extension, over our own tasks: executions that end when a test says.
import { tmpdir } from 'node:os';
import { createAdaptorServer } from '@hono/node-server';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import type { ToolDeps } from '../../mcp-server/access/deps.ts';
import { viewExecution } from '../../mcp-server/executions/status.ts';
import { addTasks } from '../../mcp-server/protocol/tasks.ts';
import { addTool } from '../../mcp-server/protocol/tool-calls.ts';
import { analyzeImage } from '../../mcp-server/tools/analyze-image.ts';
import type { Tool } from '../../mcp-server/tools/define.ts';
import { readConfig, sizeLimits, viewPolicy } from '../../pipeline/config.ts';
import { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import type { Log } from '../../pipeline/ports.ts';
import { progressReader } from '../../pipeline/progress/progress-reader.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { temporaryFolder } from './folder.ts';
import { NO_CALLBACKS, scriptedLauncher } from './scripted-launcher.ts';

const quiet = () => {};
const SILENT: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** Listens on loopback until the test ends; gives the address. */
export async function tasksServer(): Promise<string> {
  const deps = await depsOfTasks();
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'tasks', version: '0.0.0-test' });
    server.registerTool('greet', { inputSchema: z.object({ name: z.string() }) }, greet); // never a task
    addTool(server, slowCompute(deps.launcher), deps);
    addTasks(server, deps);
    return server;
  });
  const listener = createAdaptorServer({ fetch: (request) => handler.fetch(request) });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    await new Promise((resolve) => listener.close(resolve));
    await handler.close();
    await Promise.all(deps.launcher.runs.map(({ progress }) => progress.close()));
  });
  const address = listener.address();
  if (typeof address !== 'object' || !address) throw new Error('Expected a port.');
  return `http://127.0.0.1:${address.port}/mcp`;
}

const greet = async ({ name }: { name: string }) => ({ content: [{ type: 'text' as const, text: `Hello, ${name}!` }] });

function slowCompute(launcher: ReturnType<typeof scriptedLauncher>): Tool {
  return {
    name: 'slow_compute',
    title: 'Compute slowly',
    description: 'Runs an execution for a number of seconds.',
    input: z.object({ seconds: z.number(), label: z.string().optional() }),
    output: analyzeImage.output,
    owned: {},
    annotations: {},
    isTask: true,
    async run({ seconds }, deps) {
      const executionId = crypto.randomUUID();
      await launcher.start(requestOf(executionId));
      const end = async () => void (await launcher.runs.find(({ request }) => request.execution_id === executionId)?.end([]));
      if (seconds === 0) await end();
      else setTimeout(() => void end().catch(quiet), Number(seconds) * 1_000).unref(); // the folder may be gone by then
      return { ...(await viewExecution(executionId, 0, deps)), created: true, plan: null };
    },
  };
}

function requestOf(execution_id: string): AnalysisRequest {
  return AnalysisRequest.parse({
    execution_id,
    image: { source: { kind: 'blob', key: 'none' }, uri: 'none', version: '1' },
    ask: { look_for: null, labels: [] },
    plan: {
      detail: 'standard',
      tile_size: null,
      overlap: null,
      grid: null,
      region: null,
      max_tiles: null,
      skip_blank: true,
    },
    models: { moderation: null, detection: ['none:none'], synthesis: 'none:none' },
  });
}

async function depsOfTasks(): Promise<ToolDeps & { launcher: ReturnType<typeof scriptedLauncher> }> {
  const blobs = fsBlobs(await temporaryFolder());
  const clock = { now: () => new Date() };
  const launcher = scriptedLauncher({ blobs, clock, log: SILENT }, async () => {});
  const none = () => Promise.reject(new Error('Not for tasks.'));
  return {
    blobs,
    removal: { objects: none, folder: none },
    links: { forPut: none, forGet: async (key) => `https://links.example/${key}` },
    launcher,
    callbacks: NO_CALLBACKS,
    images: { resolve: none },
    progress: progressReader({ blobs, launcher, clock }),
    caller: null,
    owner: null,
    deployment: null,
    models: {
      defaults: { moderation: null, detection: [], verification: null, synthesis: 'none:none' },
      allowed: [],
      moderationMayBeOff: true,
    },
    detectors: { find: none },
    costUsdMax: null,
    views: viewPolicy(readConfig({})),
    client: null,
    scratchFolder: tmpdir(),
    limits: sizeLimits(readConfig({})),
    cores: { each: 2, areShared: true },
    copiedBytesMax: null,
    quotas: null,
    clock,
    log: SILENT,
  };
}
