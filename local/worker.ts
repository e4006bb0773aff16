// Entry of a worker process: wires the pipeline to the folder, the models and the engine of the parent process.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readConfig, sizeLimits } from '../pipeline/config.ts';
import { readDocument } from '../pipeline/documents.ts';
import { durablePipeline } from '../pipeline/durable-pipeline.ts';
import type { PipelineDeps } from '../pipeline/ports.ts';
import { openSources, SOURCES } from '../pipeline/sources/index.ts';
import { stepDocuments } from '../pipeline/step-documents.ts';
import { fsBlobs } from '../pipeline/storage/folder-blobs.ts';
import { terminalLog } from '../pipeline/telemetry/terminal-log.ts';
import { allProviders } from '../pipeline/vision/providers.ts';
import { detectorsInFolder } from '../pipeline/vision/registered-detectors.ts';
import { workerScratch } from './data-folder.ts';
import { FUNCTION_NAME } from './engine/service-limits.ts';
import { serveInvocations } from './workers/worker-protocol.ts';

process.umask(0o077); // images and findings are private to their user

const [dataFolder, scratchRoot, logLevel] = z.tuple([z.string(), z.string(), z.string()]).parse(process.argv.slice(2));
const config = readConfig();
const scratchFolder = workerScratch(scratchRoot, process.pid);
mkdirSync(scratchFolder, { recursive: true });

const blobs = fsBlobs(join(dataFolder, 'blobs'));

/** From this data folder, or from the one of the user: `tilesight analyze` works in a folder of its own. */
async function calibrationOf(model: string) {
  const document = stepDocuments.calibration(model);
  const here = await readDocument(document, blobs);
  return here ?? (await readDocument(document, fsBlobs(join(config.TILESIGHT_HOME, 'blobs'))));
}

const deps: PipelineDeps = {
  blobs,
  imageDownloads: openSources(SOURCES.local, config).downloads,
  vision: allProviders(config, {
    calibrationOf,
    detectors: detectorsInFolder(config.TILESIGHT_HOME, { hubCache: config.HF_HUB_CACHE }),
  }),
  clock: { now: () => new Date() },
  log: terminalLog(logLevel),
  metrics: null,
  events: null, // the local page polls the stored progress instead
  scratchFolder,
  limits: {
    ...sizeLimits(config),
    progressEveryMs: 500, // four times as often as to a bucket, where each write costs money
  },
  functionName: FUNCTION_NAME,
};

serveInvocations((client, plugins) => durablePipeline(deps, { durableExecutionClient: client, plugins }));
