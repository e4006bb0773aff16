// Runs the real pipeline on the real engine and a real folder, in this process, with the vision that a test gives.
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type WireOperation, withDurableExecution } from '@aws/durable-execution-sdk-js';
import { openEngine } from '../../local/engine.ts';
import { localLauncher } from '../../local/launcher.ts';
import { fsBlobs } from '../../pipeline/adapters/fs-blobs.ts';
import { type AnalysisRequest, FindingsDocument, Progress } from '../../pipeline/core/contract.ts';
import { keys } from '../../pipeline/core/keys.ts';
import { DEFAULT_LIMITS } from '../../pipeline/core/picture-limits.ts';
import { pipeline } from '../../pipeline/pipeline.ts';
import type { ExecutionState, Log, PipelineDeps, RemotePictures, Vision } from '../../pipeline/ports.ts';
import { temporaryFolder } from './folder.ts';

const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const NAME = 'run-1';

export interface PipelineRun {
  state: ExecutionState | null;
  progress: Progress;
  document: FindingsDocument | null;
  /** The engine's operations, in the order in which they began. */
  operations: WireOperation[];
  /** Every file that the run left, relative to the data folder, without the engine's database. */
  files: string[];
}

/** `around` may wrap what the run is given; `request` changes what it is asked. */
export async function runPipeline(
  picture: string,
  vision: Vision,
  plan: Partial<AnalysisRequest['plan']> = {},
  { around = (deps: PipelineDeps) => deps, request = {} as Partial<AnalysisRequest> } = {},
): Promise<PipelineRun> {
  const folder = await temporaryFolder();
  const deps = around(await pipelineDeps(folder, vision));
  const { clock } = deps;
  const file = join(folder, 'engine.db');
  const engine = openEngine({
    file,
    clock,
    log: SILENT,
    invoke: async (event, client, timeoutMs) => {
      const context = { awsRequestId: 'test', getRemainingTimeInMillis: () => timeoutMs };
      const handler = withDurableExecution(pipeline(deps), { durableExecutionClient: client });
      return await handler(event, context as Parameters<typeof handler>[1]);
    },
  });
  const launcher = localLauncher(engine);
  await launcher.start({ ...requestFor(picture, plan), ...request });
  await engine.ended(NAME);
  const state = await launcher.describe(NAME);
  engine.close();
  const stored = async (key: string) => JSON.parse(await readFile(join(folder, 'blobs', key), 'utf8'));
  return {
    state,
    progress: Progress.parse(await stored(keys.progress(NAME))),
    document:
      (await fsBlobs(join(folder, 'blobs')).head(keys.findings(NAME))) &&
      FindingsDocument.parse(await stored(keys.findings(NAME))),
    operations: operationsIn(file),
    files: (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile() && !entry.name.startsWith('engine.db'))
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)),
  };
}

/** The real folder and clock, the vision that a test gives. */
export async function pipelineDeps(folder: string, vision: Vision): Promise<PipelineDeps> {
  const scratchFolder = join(folder, 'scratch');
  await mkdir(scratchFolder);
  const limits = { picture: { ...DEFAULT_LIMITS, pixelsMax: 50_000_000 }, tileConcurrency: 4, progressEveryMs: 5 };
  const remotePictures: RemotePictures = {
    download: () => Promise.reject(new Error('Expected a picture on this machine.')),
  };
  const clock = { now: () => new Date() };
  return { blobs: fsBlobs(join(folder, 'blobs')), remotePictures, vision, clock, log: SILENT, scratchFolder, limits };
}

export function requestFor(picture: string, plan: Partial<AnalysisRequest['plan']> = {}): AnalysisRequest {
  return {
    execution_id: NAME,
    image: { source: { kind: 'file', path: picture }, uri: `file://${picture}`, version: '1' },
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
    verify: false,
    models: { moderation: 'test:eyes', detection: ['test:eyes'], verification: 'test:eyes', synthesis: 'test:eyes' },
  };
}

function operationsIn(file: string): WireOperation[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = database.prepare('select json from operations order by arn, position').all();
    return rows.map(({ json }) => JSON.parse(String(json)));
  } finally {
    database.close();
  }
}
