// Both functions as AWS runs them, in one process: Function URL events, a real S3-compatible bucket, Lambda's API in front of the local
// engine, and local models. None of our code is replaced.
import type { DurableLambdaHandler } from '@aws/durable-execution-sdk-js';
import { beforeAll, describe, test, vi } from 'vitest';
import { fakeCredentials } from '../support/aws-credentials.ts';
import { temporaryFolder } from '../support/folder.ts';
import { functionUrlFetch, USER } from '../support/function-url.ts';
import { lambdaService } from '../support/lambda-service.ts';
import { NO_S3_SERVER, s3Server } from '../support/s3-server.ts';
import { type Deployment, ownEyes, wholeWay } from '../support/whole-way.ts';

const server = s3Server();
beforeAll(fakeCredentials);

/** Both functions, wired by their entries from environment variables only. */
async function deployment(): Promise<Deployment> {
  const service = await lambdaService();
  const environment = {
    ...{ BUCKET: await server.bucket(), PIPELINE_FUNCTION: 'pipeline:live', LOG_LEVEL: 'silent' },
    TMPDIR: await temporaryFolder(), // the pipeline empties its part of it
    ...{ DETECTION_MODELS: 'onnx:nanodet', AWS_LAMBDA_FUNCTION_NAME: 'pipeline', AWS_LAMBDA_FUNCTION_VERSION: '1' },
    ...{ AWS_ENDPOINT_URL_S3: server.endpoint(), AWS_ENDPOINT_URL_LAMBDA: service.endpoint },
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  vi.resetModules(); // entries read the environment when they load
  const [{ handler: mcp }, { handler: pipeline }] = await Promise.all([
    import('../../mcp-server/lambda.ts'),
    import('../../pipeline/lambda.ts'),
  ]);
  service.handler = pipeline as DurableLambdaHandler;
  return { fetch: functionUrlFetch(mcp, USER), service };
}

describe.skipIf(NO_S3_SERVER !== null)(`both functions${NO_S3_SERVER ? ` (${NO_S3_SERVER})` : ''}`, () => {
  test('take an image from upload to findings, for clients of both generations', { timeout: 180_000 }, async () => {
    const deployed = await deployment(); // shared: the durable SDK keeps its client for the lifetime of the process
    for (const kind of ['2.x pinned to 2026-07-28', '1.32'] as const) await wholeWay(kind, deployed);
    await ownEyes(deployed);
  });
});
