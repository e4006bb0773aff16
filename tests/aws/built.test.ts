// The output of `npm run build` is complete: both functions run from copies outside the repository, each in its own process, with only
// the packages that it was built with.
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DurableLambdaHandler } from '@aws/durable-execution-sdk-js';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, test } from 'vitest';
import { lambdaFunctions, ROOT } from '../../build/functions.ts';
import { lockOf } from '../../build/packages.ts';
import { writeFunctions } from '../../build/write-functions.ts';
import type { functionUrlHandler } from '../../mcp-server/aws/function-url.ts';
import { FAKE_SECRET, fakeCredentials } from '../support/aws-credentials.ts';
import { temporaryFolder } from '../support/folder.ts';
import { functionUrlFetch, USER } from '../support/function-url.ts';
import { lambdaProcess } from '../support/lambda-process.ts';
import { lambdaService } from '../support/lambda-service.ts';
import { redAndBlue, registerDetector } from '../support/registered-detector.ts';
import { NO_S3_SERVER, s3Server } from '../support/s3-server.ts';
import { findingsOf, ownEyes, wholeWay } from '../support/whole-way.ts';

const server = s3Server();
beforeAll(fakeCredentials);

/** The built folders, with packages for this machine instead of Lambda's. */
async function built(): Promise<Record<string, string>> {
  const outFolder = join(await temporaryFolder(), 'dist');
  const functions = lambdaFunctions({ onnx: true });
  await writeFunctions({ functions, outFolder, install: false, signal: new AbortController().signal });
  const folders: Record<string, string> = {};
  for (const { name, packages } of functions) {
    const folder = join(outFolder, name);
    folders[name] = folder;
    await mkdir(join(folder, 'node_modules'));
    const { packages: locked } = await lockOf(packages);
    for (const path of Object.keys(locked)) {
      const missing = (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error; // a binary for another platform
      };
      await cp(join(ROOT, path), join(folder, path), { recursive: true, dereference: true }).catch(missing);
    }
  }
  return folders;
}

describe.skipIf(NO_S3_SERVER !== null)(`the built functions${NO_S3_SERVER ? ` (${NO_S3_SERVER})` : ''}`, () => {
  test('analyze an image from upload to findings, without the repository', { timeout: 300_000 }, async () => {
    const { 'mcp-server': mcpServer = '', pipeline = '' } = await built();
    const service = await lambdaService();
    const bucket = await server.bucket();
    const common = {
      ...{ BUCKET: bucket, LOG_LEVEL: 'warn', HOME: '/nowhere' },
      ...{ AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'AKIAFAKEFORTESTS', AWS_SECRET_ACCESS_KEY: FAKE_SECRET },
      ...{ AWS_ENDPOINT_URL_S3: server.endpoint(), AWS_ENDPOINT_URL_LAMBDA: service.endpoint },
    };
    const models = {
      DETECTION_MODELS: 'onnx:nanodet',
      ALLOWED_MODELS: 'onnx:colors,onnx:forgotten',
      PIPELINE_FUNCTION: 'pipeline:live',
    };
    const lambda = { AWS_LAMBDA_FUNCTION_NAME: 'pipeline', AWS_LAMBDA_FUNCTION_VERSION: '1' };
    const mcp = await lambdaProcess(mcpServer, { ...common, ...models, TMPDIR: await temporaryFolder() }, 30_000);
    const runPipeline = await lambdaProcess(pipeline, { ...common, ...lambda, TMPDIR: await temporaryFolder() }, 900_000);
    service.handler = (async (event) => await runPipeline(event)) as DurableLambdaHandler;
    const handler = (async (event) => await mcp(event)) as ReturnType<typeof functionUrlHandler>;
    for (const kind of ['2.x pinned to 2026-07-28', '1.32'] as const)
      await wholeWay(kind, { fetch: functionUrlFetch(handler, USER), service });
    expect(service.calls.length).toBeGreaterThan(0);
    await ownEyes({ fetch: functionUrlFetch(handler, USER), service });

    // A detector that was uploaded to the bucket.
    const folder = await registerDetector(await temporaryFolder(), 'colors');
    for (const file of ['model.onnx', 'detector.json']) {
      const object = { Bucket: bucket, Key: `models/colors/${file}`, Body: await readFile(join(folder, file)) };
      await server.client().send(new PutObjectCommand(object));
    }
    const { bytes } = await redAndBlue(320, 256);
    const deployed = { fetch: functionUrlFetch(handler, USER) };
    const page = await findingsOf(bytes, { models: { detection: ['onnx:colors'] }, labels: ['blue'] }, deployed);
    expect(page.findings).toMatchObject([{ label: 'blue' }]);
    expect(page.totals.findings).toBe(1);
    await expect(findingsOf(bytes, { models: { detection: ['onnx:forgotten'] } }, deployed)).rejects.toThrow(
      'The model onnx:forgotten is neither built in nor registered. Upload model.onnx and detector.json of the detector to models/NAME/ of the bucket.',
    );
  });
});
