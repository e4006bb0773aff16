// Analyses as durable executions of Lambda: against the engine behind the service's own wire, and against its faults.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { type LambdaApiOptions, lambdaApi } from '../../mcp-server/aws/lambda-api.ts';
import { lambdaLauncher } from '../../mcp-server/aws/lambda-launcher.ts';
import { TransientError, UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import type { Launcher, Log } from '../../pipeline/ports.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { fakeCredentials } from '../support/aws-credentials.ts';
import { closedPort } from '../support/closed-port.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type LambdaService, lambdaService } from '../support/lambda-service.ts';
import { requestFor } from '../support/pipeline-run.ts';
import { storeDoor } from '../support/store-door.ts';

const FUNCTION = 'pipeline:live';
const request = { ...requestFor('/plan.png'), execution_id: 'plan-1' };

async function launcherOver({ endpoint }: Pick<LambdaService, 'endpoint'>, options: LambdaApiOptions = {}) {
  const errors: object[] = [];
  const quiet = () => {};
  const log: Log = { debug: quiet, info: quiet, warn: quiet, error: (facts) => void errors.push(facts) };
  const blobs = fsBlobs(await temporaryFolder());
  const launcher = lambdaLauncher({ functionName: FUNCTION, blobs, lambda: lambdaApi({ endpoint, ...options }), log });
  return { launcher, blobs, errors };
}

beforeAll(fakeCredentials);

describe('over the engine behind the wire', () => {
  test('an execution is started once, watched and stopped', async () => {
    const service = await lambdaService();
    const { launcher } = await launcherOver(service);
    expect(await launcher.describe('plan-1')).toBeNull();
    expect(await launcher.start(request)).toEqual({ created: true });
    expect(await launcher.start(request)).toEqual({ created: false });
    expect(service.calls.filter((call) => call.startsWith('Invoke'))).toEqual([
      'Invoke pipeline:live as Event',
      'Invoke pipeline:live as Event',
    ]);
    expect(JSON.parse(service.engine.describe('plan-1')?.input ?? '')).toEqual(request);
    expect(await launcher.describe('plan-1')).toEqual({ state: 'running', startedAt: expect.any(Date) });
    const error = { type: 'UserError', message: 'The analysis was cancelled.' };
    const stopped = { state: 'stopped', startedAt: expect.any(Date), endedAt: expect.any(Date), error };
    expect(await launcher.stop('plan-1', error)).toEqual(stopped);
    expect(await launcher.stop('plan-1', { type: 'UserError', message: 'Again.' })).toEqual(stopped);
    expect(service.calls.filter((call) => call === 'StopDurableExecution')).toHaveLength(1);
    expect(await launcher.stop('plan-2', error)).toBeNull();
  });

  test('another request under the same name is refused with the advice to choose another key', async () => {
    const { launcher } = await launcherOver(await lambdaService());
    await launcher.start(request);
    await expect(launcher.start({ ...request, verify: true })).rejects.toThrow(
      new UserError('Another request already has the name plan-1. Choose another idempotency_key.'),
    );
  });

  test('executions are listed only for one that this server did not start', async () => {
    const service = await lambdaService();
    const { launcher } = await launcherOver(service);
    await launcher.start(request);
    await launcher.describe('plan-1');
    expect(service.calls.filter((call) => call.startsWith('List'))).toEqual([]);
    const { launcher: stranger } = await launcherOver(service);
    expect(await stranger.describe('plan-1')).toMatchObject({ state: 'running' });
    expect(service.calls.at(-1)).toBe('ListDurableExecutionsByFunction pipeline'); // of all versions
  });

  test('an execution that the service has deleted starts again', async () => {
    const service = await lambdaService();
    const { launcher, blobs } = await launcherOver(service);
    const forgotten = { arn: 'arn:aws:lambda:us-east-1:123456789012:function:pipeline:1/durable-execution/plan-1/gone' };
    await blobs.put(keys.launched('plan-1'), Buffer.from(JSON.stringify(forgotten)));
    expect(await launcher.describe('plan-1')).toBeNull();
    expect(await launcher.start(request)).toEqual({ created: true });
    expect(await launcher.describe('plan-1')).toMatchObject({ state: 'running' });
    expect(await launcher.start(request)).toEqual({ created: false });
  });

  test('an execution that has succeeded is not started again and does not change', async () => {
    const service = await lambdaService();
    service.handler = async () => ({ Status: 'SUCCEEDED', Result: '{}' }) as never;
    const { launcher } = await launcherOver(service);
    await launcher.start(request);
    await service.engine.ended('plan-1');
    const succeeded = { state: 'succeeded', startedAt: expect.any(Date), endedAt: expect.any(Date) };
    expect(await launcher.describe('plan-1')).toEqual(succeeded);
    expect(await launcher.start(request)).toEqual({ created: false });
    expect(await launcher.stop('plan-1', { type: 'UserError', message: 'Too late.' })).toEqual(succeeded);
  });

  test('the state of a failed execution has its error', async () => {
    const service = await lambdaService();
    service.handler = async () =>
      ({ Status: 'FAILED', Error: { ErrorType: 'UserError', ErrorMessage: 'Expected an image.' } }) as never;
    const { launcher } = await launcherOver(service);
    await launcher.start(request);
    await service.engine.ended('plan-1');
    expect(await launcher.describe('plan-1')).toMatchObject({
      state: 'failed',
      error: { type: 'UserError', message: 'Expected an image.' },
    });
  });
});

const CALLS: Record<string, (launcher: Launcher) => Promise<unknown>> = {
  start: (launcher) => launcher.start(request),
  describe: (launcher) => launcher.describe('plan-1'),
  stop: (launcher) => launcher.stop('plan-1', { type: 'UserError', message: 'Stop.' }),
};

describe.each(Object.entries(CALLS))('%s', (_, call) => {
  async function failing(...next: LambdaService['next']) {
    const service = await lambdaService();
    const { launcher, errors } = await launcherOver(service);
    service.next.push(...next);
    const error: unknown = await call(launcher).catch((thrown) => thrown);
    if (!(error instanceof Error)) throw new Error(`Expected an error, got ${JSON.stringify(error)}.`);
    expect(error.message).not.toMatch(/arn:|123456789012|said no/);
    return { error, errors };
  }

  test.each([
    [429, 'TooManyRequestsException', true],
    [500, 'ServiceException', false],
    [502, 'EC2UnexpectedException', false],
    [502, 'EC2ThrottledException', true],
    [503, 'ServiceUnavailable', false],
    [409, 'ResourceConflictException', false],
  ])('answered with %d %s is a temporary error', async (status, type, throttled) => {
    const { error } = await failing(...Array(3).fill({ status, type }));
    expect(error).toBeInstanceOf(TransientError);
    expect((error as TransientError).throttled).toBe(throttled);
  });

  test('whose connection is cut every time is a temporary error', async () => {
    expect((await failing('cut', 'cut', 'cut')).error).toBeInstanceOf(TransientError);
  });

  test('succeeds if the second attempt does', async () => {
    const service = await lambdaService();
    const { launcher } = await launcherOver(service);
    service.next.push({ status: 500, type: 'ServiceException' });
    await expect(call(launcher)).resolves.toBeDefined();
  });

  test.each([
    [403, 'AccessDeniedException'],
    [400, 'InvalidParameterValueException'],
    [502, 'KMSDisabledException'],
    [502, 'KMSAccessDeniedException'],
    [400, 'InvalidRequestContentException'],
  ])('answered with %d %s is an error for the operator, with the cause in the log', async (status, type) => {
    const { error, errors } = await failing(...Array(3).fill({ status, type }));
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(/^AWS does not allow this server to start or watch analyses\./);
    expect(errors).toMatchObject([{ error: { name: type } }]);
  });
});

const OPERATOR = 'AWS does not allow this server to start or watch analyses\\.';
const TEMPORARY = 'The durable execution service (is receiving too many calls|failed or did not answer in time)\\.';
const CALLER = '(Another request already has the name|The request is too large for the durable execution service\\.)';

/** Every one that the four calls declare, with its status: those of the SDK's schemas. */
describe.each([
  [
    TEMPORARY,
    [
      ...['EFSMountConnectivity 408', 'EFSMountTimeout 408', 'S3FilesMountConnectivity 408', 'S3FilesMountTimeout 408'],
      ...['SnapStartTimeout 408', 'SnapStartNotReady 409', 'CodeArtifactUserPending 409', 'ResourceConflict 409'],
      ...['EFSIO 410', 'TooManyRequests 429', 'Service 500', 'EC2Throttled 502', 'EC2Unexpected 502', 'ENINotReady 502'],
      ...['ResourceNotReady 502', 'ExpiredToken 403'],
    ],
  ],
  [
    OPERATOR,
    [
      ...['InvalidParameterValue 400', 'InvalidRequestContent 400', 'ModeNotSupported 400', 'NoPublishedVersion 400'],
      ...['RecursiveInvocation 400', 'SnapStart 400', 'ServiceQuotaExceeded 402', 'EFSMountFailure 403'],
      ...['S3FilesMountFailure 403', 'ResourceNotFound 404', 'CodeArtifactUserDeleted 409', 'CodeArtifactUserFailed 409'],
      ...['SnapStartRegenerationFailure 409', 'UnsupportedMediaType 415', 'EC2AccessDenied 502', 'ENILimitReached 502'],
      ...['InvalidRuntime 502', 'InvalidSecurityGroupID 502', 'InvalidSubnetID 502', 'InvalidZipFile 502'],
      ...['KMSAccessDenied 502', 'KMSDisabled 502', 'KMSInvalidState 502', 'KMSNotFound 502'],
      'SubnetIPAddressLimitReached 502',
    ],
  ],
  [CALLER, ['DurableExecutionAlreadyStarted 409', 'RequestTooLarge 413', 'SerializedRequestEntityTooLarge 413']],
] as const)('a start fails with /^%s/', (sentence, types) => {
  test.each(types)('for %s', async (named) => {
    const [type = '', status] = named.split(' ');
    const service = await lambdaService();
    const { launcher } = await launcherOver(service);
    service.next.push(...Array(3).fill({ status: Number(status), type: `${type}Exception` }));
    const error: unknown = await launcher.start(request).catch((thrown) => thrown);
    expect(error).toMatchObject({
      name: sentence === TEMPORARY ? 'TransientError' : 'UserError',
      message: expect.stringMatching(new RegExp(`^${sentence}`)),
      cause: { name: `${type}Exception` },
    });
    expect((error as Error).message).not.toMatch(/arn:|123456789012|said no/);
  });
});

test('every exception that the SDK declares is among those above', async () => {
  const commands = ['Invoke', 'GetDurableExecution', 'ListDurableExecutionsByFunction', 'StopDurableExecution'];
  const own = await readFile(import.meta.filename, 'utf8');
  for (const command of commands) {
    const declared = await readFile(`node_modules/@aws-sdk/client-lambda/dist-types/commands/${command}Command.d.ts`, 'utf8');
    const types = [...declared.matchAll(/@throws \{@link (\w+)Exception\}/g)].map(([, type = '']) => type);
    expect(types.length).toBeGreaterThan(3);
    expect(types.filter((type) => type !== 'LambdaService' && !own.includes(`'${type} `))).toEqual([]);
  }
});

test.each([
  [413, 'RequestTooLargeException'],
  [413, 'SerializedRequestEntityTooLargeException'],
])('a start answered with %d %s names the size of the request', async (status, type) => {
  const service = await lambdaService();
  const { launcher } = await launcherOver(service);
  service.next.push({ status, type });
  await expect(launcher.start(request)).rejects.toThrow(/^The request is too large for the durable execution service\./);
});

test.each(Object.entries(CALLS))('%s on a function that does not exist is an error for the operator', async (_, call) => {
  const service = await lambdaService();
  const { launcher } = await launcherOver(service);
  service.next.push({ status: 404, type: 'ResourceNotFoundException' });
  await expect(call(launcher)).rejects.toThrow(/^AWS does not allow this server to start/);
});

describe('in a list of executions, the service', () => {
  const arnOf = (name: string, id: number) =>
    `arn:aws:lambda:us-east-1:123456789012:function:pipeline:1/durable-execution/${name}/${id}`;

  /** Lists these and no other execution; asked for one of them, the service has deleted it. */
  async function listing(executions: { name: string; startedAt: number; Status: string }[]) {
    const DurableExecutions = executions.map(({ name, startedAt, Status }, id) => ({
      DurableExecutionArn: arnOf(name, id),
      DurableExecutionName: name,
      FunctionArn: FUNCTION,
      Status,
      StartTimestamp: startedAt,
      ...(Status !== 'RUNNING' && { EndTimestamp: startedAt + 1 }),
    }));
    const door = await storeDoor((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ DurableExecutions }));
      return true;
    });
    return (await launcherOver(door)).launcher;
  }

  test('may list the newest first or last', async () => {
    const old = { name: 'plan-1', startedAt: 1_000, Status: 'SUCCEEDED' };
    const young = { name: 'plan-1', startedAt: 2_000, Status: 'RUNNING' };
    for (const executions of [
      [old, young],
      [young, old],
    ]) {
      const launcher = await listing(executions);
      expect(await launcher.describe('plan-1')).toEqual({ state: 'running', startedAt: new Date(2_000_000) });
    }
  });

  test('may list executions whose names only begin with the same characters', async () => {
    const other = { name: 'plan-10', startedAt: 2_000, Status: 'RUNNING' };
    expect(await (await listing([other])).describe('plan-1')).toBeNull();
    expect(await (await listing([other])).stop('plan-1', { type: 'UserError', message: 'Stop.' })).toBeNull();
    const own = { name: 'plan-1', startedAt: 1_000, Status: 'SUCCEEDED' };
    expect(await (await listing([other, own])).describe('plan-1')).toMatchObject({ state: 'succeeded' });
  });
});

