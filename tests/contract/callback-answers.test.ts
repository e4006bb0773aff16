// Answers to callbacks of executions: the local engine and Lambda's API behave alike.
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Engine, openEngine } from '../../local/engine/engine.ts';
import { localCallbacks } from '../../local/engine/local-callbacks.ts';
import { lambdaApi } from '../../mcp-server/aws/lambda-api.ts';
import { lambdaCallbacks } from '../../mcp-server/aws/lambda-callbacks.ts';
import { TransientError } from '../../pipeline/contract/errors.ts';
import { CALLBACK_BYTES_MAX } from '../../pipeline/contract/protocol.ts';
import type { CallbackAnswers, WaitingCallback } from '../../pipeline/ports.ts';
import { invokerOf, resultOf, type Workflow } from '../fixtures/engine-harness.ts';
import { fakeCredentials } from '../support/aws-credentials.ts';
import { temporaryFolder } from '../support/folder.ts';
import { lambdaService } from '../support/lambda-service.ts';

const quiet = () => {};
const SILENT = { debug: quiet, info: quiet, warn: quiet, error: quiet };

async function engineFor(workflow: Workflow): Promise<Engine> {
  const file = join(await temporaryFolder(), 'engine.db');
  const engine = openEngine({ file, invoke: invokerOf(workflow), clock: { now: () => new Date() }, log: SILENT });
  engine.start();
  onTestFinished(() => engine.close());
  return engine;
}

const ADAPTERS: Record<string, (engine: Engine) => Promise<CallbackAnswers>> = {
  'the local engine': async (engine) => localCallbacks(engine),
  "Lambda's API": async (engine) => {
    const { endpoint } = await lambdaService({ engine });
    return lambdaCallbacks({ lambda: lambdaApi({ endpoint }), log: SILENT });
  },
};

beforeAll(fakeCredentials);

describe.each(Object.entries(ADAPTERS))('with %s', (_, adapter) => {
  async function waiting(config: object = {}) {
    const { promise: id, resolve } = Promise.withResolvers<string>();
    const engine = await engineFor(async (_input, context) => {
      try {
        return await context.waitForCallback('answer', async (callbackId: string) => resolve(callbackId), config);
      } catch (error) {
        return { failed: (error as Error).message };
      }
    });
    const answers = await adapter(engine);
    engine.startExecution('one', '{}');
    const callback: WaitingCallback = { executionId: 'one', callbackId: await id };
    return { engine, answers, callback };
  }

  test('the id is one that the service could have given', async () => {
    const { callback } = await waiting();
    expect(callback.callbackId).toMatch(/^[A-Za-z0-9+/]{20,1024}={0,2}$/);
  });

  test('the first answer counts, and later ones find the callback closed', async () => {
    const { engine, answers, callback } = await waiting();
    const result = JSON.stringify({ words: 'Grüße, 图片', more: '"\n' });
    expect(await answers.succeed(callback, result)).toBe('taken');
    expect(await answers.succeed(callback, '"second"')).toBe('closed');
    expect(await answers.fail(callback, { type: 'Late', message: 'third' })).toBe('closed');
    expect(await answers.heartbeat(callback)).toBe('closed');
    expect(resultOf(await engine.ended('one'))).toBe(result);
  });

  test('a failure reaches the waiting code with its message', async () => {
    const { engine, answers, callback } = await waiting();
    expect(await answers.fail(callback, { type: 'Refused', message: 'No agent came.' })).toBe('taken');
    expect(resultOf(await engine.ended('one'))).toEqual({ failed: 'No agent came.' });
  });

  test('a heartbeat is taken while the callback is open', async () => {
    const { engine, answers, callback } = await waiting({ heartbeatTimeout: { hours: 1 } });
    expect(await answers.heartbeat(callback)).toBe('taken');
    expect(await answers.succeed(callback, '1')).toBe('taken');
    expect(resultOf(await engine.ended('one'))).toBe('1');
  });

  test('a callback is closed once its execution has been stopped or forgotten, and if it never existed', async () => {
    const { engine, answers, callback } = await waiting();
    engine.stop('one');
    expect(await answers.succeed(callback, '1')).toBe('closed');
    await engine.ended('one');
    await expect.poll(() => engine.forget('one')).toBe(true); // its code is still ending
    expect(await answers.succeed(callback, '1')).toBe('closed');
    expect(await answers.heartbeat({ ...callback, callbackId: 'bmV2ZXIgZ2l2ZW4/+A==' })).toBe('closed');
  });

  test('a result of the largest size is taken, and one more byte is refused before anything is sent', async () => {
    const { engine, answers, callback } = await waiting();
    const largest = 'x'.repeat(CALLBACK_BYTES_MAX);
    await expect(answers.succeed(callback, `${largest}x`)).rejects.toThrow('too large');
    expect(engine.describe('one')?.status).toBe('RUNNING');
    const before = engine.describe('one')?.bytes ?? 0;
    expect(await answers.succeed(callback, largest)).toBe('taken');
    expect((engine.describe('one')?.bytes ?? 0) - before).toBeGreaterThanOrEqual(CALLBACK_BYTES_MAX);
    expect(resultOf(await engine.ended('one'))).toBe(largest);
  });
});

describe("Lambda's API", () => {
  test('that fails or throttles is a temporary error, and the callback stays open', async () => {
    const service = await lambdaService();
    const answers = lambdaCallbacks({ lambda: lambdaApi({ endpoint: service.endpoint }), log: SILENT });
    const callback = { executionId: 'one', callbackId: 'YQ==' };
    service.next.push(...Array(3).fill({ status: 500, type: 'ServiceException' }));
    await expect(answers.succeed(callback, '1')).rejects.toBeInstanceOf(TransientError);
    service.next.push(...Array(3).fill({ status: 429, type: 'TooManyRequestsException' }));
    await expect(answers.heartbeat(callback)).rejects.toMatchObject({ throttled: true });
  });
});
