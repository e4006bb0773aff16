// The same workflows under the SDK's test runner and under the engine: the same operations, by type, name and status.
// Sorted: which of two concurrent waits ends first is a matter of the clock, and the runner's skips.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DurableExecutionClient, type DurableLambdaHandler, withDurableExecution } from '@aws/durable-execution-sdk-js';
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEngine } from '../local/engine.ts';
import { type Node, type Outcome, perform, randomNodes, type World } from './support/random-workflow.ts';
import { seededRandom } from './support/seeded-random.ts';
import { virtualTime } from './support/virtual-time.ts';

interface Seen {
  result: unknown;
  operations: string[];
}

const SEEDS = Array.from({ length: 9 }, (_, seed) => seed + 1);
const WORLD: World = { ran() {}, sent() {} };
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

const onEngine = new Map<number, Seen>();

// The runner puts timers of its own over the process's, so that the engine goes first.
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-test-'));
  for (const seed of SEEDS) onEngine.set(seed, await underEngine(workflow(seed), join(folder, `${seed}.db`)));
  await rm(folder, { recursive: true });
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: true });
});
afterAll(() => LocalDurableTestRunner.teardownTestEnvironment());

const workflow = (seed: number) => asTheRunnerCan(randomNodes(seededRandom(seed), 'n'));

/** What the runner does not do by itself: answer callbacks, and let an invoked function invoke another. */
function asTheRunnerCan(nodes: readonly Node[], invoked = false): Node[] {
  return nodes.flatMap((node): Node[] => {
    if (node.kind === 'callback' || (node.kind === 'invoke' && invoked)) return [];
    if (node.kind === 'map') return [{ ...node, items: node.items.map((item) => asTheRunnerCan(item, invoked)) }];
    return 'nodes' in node ? [{ ...node, nodes: asTheRunnerCan(node.nodes, invoked || node.kind === 'invoke') }] : [node];
  });
}

function handlerWith(client?: DurableExecutionClient): DurableLambdaHandler {
  const body = async ({ nodes, throws }: { nodes: Node[]; throws?: boolean }, context: Parameters<typeof perform>[1]) => {
    const outcomes: Outcome[] = await perform(nodes, context, WORLD);
    if (throws) throw new Error('thrown');
    return outcomes;
  };
  return withDurableExecution(body, client && { durableExecutionClient: client });
}

async function underRunner(nodes: Node[]): Promise<Seen> {
  const runner = new LocalDurableTestRunner({ handlerFunction: handlerWith() });
  runner.registerDurableFunction('other:1', handlerWith());
  const execution = await runner.run({ payload: { nodes } });
  const operations = execution
    .getOperations()
    .map((operation) => seen(operation.getType(), operation.getName(), operation.getStatus()));
  return { result: execution.getResult(), operations: operations.sort() };
}

async function underEngine(nodes: Node[], file: string): Promise<Seen> {
  const invoke: Parameters<typeof openEngine>[0]['invoke'] = (event, client, timeoutMs) => {
    const context = { awsRequestId: 'request', functionName: 'f', getRemainingTimeInMillis: () => timeoutMs };
    return handlerWith(client)(event, context as Parameters<DurableLambdaHandler>[1]);
  };
  const time = virtualTime();
  const engine = openEngine({
    file,
    invoke,
    functions: { other: invoke },
    clock: { now: () => new Date() },
    log: SILENT,
    executionTimeoutMs: 1e10,
  });
  try {
    engine.startExecution('one', JSON.stringify({ nodes }));
    while (engine.describe('one')?.status === 'RUNNING' && (await time.advance()));
    const [, ...operations] = engine.operations('one'); // the first is the execution itself
    return {
      result: JSON.parse(engine.describe('one')?.result ?? 'null'),
      operations: operations.map(({ Type, Name, Status }) => seen(Type, Name, Status)).sort(),
    };
  } finally {
    time.restore();
    engine.close();
  }
}

function seen(...facts: (string | undefined)[]): string {
  return facts.join(' ');
}

test.each(SEEDS)('workflow %i has the same history and result', async (seed) => {
  const runner = await underRunner(workflow(seed));
  expect({ seed, ...onEngine.get(seed) }).toEqual({ seed, ...runner });
});