test.each([
  ['by the alias', true],
  ['without it', false],
])('an execution that the service lists only %s is found', async (_, onlyByAlias) => {
  const row = {
    DurableExecutionArn: 'arn:aws:lambda:us-east-1:123456789012:function:pipeline:1/durable-execution/plan-1/1',
    DurableExecutionName: 'plan-1',
    FunctionArn: FUNCTION,
    Status: 'RUNNING',
    StartTimestamp: 1_000,
  };
  const door = await storeDoor(({ url = '' }, response) => {
    const isListed = url.includes('Qualifier=') === onlyByAlias;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ DurableExecutions: isListed ? [row] : [] }));
    return true;
  });
  const { launcher } = await launcherOver(door);
  expect(await launcher.describe('plan-1')).toMatchObject({ state: 'running' });
});

describe('a stop that the service refuses', () => {
  const refusals = [
    [400, 'InvalidParameterValueException'],
    [404, 'ResourceNotFoundException'],
    [409, 'ResourceConflictException'],
  ] as const;

  /** Refuses to stop; `meanwhile` happens just before. */
  async function refusing(status: number, type: string, meanwhile: (service: LambdaService) => unknown) {
    const service = await lambdaService();
    const door = await storeDoor((incoming, response) => {
      if (!incoming.url?.endsWith('/stop')) return false;
      meanwhile(service);
      const message = 'arn:aws:lambda:us-east-1:123456789012 said no';
      response.writeHead(status, { 'x-amzn-errortype': type, 'content-type': 'application/json' });
      response.end(JSON.stringify({ message, Message: message }));
      return true;
    }, service.endpoint);
    const over = await launcherOver(door);
    await over.launcher.start(request);
    return over;
  }

  test.each(refusals)('with %d %s is no failure if the execution has ended meanwhile', async (status, type) => {
    const { launcher, errors } = await refusing(status, type, ({ engine }) =>
      engine.stop('plan-1', { ErrorType: 'UserError', ErrorMessage: 'Stopped elsewhere.' }),
    );
    expect(await launcher.stop('plan-1', { type: 'UserError', message: 'Stop.' })).toMatchObject({
      state: 'stopped',
      error: { message: 'Stopped elsewhere.' },
    });
    expect(errors).toEqual([]);
  });

  test('is a failure if the execution goes on running', async () => {
    const { launcher, errors } = await refusing(400, 'InvalidParameterValueException', () => {});
    await expect(launcher.stop('plan-1', { type: 'UserError', message: 'Stop.' })).rejects.toThrow(
      /^AWS does not allow this server to start or watch analyses\./,
    );
    expect(errors).toMatchObject([{ error: { name: 'InvalidParameterValueException' } }]);
  });
});

