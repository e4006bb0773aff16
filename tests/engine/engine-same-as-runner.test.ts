// The same workflow under the service's own test runner and under the engine: the same operations, by type, name and status.
import { type DurableContext, NestingType, withDurableExecution } from '@aws/durable-execution-sdk-js';
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { engineIn, invokerOf, type Workflow } from '../fixtures/engine-harness.ts';
import { temporaryFolder } from '../support/folder.ts';

const retry = { retryStrategy: (_: Error, attempt: number) => ({ shouldRetry: attempt < 3, delay: { seconds: 1 } }) };
const all = { completionConfig: { toleratedFailurePercentage: 100 } };
const failing = async () => Promise.reject(new Error('always'));
const item = (child: DurableContext, n: number) =>
  child.step(`item-${n}`, n === 2 ? failing : async () => n, { retryStrategy: () => ({ shouldRetry: false }) });

const WORKFLOWS: [string, Workflow][] = [
  [
    'steps, a child context and a wait',
    async (_, context) => {
      await context.step('first', async () => 1);
      await context.runInChildContext('child', (child) => child.step('inner', async () => 2));
      await context.wait('pause', { seconds: 2 });
      return await context.step('last', async () => 3);
    },
  ],
  ['a map FLAT with a failing item', (_, context) => context.map('m', [1, 2, 3], item, { ...all, nesting: NestingType.FLAT })],
  ['a map NESTED with a failing item', (_, context) => context.map('m', [1, 2, 3], item, { ...all, maxConcurrency: 2 })],
  ['a step that is retried and fails', (_, context) => context.step('shaky', failing, retry).catch(() => 'gave up')],
  [
    'parallel branches, one of them with a wait',
    (_, context) =>
      context.parallel('both', [
        { name: 'waits', func: (child: DurableContext) => child.wait('w', { seconds: 1 }) },
        { name: 'works', func: (child: DurableContext) => child.step('s', async () => 1) },
      ]),
  ],
  [
    'a callback that times out',
    (_, context) => context.waitForCallback('approval', async () => {}, { timeout: { seconds: 1 } }).catch(() => 'timed out'),
  ],
  ['an uncaught error', (_, context) => context.step('fails', failing, { retryStrategy: () => ({ shouldRetry: false }) })],
];

describe('the engine leaves the same operations as the test runner of the service:', () => {
  beforeAll(() => LocalDurableTestRunner.setupTestEnvironment({ skipTime: true }));
  afterAll(() => LocalDurableTestRunner.teardownTestEnvironment());

  const underRunner = new Map<string, { status: unknown; operations: string[] }>();

  test.each(WORKFLOWS)('%s', async (name, workflow) => {
    const runner = new LocalDurableTestRunner({ handlerFunction: withDurableExecution(workflow as never) });
    const result = await runner.run({ payload: {} });
    const operations = result.getOperations().map((operation) => {
      return `${operation.getType()} ${operation.getName()} ${operation.getStatus()}`;
    });
    underRunner.set(name, { status: result.getStatus(), operations });
    expect(operations.length).toBeGreaterThan(0);
  });

  // Outside the runner's fake clock.
  describe('and so does the engine', () => {
    beforeAll(() => LocalDurableTestRunner.teardownTestEnvironment());
    afterAll(() => LocalDurableTestRunner.setupTestEnvironment({ skipTime: true }));

    test.each(WORKFLOWS)('%s', async (name, workflow) => {
      const engine = engineIn(await temporaryFolder(), invokerOf(workflow));
      onTestFinished(() => engine.close());
      engine.startExecution('one', '{}');
      const { status } = await engine.ended('one');
      const operations = engine
        .operations('one')
        .filter(({ Type }) => Type !== 'EXECUTION')
        .map(({ Type, Name, Status }) => `${Type} ${Name} ${Status}`);
      expect({ status, operations: operations.sort() }).toEqual({
        status: underRunner.get(name)?.status,
        operations: underRunner.get(name)?.operations.sort(),
      });
    });
  });
});
