// The durable engine from the view of a workflow: every kind of operation, resumed after every checkpoint.
import { type DurableContext, InvocationStatus, NestingType } from '@aws/durable-execution-sdk-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Engine, EngineOptions } from '../../local/engine/engine.ts';
import type { InvocationClient, Invoker } from '../../local/engine/invocation.ts';
import { engineIn, errorOf, invokerOf, resultOf, runOnce, type Workflow } from '../fixtures/engine-harness.ts';
import { temporaryFolder } from '../support/folder.ts';

async function engineFor(workflow: Workflow, more: Partial<EngineOptions> = {}): Promise<Engine> {
  return closing(engineIn(await temporaryFolder(), invokerOf(workflow), more));
}

function closing(engine: Engine): Engine {
  onTestFinished(() => engine.close());
  return engine;
}

const FLAT = { nesting: NestingType.FLAT, completionConfig: { toleratedFailurePercentage: 100 } };
const soon = { retryStrategy: (_: Error, attempt: number) => ({ shouldRetry: attempt < 3, delay: { seconds: 20 } }) };
const never = { retryStrategy: () => ({ shouldRetry: false }) };

describe('a workflow', () => {
  test('passes its input through steps to its result', async () => {
    const engine = await engineFor(async ({ n }: { n: number }, context) => {
      const doubled = await context.step('double', async () => n * 2);
      return await context.runInChildContext('child', (child) => child.step('add', async () => doubled + 1));
    });
    expect(resultOf(await runOnce(engine, { n: 20 }))).toBe(41);
    expect(engine.operations('one').map(({ Type, Name, Status }) => `${Type} ${Name} ${Status}`)).toEqual([
      'EXECUTION undefined STARTED',
      'STEP double SUCCEEDED',
      'CONTEXT child SUCCEEDED',
      'STEP add SUCCEEDED',
    ]);
  });

  test('fails with the error that it throws', async () => {
    const engine = await engineFor(async () => {
      throw new RangeError('too far');
    });
    const row = await runOnce(engine);
    expect(row.status).toBe('FAILED');
    expect(errorOf(row)).toMatchObject({ ErrorType: 'RangeError', ErrorMessage: 'too far' });
  });

  test('retries a step after its delay, and counts its attempts', async () => {
    const attempts: number[] = [];
    const engine = await engineFor((_, context) =>
      context.step(
        'shaky',
        async ({ attempt }: { attempt?: number }) => {
          attempts.push(attempt ?? 0);
          if (attempts.length < 3) throw new Error('not yet');
          return 'at last';
        },
        soon,
      ),
    );
    expect(resultOf(await runOnce(engine))).toBe('at last');
    expect(attempts).toEqual([1, 2, 3]);
    expect(engine.operations('one')[1]?.StepDetails?.Attempt).toBe(3);
  });

  test('is suspended while it waits, and continues when the time has come', async () => {
    let invocations = 0;
    let steps = 0;
    const engine = await engineFor(async (_, context) => {
      invocations += 1;
      await context.step('before', async () => steps++);
      await context.wait('a minute', { minutes: 1 });
      return await context.step('after', async () => steps++);
    });
    expect(resultOf(await runOnce(engine))).toBe(1);
    expect({ invocations, steps }).toEqual({ invocations: 2, steps: 2 });
  });

  test('maps over items although one fails permanently', async () => {
    const engine = await engineFor(async (_, context) => {
      const batch = await context.map(
        'tiles',
        [1, 2, 3, 4, 5],
        (child: DurableContext, item: number) =>
          child.step(`tile-${item}`, async () => (item === 3 ? Promise.reject(new Error('dark')) : item * item), never),
        { ...FLAT, maxConcurrency: 2 },
      );
      return { results: batch.getResults(), failed: batch.failed().map(({ index }) => index), reason: batch.completionReason };
    });
    expect(resultOf(await runOnce(engine))).toEqual({ results: [1, 4, 16, 25], failed: [2], reason: 'ALL_COMPLETED' });
  });

  test('resumes with more operations than one page of state holds', async () => {
    const bodies = new Map<number, number>();
    const items = Array.from({ length: 2_400 }, (_, index) => index);
    const engine = await engineFor(async (_, context) => {
      const batch = await context.map(
        'many',
        items,
        (child: DurableContext, item: number) =>
          child.step(`n-${item}`, async () => {
            bodies.set(item, (bodies.get(item) ?? 0) + 1);
            return item;
          }),
        { ...FLAT, maxConcurrency: 200 },
      );
      await context.wait('between', { seconds: 1 });
      return batch.getResults().reduce((sum, item) => sum + item, 0);
    });
    expect(resultOf(await runOnce(engine))).toBe((2_400 * 2_399) / 2);
    expect(bodies.size).toBe(2_400);
    expect(new Set(bodies.values())).toEqual(new Set([1]));
  });

  test('replays a map through its items if the map is too large for one checkpoint', async () => {
    let bodies = 0;
    const engine = await engineFor(async (_, context) => {
      const batch = await context.map(
        'large',
        [1, 2, 3, 4],
        (child: DurableContext, item: number) =>
          child.step(`large-${item}`, async () => {
            bodies += 1;
            return String(item).repeat(100_000);
          }),
        FLAT,
      );
      await context.wait('between', { seconds: 1 });
      return batch.getResults().map((text) => `${text[0]}${text.length}`);
    });
    expect(resultOf(await runOnce(engine))).toEqual(['1100000', '2100000', '3100000', '4100000']);
    expect(bodies).toBe(4);
    expect(engine.operations('one')[1]?.ContextDetails?.ReplayChildren).toBe(true);
  });

  test('keeps the whole of a result over 6 MB', async () => {
    const engine = await engineFor(async () => 'x'.repeat(7_000_000));
    expect(resultOf(await runOnce(engine))).toHaveLength(7_000_000);
  });
});