describe('a service that', () => {
  const FAULT = {
    name: 'TransientError',
    message: expect.stringMatching(/^The durable execution service failed or did not answer in time\. Try again\.$/),
  };

  test.each(Object.entries(CALLS))('never answers fails %s with a temporary error, after 3 attempts', async (_, call) => {
    const door = await storeDoor(() => true);
    const { launcher } = await launcherOver(door, { silenceTimeoutMs: 100 });
    await expect(call(launcher)).rejects.toMatchObject(FAULT);
    expect(door.requests).toHaveLength(3);
  });

  test.each(['describe', 'stop'])('falls silent within its answer fails %s with a temporary error', async (name) => {
    const door = await storeDoor((_, response) => response.writeHead(200, { 'content-length': '100' }).write('{'));
    const { launcher } = await launcherOver(door, { silenceTimeoutMs: 100 });
    await expect(CALLS[name]?.(launcher)).rejects.toMatchObject(FAULT);
  });

  test.each(Object.entries(CALLS))('cannot be reached fails %s with a temporary error', async (_, call) => {
    const { launcher } = await launcherOver({ endpoint: `http://127.0.0.1:${await closedPort()}` });
    await expect(call(launcher)).rejects.toMatchObject(FAULT);
  });

  test('answers with a page of its gateway is a temporary error', async () => {
    const door = await storeDoor((_, response) => !!response.writeHead(502).end('<html>Bad Gateway</html>'));
    const { launcher } = await launcherOver(door);
    await expect(launcher.describe('plan-1')).rejects.toMatchObject(FAULT);
  });
});

