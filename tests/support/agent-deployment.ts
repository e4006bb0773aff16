// A whole deployment in this process on a clock that a test moves: the MCP server, the engine and the pipeline, over one folder. Nothing of
// ours is replaced but the clock.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';
import { openEngine } from '../../local/engine/engine.ts';
import { localCallbacks } from '../../local/engine/local-callbacks.ts';
import { localLauncher } from '../../local/engine/local-launcher.ts';
import { depsByCaller, type Isolation } from '../../mcp-server/access/callers.ts';
import type { Caller } from '../../mcp-server/access/deps.ts';
import { functionUrlHandler } from '../../mcp-server/aws/function-url.ts';
import { mcpHandler } from '../../mcp-server/server.ts';
import { modelOffer, readConfig, sizeLimits, viewPolicy } from '../../pipeline/config.ts';
import { durablePipeline } from '../../pipeline/durable-pipeline.ts';
import { openSources, SOURCES } from '../../pipeline/sources/index.ts';
import { fsRemoval } from '../../pipeline/storage/folder-removal.ts';
import { allProviders } from '../../pipeline/vision/providers.ts';
import { detectorsInFolder } from '../../pipeline/vision/registered-detectors.ts';
import { silent } from '../fixtures/engine-harness.ts';
import { temporaryFolder } from './folder.ts';
import { functionUrlFetch, USER } from './function-url.ts';
import { connected, type TestClient } from './mcp-clients.ts';
import { pipelineDeps } from './pipeline-run.ts';
import { scriptedVision } from './scripted-vision.ts';

export interface AgentDeployment {
  folder: string;
  /** What `analyze_image` takes for a file in the folder. */
  imageIn(name: string): string;
  client: TestClient;
  as(caller: Caller): Promise<TestClient>;
  /** Time passes at once. */
  pass(seconds: number): void;
  operations(executionId: string): number;
  /** The process ends, and another one opens the same folder. */
  restart(): void;
}

interface Options {
  isolation?: Isolation;
  openaiUrl?: string;
  limits?: Partial<Awaited<ReturnType<typeof pipelineDeps>>['limits']>;
}

export async function agentDeployment({ isolation = 'account', openaiUrl, limits }: Options = {}): Promise<AgentDeployment> {
  const folder = await temporaryFolder();
  const config = readConfig({ ALLOW_MODERATION_OFF: 'true', ...(openaiUrl && { OPENAI_BASE_URL: openaiUrl }) });
  let aheadMs = 0;
  const clock = { now: () => new Date(Date.now() + aheadMs) };
  const timers = new Set<() => void>();
  /** Checks the clock every moment: a test may move it. */
  const afterDelay = (ms: number, work: () => void) => {
    const dueMs = clock.now().getTime() + ms;
    const timer = setInterval(() => {
      if (clock.now().getTime() < dueMs) return;
      clearInterval(timer);
      work();
    }, 5);
    const cancel = () => clearInterval(timer);
    timers.add(cancel);
    return cancel;
  };
  const deps = await pipelineDeps(folder, scriptedVision());
  const detectors = detectorsInFolder(folder);
  const vision = allProviders(config, { calibrationOf: async () => null, detectors });
  const given = { ...deps, clock, vision, limits: { ...deps.limits, ...limits } };
  const opened = () => {
    const engine = openEngine({
      file: join(folder, 'engine.db'),
      clock,
      log: silent,
      afterDelay,
      invoke: async (event, client, timeoutMs) => {
        const handler = durablePipeline(given, { durableExecutionClient: client });
        const context = { awsRequestId: 'test', getRemainingTimeInMillis: () => timeoutMs };
        return await handler(event, context as Parameters<typeof handler>[1]);
      },
    });
    engine.start();
    return engine;
  };
  let engine = opened();
  onTestFinished(() => {
    engine.close();
    for (const cancel of timers) cancel();
  });
  const shared = {
    blobs: deps.blobs,
    removal: fsRemoval(join(folder, 'blobs')),
    links: { forPut: refuse, forGet: async (key: string) => `https://links.example/${key}` },
    // The engine may be another one after a restart.
    launcher: {
      start: (request: Parameters<ReturnType<typeof localLauncher>['start']>[0]) => localLauncher(engine).start(request),
      describe: (id: string) => localLauncher(engine).describe(id),
      stop: (id: string, reason: { type: string; message: string }) => localLauncher(engine).stop(id, reason),
      forget: (id: string) => localLauncher(engine).forget(id),
    },
    callbacks: localCallbacks({
      succeedCallback: (id, result) => engine.succeedCallback(id, result),
      failCallback: (id, error) => engine.failCallback(id, error),
      heartbeatCallback: (id) => engine.heartbeatCallback(id),
    }),
    imagesIn: openSources(SOURCES.local, { ...config, ALLOWED_FOLDERS: [folder] }).imagesIn,
    deployment: null,
    models: { ...modelOffer(config), allowed: ['openai:claude-sonnet-5', 'openai:claude-haiku-4-5'] },
    detectors,
    costUsdMax: null,
    views: viewPolicy(config),
    scratchFolder: deps.scratchFolder,
    copiedBytesMax: null,
    quotas: null,
    limits: sizeLimits(config),
    cores: { each: 2, areShared: true },
    clock,
    log: silent,
  };
  const mcp = mcpHandler(depsByCaller(shared, isolation), { version: '0.0.0-test', log: silent });
  onTestFinished(() => mcp.close());
  const as = async (caller: Caller) =>
    await connected('2.x pinned to 2026-07-28', {
      fetch: functionUrlFetch(functionUrlHandler({ mcp: mcp.fetch, log: silent }), caller),
    });
  return {
    folder,
    imageIn: (name) => pathToFileURL(join(folder, name)).href,
    client: await as(USER),
    as,
    pass(seconds) {
      aheadMs += seconds * 1_000;
    },
    operations: (executionId) => engine.operations(executionId).length,
    restart() {
      engine.close();
      engine = opened();
    },
  };
}

const refuse = () => Promise.reject(new Error('This deployment has no uploads.'));