describe('an execution', () => {
  test('is found again by its name and input, and refuses another input', async () => {
    const engine = await engineFor(async (input: number) => input);
    expect(engine.startExecution('n', '1')).toEqual({ created: true });
    expect(engine.startExecution('n', '1')).toEqual({ created: false });
    await engine.ended('n');
    expect(engine.startExecution('n', '1')).toEqual({ created: false });
    const refusal = expect.objectContaining({ name: 'DurableExecutionAlreadyStartedException' });
    expect(() => engine.startExecution('n', '2')).toThrow(refusal);
  });

  test('fails if its invocation ends as PENDING and nothing will wake it', async () => {
    const invoke: Invoker = async () => ({ Status: InvocationStatus.PENDING });
    const engine = closing(engineIn(await temporaryFolder(), invoke));
    expect(errorOf(await runOnce(engine)).ErrorMessage).toBe('Cannot return PENDING status with no pending operations.');
  });

  test('survives a stale token: only the invocation that holds it ends', async () => {
    const clients: { client: InvocationClient; token: string; arn: string }[] = [];
    const body: Workflow = (_, context) => context.step('s', async () => 'done');
    const invoke: Invoker = async (event, client, timeoutMs, abandoned) => {
      clients.push({ client, token: event.CheckpointToken, arn: event.DurableExecutionArn });
      if (clients.length === 1) throw new Error('the process was lost');
      const [first] = clients;
      await expect(
        first?.client.checkpoint({ DurableExecutionArn: first.arn, CheckpointToken: first.token, Updates: [] }),
      ).rejects.toMatchObject({ message: 'Invalid checkpoint token', scope: 'INVOCATION' });
      return await invokerOf(body)(event, client, timeoutMs, abandoned);
    };
    const engine = closing(engineIn(await temporaryFolder(), invoke));
    expect(resultOf(await runOnce(engine))).toBe('done');
  });

  test('is invoked again after each crash, with a growing delay, and fails if it makes no progress', async () => {
    const delays: number[] = [];
    const invoke: Invoker = async () => {
      throw new Error('no output');
    };
    const afterDelay = (ms: number, work: () => void) => {
      if (ms <= 60_000) delays.push(ms);
      const timer = setTimeout(work, 0);
      return () => clearTimeout(timer);
    };
    const clock = { now: () => new Date(0) };
    const engine = closing(engineIn(await temporaryFolder(), invoke, { afterDelay, clock, executionTimeoutMs: 100_000 }));
    const row = await runOnce(engine);
    expect(errorOf(row).ErrorMessage).toMatch(/crashed 8 times in a row/);
    expect(delays.slice(0, 7)).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 12_800]);
  });
});

