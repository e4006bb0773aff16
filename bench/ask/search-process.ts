// One process with the engine and the pipeline that answers a question in a data folder, or continues to: killed-searches.ts kills it.
import { join } from 'node:path';
import { z } from 'zod';
import { openEngine } from '../../local/engine/engine.ts';
import { localLauncher } from '../../local/engine/local-launcher.ts';
import { SHARD_TILES_MAX } from '../../pipeline/contract/protocol.ts';
import { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { durablePipeline } from '../../pipeline/durable-pipeline.ts';
import { DEFAULT_LIMITS } from '../../pipeline/planning/image-limits.ts';
import type { PipelineDeps } from '../../pipeline/ports.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { openaiVision } from '../../pipeline/vision/llm/openai-vision.ts';
import { SILENT_LOG } from '../result.ts';

const Arguments = z.object({ folder: z.string(), baseUrl: z.string(), request: AnalysisRequest });

const [given = '{}'] = process.argv.slice(2);
const { folder, baseUrl, request } = Arguments.parse(JSON.parse(given));
const clock = { now: () => new Date() };
const deps: PipelineDeps = {
  blobs: fsBlobs(join(folder, 'blobs')),
  imageDownloads: { download: () => Promise.reject(new Error('Expected an image on this machine.')) },
  vision: openaiVision({ baseUrl, apiKey: null }),
  clock,
  log: SILENT_LOG,
  metrics: null,
  events: null,
  scratchFolder: join(folder, 'scratch'),
  limits: {
    image: DEFAULT_LIMITS,
    tilesMax: 100_000,
    tileConcurrency: 4,
    shardTilesMax: SHARD_TILES_MAX,
    shardConcurrency: 1,
    progressEveryMs: 500,
  },
  functionName: 'tilesight',
};
const engine = openEngine({
  file: join(folder, 'engine.db'),
  clock,
  log: SILENT_LOG,
  invoke: async (event, client, timeoutMs) => {
    const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => timeoutMs };
    const handler = durablePipeline(deps, { durableExecutionClient: client });
    return await handler(event, context as Parameters<typeof handler>[1]);
  },
});
engine.start();
await localLauncher(engine).start(request);
await engine.ended(request.execution_id);
engine.close();
