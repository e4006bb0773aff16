// Everything that changes an execution between invocations: callbacks, chained invocations, its timeout and a stop. Also the limits
// of the service, which refuse a start or an update.
import type { DurableContext } from '@aws/durable-execution-sdk-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Engine, EngineOptions } from '../../local/engine/engine.ts';
import { checkExecution } from '../../local/engine/service-limits.ts';
import { engineIn, errorOf, invokerOf, resultOf, runOnce, SPEED, type Workflow } from '../fixtures/engine-harness.ts';
import { temporaryFolder } from '../support/folder.ts';

async function engineFor(workflow: Workflow, more: Partial<EngineOptions> = {}): Promise<Engine> {
  const engine = engineIn(await temporaryFolder(), invokerOf(workflow), more);
  onTestFinished(() => engine.close());
  return engine;
}

const once = { retryStrategy: () => ({ shouldRetry: false }) };

describe('a callback', () => {
  function waiting(config: object = {}): { workflow: Workflow; id: Promise<string> } {
    const { promise: id, resolve } = Promise.withResolvers<string>();
    const workflow: Workflow = async (_, context) => {
      try {
        return await context.waitForCallback('approval', async (callbackId: string) => resolve(callbackId), config);
      } catch (error) {
        const { name, message } = error as Error;
        return { name, message };
      }
    };
    return { workflow, id };
  }

  test('gives its result to the waiting workflow', async () => {
    const { workflow, id } = waiting();
    const engine = await engineFor(workflow);
    engine.startExecution('one', '{}');
    engine.succeedCallback(await id, 'yes');
    expect(resultOf(await engine.ended('one'))).toBe('yes');
  });

  test('gives its failure to the waiting workflow', async () => {
    const { workflow, id } = waiting();
    const engine = await engineFor(workflow);
    engine.startExecution('one', '{}');
    engine.failCallback(await id, { ErrorType: 'Refused', ErrorMessage: 'not today' });
    expect(resultOf(await engine.ended('one'))).toMatchObject({ message: 'not today' });
  });

  test('times out without a result', async () => {
    const { workflow, id } = waiting({ timeout: { seconds: 20 } });
    const engine = await engineFor(workflow);
    expect(resultOf(await runOnce(engine))).toMatchObject({ message: 'Callback timed out' });
    expect(engine.operations('one').find(({ Type }) => Type === 'CALLBACK')?.Status).toBe('TIMED_OUT');
    const late = expect.objectContaining({ name: 'CallbackTimeoutException' });
    expect(() => engine.succeedCallback('x')).toThrow(expect.objectContaining({ name: 'ResourceNotFoundException' }));
    const callbackId = await id;
    expect(() => engine.succeedCallback(callbackId)).toThrow(late);
    expect(() => engine.heartbeatCallback(callbackId)).toThrow(late);
  });

  test('stays open as long as heartbeats arrive, and no longer', async () => {
    const { workflow, id } = waiting({ timeout: { hours: 10 }, heartbeatTimeout: { seconds: 300 } });
    const engine = await engineFor(workflow);
    engine.startExecution('one', '{}');
    const callbackId = await id;
    for (let beats = 0; beats < 5; beats++) {
      engine.heartbeatCallback(callbackId);
      await new Promise((resolve) => setTimeout(resolve, 100_000 / SPEED));
    }
    expect(engine.describe('one')?.status).toBe('RUNNING');
    expect(resultOf(await engine.ended('one'))).toMatchObject({ message: 'Callback timed out on heartbeat' });
  });
});

