// Entry of the MCP server on AWS: wires it to the bucket and to the pipeline's function, behind a Function URL.
import { tmpdir } from 'node:os';
import { modelOffer, readMcpServerConfig, sizeLimits, viewPolicy } from '../pipeline/config.ts';
import type { Clock } from '../pipeline/ports.ts';
import { openSources, SOURCES } from '../pipeline/sources/index.ts';
import { s3Blobs } from '../pipeline/storage/s3-blobs.ts';
import { s3Links } from '../pipeline/storage/s3-links.ts';
import { s3Removal } from '../pipeline/storage/s3-removal.ts';
import { powertoolsLog } from '../pipeline/telemetry/powertools-log.ts';
import { detectorsInBucket } from '../pipeline/vision/registered-detectors.ts';
import { depsByCaller } from './access/callers.ts';
import { functionUrlHandler } from './aws/function-url.ts';
import { lambdaApi } from './aws/lambda-api.ts';
import { lambdaCallbacks } from './aws/lambda-callbacks.ts';
import { lambdaLauncher } from './aws/lambda-launcher.ts';
import { mcpHandler } from './server.ts';
import { VERSION } from './version.ts';

const COPIED_BYTES_MAX = 256_000_000; // half of the temporary disk of the function; S3 delivers it in about 4 s

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html */
const MB_PER_CORE = 1_769;

const config = readMcpServerConfig();
const bucket = config.BUCKET;
const log = powertoolsLog('mcp-server', config.LOG_LEVEL);
const clock: Clock = { now: () => new Date() };
const limits = sizeLimits(config);
const blobs = s3Blobs({ bucket, scratchFolder: tmpdir(), materializeBytesMax: COPIED_BYTES_MAX });
const lambda = lambdaApi();

const depsFor = depsByCaller(
  {
    blobs,
    removal: s3Removal({ bucket }),
    clock,
    log,
    limits,
    cores: { each: config.PIPELINE_MEMORY_MB / MB_PER_CORE, areShared: false },
    links: s3Links({ bucket }),
    deployment: bucket, // names of durable executions are unique within an account and region: Lambda developer guide
    launcher: lambdaLauncher({ functionName: config.PIPELINE_FUNCTION, blobs, lambda, log }),
    callbacks: lambdaCallbacks({ lambda, log }),
    imagesIn: openSources(SOURCES.aws, config).imagesIn,
    models: modelOffer(config),
    detectors: detectorsInBucket(blobs),
    costUsdMax: config.COST_USD_MAX ?? null,
    views: viewPolicy(config),
    scratchFolder: tmpdir(),
    copiedBytesMax: COPIED_BYTES_MAX,
    quotas: null,
  },
  config.ISOLATION,
);
const mcp = mcpHandler(depsFor, { version: VERSION, log });

export const handler = functionUrlHandler({ mcp: mcp.fetch, log });
