// Runs the real pipeline on the real engine and a real folder, in this process, with the vision that a test gives.
import { statSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { WireOperation } from '@aws/durable-execution-sdk-js';
import { openEngine } from '../../local/engine/engine.ts';
import { localLauncher } from '../../local/engine/local-launcher.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { SHARD_TILES_MAX } from '../../pipeline/contract/protocol.ts';
import { type AnalysisRequest, FindingsDocument, Progress } from '../../pipeline/contract/schemas.ts';
import { durablePipeline } from '../../pipeline/durable-pipeline.ts';
import { DEFAULT_LIMITS } from '../../pipeline/planning/image-limits.ts';
import type { Blobs, ExecutionState, ImageDownloads, Log, PipelineDeps, Vision } from '../../pipeline/ports.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { fastTime } from './fast-time.ts';
import { temporaryFolder } from './folder.ts';
import { scriptedVision } from './scripted-vision.ts';

const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const NAME = 'run-1';
/** The price of `test:eyes` is unknown, which is a note. With these models, every note is about the image. */
export const PRICED_MODELS: AnalysisRequest['models'] = {
  moderation: 'bedrock:us.amazon.nova-lite-v1:0',
  detection: ['bedrock:us.amazon.nova-lite-v1:0'],
  verification: 'bedrock:us.amazon.nova-lite-v1:0',
  synthesis: 'bedrock:us.amazon.nova-lite-v1:0',
};

export interface PipelineRun {
  state: ExecutionState | null;
  progress: Progress;
  document: FindingsDocument | null;
  /** The engine's operations, in the order in which they began. */
  operations: WireOperation[];
  /** Every file that the run left, relative to the data folder, without the engine's database. */
  files: string[];
}

/** One folder and one engine, on which executions run one after another. */
export interface PipelineStage {
  deps: PipelineDeps;
  /** The engine's database. */
  file: string;
  /** Runs an execution to its end, or resumes one that was killed. */
  run(request: AnalysisRequest, vision: Vision, around?: (deps: PipelineDeps) => PipelineDeps): Promise<PipelineRun>;
  /** Runs an execution until `killed` resolves. Then nothing that its process does counts any more. */
  runUntil(
    killed: Promise<void>,
    request: AnalysisRequest,
    vision: Vision,
    around?: (deps: PipelineDeps) => PipelineDeps,
  ): Promise<void>;
  /** All executions, shards included. */
  operations(): (WireOperation & { arn: string })[];
  /** As the service counts them, one number an execution. */
  operationCounts(): number[];
}

/** With `timeFactor`, the engine's time runs that much faster: for executions that wait for a later attempt. */
export async function pipelineStage({ timeFactor = 1 } = {}): Promise<PipelineStage> {
  const folder = await temporaryFolder();
  const deps = await pipelineDeps(folder, scriptedVision());
  const file = join(folder, 'engine.db');
  const stored = async (key: string) => JSON.parse(await readFile(join(folder, 'blobs', key), 'utf8'));
  const has = async (key: string) => await fsBlobs(join(folder, 'blobs')).head(key);
  const opened = (given: PipelineDeps) =>
    openEngine({
      file,
      ...(timeFactor === 1 ? { clock: deps.clock } : fastTime(timeFactor)),
      log: SILENT,
      invoke: async (event, client, timeoutMs) => {
        const context = { awsRequestId: 'test', getRemainingTimeInMillis: () => timeoutMs };
        const handler = durablePipeline(given, { durableExecutionClient: client });
        return await handler(event, context as Parameters<typeof handler>[1]);
      },
    });
  return {
    deps,
    file,
    async runUntil(killed, request, vision, around = (same) => same) {
      let isDead = false;
      const given = around({ ...deps, vision });
      const engine = opened({ ...given, blobs: mortalBlobs(given.blobs, () => isDead) });
      engine.start();
      await localLauncher(engine).start(request);
      await killed;
      isDead = true;
      engine.close();
    },
    async run(request, vision, around = (same) => same) {
      const engine = opened(around({ ...deps, vision }));
      engine.start();
      const launcher = localLauncher(engine);
      const name = request.execution_id;
      await launcher.start(request);
      await engine.ended(name);
      const state = await launcher.describe(name);
      engine.close();
      return {
        state,
        progress: Progress.parse(await stored(keys.progress(name))),
        document: (await has(keys.findings(name))) && FindingsDocument.parse(await stored(keys.findings(name))),
        operations: operationsIn(file).filter(({ arn }) => arn.includes(`/${name}/`)),
        files: (await readdir(folder, { recursive: true, withFileTypes: true }))
          .filter((entry) => entry.isFile() && !entry.name.startsWith('engine.db'))
          .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)),
      };
    },
    operations: () => operationsIn(file),
    operationCounts: () => countsIn(file),
  };
}

