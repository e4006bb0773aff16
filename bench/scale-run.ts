// Analyzes a drawn image through the real pipeline and engine, in this process, with the model of a benchmark.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { openEngine } from '../local/engine/engine.ts';
import { FUNCTION_NAME } from '../local/engine/service-limits.ts';
import { SHARD_TILES_MAX } from '../pipeline/contract/protocol.ts';
import { AnalysisRequest } from '../pipeline/contract/schemas.ts';
import { durablePipeline } from '../pipeline/durable-pipeline.ts';
import { DEFAULT_LIMITS } from '../pipeline/planning/image-limits.ts';
import { TILES_MAX } from '../pipeline/planning/plan.ts';
import type { Log, PipelineDeps, Vision } from '../pipeline/ports.ts';
import { fsBlobs } from '../pipeline/storage/folder-blobs.ts';

export const EXECUTION = 'scale';
const TILE_PX = 128;
const OVERLAP_PX = 32;

export interface ScaleRun {
  /** Holds the engine's database and the store. An execution that was interrupted there resumes. */
  folder: string;
  image: string;
  vision: Vision;
  log: Log;
  tileConcurrency: number;
  shardConcurrency: number;
}

/** Returns the engine's database; the store is the folder `blobs` beside it. Throws if the execution does not succeed. */
export async function runOnce({ folder, image, vision, log, ...concurrency }: ScaleRun): Promise<{ file: string }> {
  const clock = { now: () => new Date() };
  const deps: PipelineDeps = {
    blobs: fsBlobs(join(folder, 'blobs')),
    imageDownloads: { download: () => Promise.reject(new Error('This benchmark downloads no image.')) },
    vision,
    clock,
    log,
    metrics: null,
    events: null,
    scratchFolder: folder,
    functionName: FUNCTION_NAME,
    limits: {
      image: DEFAULT_LIMITS,
      tilesMax: TILES_MAX,
      shardTilesMax: SHARD_TILES_MAX,
      progressEveryMs: 2_000,
      ...concurrency,
    },
  };
  const file = join(folder, 'engine.db');
  const engine = openEngine({
    file,
    clock,
    log,
    invoke: async (event, client, timeoutMs) => {
      const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => timeoutMs };
      const handler = durablePipeline(deps, { durableExecutionClient: client });
      return await handler(event, context as Parameters<typeof handler>[1]);
    },
  });
  engine.startExecution(EXECUTION, JSON.stringify(requestFor(image)));
  engine.start();
  const ended = await engine.ended(EXECUTION);
  engine.close();
  if (ended.status !== 'SUCCEEDED') throw new Error(`The execution did not succeed: ${ended.error}.`);
  return { file };
}

/** A square of soft noise: no tile is blank, and no two are alike. */
export async function drawNoise(folder: string, sidePx: number): Promise<string> {
  const path = join(folder, 'image.jpg');
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
  const small = Math.ceil(sidePx / 16);
  const ground = sharp({ create: { width: small, height: small, channels: 3, background: '#808080', noise } });
  await ground.resize(sidePx, sidePx, { fit: 'fill' }).jpeg({ quality: 80, optimiseCoding: false }).toFile(path);
  return path;
}

function requestFor(image: string): AnalysisRequest {
  const { mtimeMs, size } = statSync(image);
  return AnalysisRequest.parse({
    execution_id: EXECUTION,
    image: { source: { kind: 'file', path: image }, uri: `file://${image}`, version: `${mtimeMs}-${size}` },
    ask: { look_for: null, labels: [] },
    plan: {
      detail: 'max',
      tile_size: TILE_PX,
      overlap: OVERLAP_PX,
      grid: null,
      region: null,
      max_tiles: null,
      skip_blank: false,
    },
    models: { moderation: 'test:model', detection: ['test:model'], verification: null, synthesis: 'test:model' },
  });
}
