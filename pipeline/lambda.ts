// Entry of the pipeline on AWS: connects it to the bucket, the models and the durable execution service.
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DurableExecutionApiClient } from '@aws/durable-execution-sdk-js';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { eventApi, readPipelineConfig, sizeLimits } from './config.ts';
import { readDocument } from './documents.ts';
import { survivingStaleTokens } from './durable/stale-token.ts';
import { durablePipeline } from './durable-pipeline.ts';
import type { PipelineDeps } from './ports.ts';
import { openSources, SOURCES } from './sources/index.ts';
import { stepDocuments } from './step-documents.ts';
import { s3Blobs } from './storage/s3-blobs.ts';
import { appsyncEvents } from './telemetry/appsync-events.ts';
import { powertoolsLog } from './telemetry/powertools-log.ts';
import { powertoolsMetrics } from './telemetry/powertools-metrics.ts';
import { allProviders } from './vision/providers.ts';
import { detectorsInBucket } from './vision/registered-detectors.ts';

const PROGRESS_EVERY_MS = 2_000; // half a write a second for each execution; a bucket accepts 3,500

const config = readPipelineConfig();
const limits = sizeLimits(config);

// Clear leftovers from a previous process that was killed before it could clean up.
const scratchFolder = join(tmpdir(), 'tilesight');
rmSync(scratchFolder, { recursive: true, force: true });
mkdirSync(scratchFolder);

const clock = { now: () => new Date() };
const log = powertoolsLog('pipeline', config.LOG_LEVEL);
const api = eventApi(config);
const events = api && appsyncEvents({ ...api, credentials: defaultProvider(), clock, log });

const blobs = s3Blobs({ bucket: config.BUCKET, scratchFolder, materializeBytesMax: limits.image.fileBytesMax });

const deps: PipelineDeps = {
  blobs,
  imageDownloads: openSources(SOURCES.aws, config).downloads,
  vision: allProviders(config, {
    calibrationOf: (model) => readDocument(stepDocuments.calibration(model), blobs),
    detectors: detectorsInBucket(blobs),
  }),
  clock,
  log,
  metrics: powertoolsMetrics(config.AWS_LAMBDA_FUNCTION_NAME),
  events,
  scratchFolder,
  limits: { ...limits, progressEveryMs: PROGRESS_EVERY_MS },
  // Shards run on the version of the code that planned them.
  functionName: `${config.AWS_LAMBDA_FUNCTION_NAME}:${config.AWS_LAMBDA_FUNCTION_VERSION}`,
};

export const handler = durablePipeline(deps, { durableExecutionClient: survivingStaleTokens(new DurableExecutionApiClient()) });