describe('after a restart', () => {
  const items = [0, 1, 2, 3, 4, 5];

  function workflowCounting(bodies: Map<string, number>): Workflow {
    const counted = async <T>(name: string, result: T) => {
      bodies.set(name, (bodies.get(name) ?? 0) + 1);
      return result;
    };
    return async (_, context) => {
      await context.step('first', () => counted('first', 1));
      const batch = await context.map(
        'tiles',
        items,
        (child: DurableContext, item: number) => child.step(`tile-${item}`, () => counted(`tile-${item}`, item)),
        { ...FLAT, maxConcurrency: 2 },
      );
      await context.wait('pause', { seconds: 5 });
      const nested = await context.map('nested', items.slice(0, 3), (child: DurableContext, item: number) =>
        child.step(`nested-${item}`, () => counted(`nested-${item}`, item)),
      );
      return batch.totalCount + (await context.step('last', () => counted('last', nested.totalCount)));
    };
  }

  test('at any checkpoint, finished steps do not run again, and the result is the same', async () => {
    const KILLS_MAX = 60;
    let killed = 0;
    for (let n = 0; n < KILLS_MAX; n++) {
      const folder = await temporaryFolder();
      const bodies = new Map<string, number>();
      const finished = new Set<string>();
      const workflow = workflowCounting(bodies);
      const { promise: reached, resolve: reach } = Promise.withResolvers<true>();
      let checkpoints = 0;
      // The engine closes just before checkpoint n, which never reaches the disk.
      const first = engineIn(
        folder,
        invokerOf(workflow, (updates) => {
          if (checkpoints++ === n) {
            first.close();
            reach(true);
          } else if (checkpoints <= n) {
            for (const { Action, Name } of updates) if (Action === 'SUCCEED') finished.add(String(Name));
          }
        }),
      );
      first.startExecution('one', '{}');
      const closed = await Promise.race([reached, first.ended('one')]);
      if (closed !== true) {
        first.close();
        expect(resultOf(closed)).toBe(9);
        break;
      }
      killed += 1;
      const done = new Map([...bodies].filter(([name]) => finished.has(name)));
      const second = engineIn(folder, invokerOf(workflow));
      second.start();
      expect(resultOf(await second.ended('one')), `killed at checkpoint ${n}`).toBe(9);
      second.close();
      for (const [name, times] of done) expect(bodies.get(name), `${name}, killed at checkpoint ${n}`).toBe(times);
    }
    expect(killed).toBeGreaterThan(5);
    expect(killed).toBeLessThan(KILLS_MAX);
  });

  test('a wait that has ended meanwhile continues at once', async () => {
    const folder = await temporaryFolder();
    const workflow: Workflow = async (_, context) => {
      await context.wait('a minute', { minutes: 1 });
      return 'continued';
    };
    const { promise: suspended, resolve: suspend } = Promise.withResolvers<void>();
    const first = engineIn(folder, async (...invocation) => {
      const output = await invokerOf(workflow)(...invocation);
      suspend();
      return output;
    });
    first.startExecution('one', '{}');
    await suspended;
    first.close();
    const second = closing(engineIn(folder, invokerOf(workflow)));
    second.start();
    expect(resultOf(await second.ended('one'))).toBe('continued');
  });
});