/** In a process that was killed every call hangs. */
function mortalBlobs(blobs: Blobs, isDead: () => boolean): Blobs {
  const alive = <T>(call: () => Promise<T>): Promise<T> => (isDead() ? new Promise<T>(() => {}) : call());
  return {
    head: (key) => alive(() => blobs.head(key)),
    get: (key) => alive(() => blobs.get(key)),
    getRange: (key, start, length) => alive(() => blobs.getRange(key, start, length)),
    put: (key, bytes) => alive(() => blobs.put(key, bytes)),
    putNew: (key, bytes) => alive(() => blobs.putNew(key, bytes)),
    putFile: (key, path) => alive(() => blobs.putFile(key, path)),
    materialize: (key) => alive(() => blobs.materialize(key)),
    list: (folder, page) => alive(() => blobs.list(folder, page)),
  };
}

/** One execution on a stage of its own. `around` may wrap what the run is given; `request` changes what it is asked. */
export async function runPipeline(
  image: string,
  vision: Vision,
  plan: Partial<AnalysisRequest['plan']> = {},
  { around = (deps: PipelineDeps) => deps, request = {} as Partial<AnalysisRequest> } = {},
): Promise<PipelineRun> {
  const stage = await pipelineStage();
  return await stage.run({ ...requestFor(image, plan), ...request }, vision, around);
}

/** The real folder and clock, the vision that a test gives. */
export async function pipelineDeps(folder: string, vision: Vision): Promise<PipelineDeps> {
  const scratchFolder = join(folder, 'scratch');
  await mkdir(scratchFolder, { recursive: true });
  const limits = {
    image: { ...DEFAULT_LIMITS, pixelsMax: 50_000_000 },
    tilesMax: 100_000,
    tileConcurrency: 4,
    shardTilesMax: SHARD_TILES_MAX,
    shardConcurrency: 2,
    progressEveryMs: 5,
  };
  const imageDownloads: ImageDownloads = {
    download: () => Promise.reject(new Error('Expected an image on this machine.')),
  };
  const clock = { now: () => new Date() };
  return {
    blobs: fsBlobs(join(folder, 'blobs')),
    imageDownloads,
    vision,
    clock,
    log: SILENT,
    metrics: null,
    events: null,
    scratchFolder,
    limits,
    functionName: 'tilesight',
  };
}

export function requestFor(image: string, plan: Partial<AnalysisRequest['plan']> = {}): AnalysisRequest {
  return {
    execution_id: NAME,
    image: { source: { kind: 'file', path: image }, uri: `file://${image}`, version: fileVersion(image) },
    page: 1,
    ask: { look_for: null, labels: [] },
    plan: {
      detail: 'standard',
      tile_size: 256,
      overlap: 64,
      grid: null,
      region: null,
      max_tiles: null,
      skip_blank: true,
      ...plan,
    },
    max_cost_usd: null,
    retry_of: null,
    owner: null,
    verify: false,
    models: { moderation: 'test:eyes', detection: ['test:eyes'], verification: 'test:eyes', synthesis: 'test:eyes' },
  };
}

/** As the source names it; some value if there is no such file. */
function fileVersion(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? `${found.mtimeMs}-${found.size}` : '1';
}

function operationsIn(file: string): (WireOperation & { arn: string })[] {
  return rowsOf(file, 'select arn, json from operations order by arn, position').map(({ arn, json }) => ({
    ...JSON.parse(String(json)),
    arn: String(arn),
  }));
}

function countsIn(file: string): number[] {
  return rowsOf(file, 'select operations from executions').map(({ operations }) => Number(operations));
}

function rowsOf(file: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}