describe('a chained invocation', () => {
  const shards: Workflow = async (input: { n: number } | undefined, context) => {
    if (input?.n === 13) throw new Error('unlucky');
    if (input?.n !== undefined) return await context.step('square', async () => input.n * input.n);
    const batch = await context.map('shards', [1, 2, 3], (child: DurableContext, n: number) =>
      child.invoke(`shard-${n}`, 'arn:aws:lambda:eu-west-1:1:function:tilesight:live', { n }),
    );
    const unlucky = await context.invoke('unlucky', 'tilesight', { n: 13 }).catch((error) => (error as Error).message);
    const missing = await context.invoke('missing', 'no-such-function:1', {}).catch((error) => (error as Error).message);
    return { squares: batch.getResults(), unlucky, missing };
  };

  test('runs as an execution of its own, and returns its result or its error', async () => {
    const engine = await engineFor(async (input: { n?: number }, context) =>
      shards((input.n === undefined ? undefined : input) as never, context),
    );
    const { squares, unlucky, missing } = resultOf(await runOnce(engine)) as Record<string, unknown>;
    expect(squares).toEqual([1, 4, 9]);
    expect(unlucky).toBe('unlucky');
    expect(missing).toBe('Function not found: no-such-function:1');
    const all = { statuses: ['SUCCEEDED', 'FAILED'] as const, startedAfter: 0, startedBefore: Number.MAX_SAFE_INTEGER };
    const rows = engine.list({ ...all, newestFirst: false, after: null, limit: 100 });
    expect(rows.map(({ status }) => status).sort()).toEqual(['FAILED', 'SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
  });
});

describe('an execution', () => {
  test('times out even while it is suspended', async () => {
    const engine = await engineFor((_, context) => context.wait('long', { hours: 2 }), { executionTimeoutMs: 60_000 });
    const row = await runOnce(engine);
    expect(row.status).toBe('TIMED_OUT');
    expect(errorOf(row).ErrorMessage).toBe('The execution did not end within 60 s.');
  });

  test('ends at once when it is stopped; later checkpoints of its code are refused', async () => {
    const { promise: running, resolve: runs } = Promise.withResolvers<void>();
    const { promise: gate, resolve: go } = Promise.withResolvers<void>();
    const { promise: refused, resolve: refuse } = Promise.withResolvers<unknown>();
    const body: Workflow = async (_, context) => {
      await context.step('long', async () => {
        runs();
        await gate;
      });
      return 'too late';
    };
    const engine = engineIn(await temporaryFolder(), (...invocation) =>
      invokerOf(body)(...invocation).catch((error) => {
        refuse(error);
        throw error;
      }),
    );
    onTestFinished(() => engine.close());
    engine.startExecution('one', '{}');
    await running;
    expect(engine.stop('one', { ErrorType: 'Cancelled', ErrorMessage: 'by the caller' })?.status).toBe('STOPPED');
    const row = await engine.ended('one');
    go();
    await refused;
    expect(engine.describe('one')).toEqual(row);
    expect(engine.stop('one')).toEqual(row);
    expect(engine.stop('unknown')).toBeNull();
  });

  test('is deleted with all its rows when its retention time is over', async () => {
    const folder = await temporaryFolder();
    const workflow: Workflow = (_, context) => context.step('s', async () => 1);
    const first = engineIn(folder, invokerOf(workflow));
    await runOnce(first, {}, 'old');
    first.close();
    const second = engineIn(folder, invokerOf(workflow), { retentionMs: -1_000_000 });
    onTestFinished(() => second.close());
    second.startExecution('running', '1');
    second.start();
    expect(second.describe('old')).toBeNull();
    expect(second.operations('old')).toEqual([]);
    expect(resultOf(await second.ended('running'))).toBe(1);
  });
});

describe('the limits of the service', () => {
  test.each([
    ['', '1'],
    ['a b', '1'],
    ['x'.repeat(65), '1'],
    ['fine', `"${'x'.repeat(1_048_576)}"`],
  ])('refuse a start: %.70s', async (name, input) => {
    const engine = await engineFor(async () => 1);
    expect(() => engine.startExecution(name, input)).toThrow(expect.objectContaining({ name: 'InvalidParameterValueException' }));
    expect(engine.describe(name)).toBeNull();
  });

  test.each<[string, Workflow, RegExp]>([
    [
      'a step result over 256 KB',
      (_, context) => context.step('big', async () => 'x'.repeat(262_144)),
      /STEP output payload size must be less than or equal to 262144 bytes/,
    ],
    ['an operation name that is not ASCII', (_, context) => context.step('größe', async () => 1, once), /operation name/],
    ['an operation name over 256 characters', (_, context) => context.step('x'.repeat(257), async () => 1), /operation name/],
    [
      'an error over 32 KB',
      (_, context) => context.step('e', async () => Promise.reject(new Error('x'.repeat(40_000))), once),
      /Error object size must be less than 32768 bytes/,
    ],
    [
      'more than 3,000 operations',
      (_, context) =>
        context.map('all', Array.from({ length: 3_000 }), (child: DurableContext) => child.wait('w', { seconds: 900 })),
      /at most 3000 operations/,
    ],
  ])('end an execution with %s, with a message', async (_, workflow, sentence) => {
    const engine = await engineFor(workflow);
    const row = await runOnce(engine);
    expect(row.status).toBe('FAILED');
    expect(errorOf(row).ErrorMessage).toMatch(sentence);
    expect(row.operations).toBeLessThanOrEqual(3_000);
  });

  test('count retries as operations', async () => {
    const retry = { retryStrategy: (_: Error, attempt: number) => ({ shouldRetry: attempt < 4, delay: { seconds: 1 } }) };
    const engine = await engineFor((_, context) => context.step('s', async () => Promise.reject(new Error('no')), retry));
    const row = await runOnce(engine);
    expect(row.operations).toBe(5);
  });

  test('end an execution that grows beyond 100 MB, counting the payloads of its operations', async () => {
    const engine = await engineFor((_, context) => context.step('s', async () => 'x'.repeat(1_000)));
    expect((await runOnce(engine)).bytes).toBe(2 + 1_002);
    const size = { operations: 1, bytes: 104_857_600 };
    expect(() => checkExecution(size)).not.toThrow();
    expect(() => checkExecution({ ...size, bytes: size.bytes + 1 })).toThrow(/at most 104857600 bytes/);
  });
});