test('a request over 1 MiB is refused before it is sent', async () => {
  const service = await lambdaService();
  const { launcher } = await launcherOver(service);
  const ask = { look_for: 'x'.repeat(1_100_000), labels: [] };
  await expect(launcher.start({ ...request, ask })).rejects.toThrow(
    /^The request has 1100\d+ bytes, but at most 1048576 are possible\./,
  );
  expect(service.calls).toEqual([]);
});

test("AWS's package is loaded on first use", async () => {
  const [launcher, api] = ['launcher', 'api'].map(
    (name) => new URL(`../../mcp-server/aws/lambda-${name}.ts`, import.meta.url).href,
  );
  const program = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ resolve(name, context, next) { if (name.startsWith('@aws-sdk/')) loaded.push(name); return next(name, context); } });
    const { lambdaLauncher } = await import(${JSON.stringify(launcher)});
    const { lambdaApi } = await import(${JSON.stringify(api)});
    const endpoint = 'http://127.0.0.1:${await closedPort()}';
    const { describe } = lambdaLauncher({ functionName: 'a:b', blobs: { get: async () => null }, lambda: lambdaApi({ endpoint }) });
    const before = [...loaded];
    await describe('x').catch(() => {});
    console.log(JSON.stringify({ before, after: loaded }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  const { before, after } = JSON.parse(stdout);
  expect(before).toEqual([]);
  expect(after).toContain('@aws-sdk/client-lambda');
});
