// Random workflows, killed at random checkpoints, under a clock a thousand times as fast: what survives must equal what
// their description alone says, and no step runs again once it is on disk. The seed of a failure is printed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DurableContext, NestingType, withDurableExecution } from '@aws/durable-execution-sdk-js';
import { crashGuard } from '../local/crash-guard.ts';
import { type Engine, type Invoker, openEngine } from '../local/engine.ts';
import { ServiceError } from '../local/service-error.ts';
import type { Log } from '../pipeline/ports.ts';
import type { BenchResult } from './run.ts';

const SEEDS = 500;
const SPEED = 1_000;
const KILL_CHANCE = 0.25;
const KILLS_MAX = 12; // of one workflow: then it may finish
const CONCURRENCY = 8;

type Node =
  | { kind: 'step'; name: string; failures: number; fatal: boolean }
  | { kind: 'wait'; name: string; seconds: number }
  | { kind: 'callback'; name: string; answered: boolean }
  | { kind: 'map'; name: string; flat: boolean; concurrency: number; items: Node[] }
  | { kind: 'invoke'; name: string; child: Node[] };

/** Bodies of steps that ran after their success was on disk: must stay empty. */
interface Witness {
  recorded: Set<string>;
  repeated: string[];
  kills: number;
}

export async function run(seeds = SEEDS): Promise<BenchResult> {
  const failures: string[] = [];
  let kills = 0;
  let next = 1;
  const from = performance.now();
  const worker = async () => {
    for (let seed = next++; seed <= seeds; seed = next++) {
      const outcome = await trial(seed);
      kills += outcome.kills;
      if (outcome.problem) failures.push(`seed ${seed}: ${outcome.problem}`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  for (const failure of failures) console.error(failure);
  const figures = { seeds, kills, failures: failures.length, seconds: Math.round((performance.now() - from) / 1_000) };
  return { figures, bars: { failures: '= 0', kills: '>= seeds' }, pass: failures.length === 0 && kills >= seeds };
}

/** One workflow under kills. `problem` is null when it ends as it must. */
export async function trial(seed: number): Promise<{ kills: number; problem: string | null }> {
  const nodes = workflowOf(randomOf(seed));
  const { result, witness } = await ended(nodes, randomOf(seed + 1_000_000));
  const expected = `SUCCEEDED ${JSON.stringify(nodes.map(expectedOf))}`;
  const { kills, repeated } = witness;
  if (result !== expected) return { kills, problem: `expected ${expected}, got ${result}` };
  return { kills, problem: repeated.length > 0 ? `done again after it was on disk: ${repeated.join(', ')}` : null };
}

/** What a node must come to, by its description alone. */
function expectedOf(node: Node): string {
  if (node.kind === 'step') return node.fatal ? `${node.name} failed` : node.name;
  if (node.kind === 'callback') return node.answered ? 'answered' : 'Callback timed out';
  if (node.kind === 'map') return `[${node.items.map(expectedOf).join()}]`;
  return node.kind === 'invoke' ? JSON.stringify(node.child.map(expectedOf)) : node.name;
}

async function ended(nodes: Node[], random: () => number): Promise<{ result: string; witness: Witness }> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-chaos-'));
  const witness: Witness = { recorded: new Set(), repeated: [], kills: 0 };
  const current: { engine: Engine | null } = { engine: null };
  try {
    while (true) {
      const { promise: killed, resolve: kill } = Promise.withResolvers<null>();
      const { promise: broken, reject: breakUp } = Promise.withResolvers<never>();
      const die = () => {
        if (current.engine !== engine) return false; // what a killed process still does reaches nobody
        engine.close();
        current.engine = null;
        kill(null);
        return true;
      };
      const engine: Engine = openEngine({
        file: join(folder, 'engine.db'),
        invoke: invokerOf(nodes, witness, random, die, (callbackId) => answer(current, callbackId)),
        clock: fastClock,
        afterDelay: fastTimers,
        log: { ...silent, error: (facts, sentence) => breakUp(new Error(`${sentence} ${JSON.stringify(facts)}`)) },
        executionTimeoutMs: 1_000 * 24 * 3_600_000,
      });
      current.engine = engine;
      engine.startExecution('one', '{}');
      engine.start();
      const row = await Promise.race([engine.ended('one'), killed, broken]);
      if (row) {
        current.engine = null;
        engine.close();
        return { result: `${row.status} ${row.result ?? row.error}`, witness };
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function invokerOf(
  nodes: Node[],
  witness: Witness,
  random: () => number,
  kill: () => boolean,
  submitted: (callbackId: string) => void,
): Invoker {
  const maybeKill = () => {
    if (witness.kills >= KILLS_MAX || random() > KILL_CHANCE) return;
    if (!kill()) return;
    witness.kills += 1;
    throw new Error('killed');
  };
  return async (event, client, timeoutMs) => {
    const watched = {
      ...client,
      checkpoint: async (request: Parameters<typeof client.checkpoint>[0]) => {
        maybeKill(); // before it is on disk
        const response = await client.checkpoint(request);
        for (const { Type, Action, Name } of request.Updates ?? []) {
          if (Type === 'STEP' && Action === 'SUCCEED') witness.recorded.add(String(Name));
        }
        maybeKill(); // on disk, but nobody heard
        return response;
      },
    };
    const body = async (input: { child?: Node[] }, context: DurableContext) =>
      await all(input.child ?? nodes, context, witness, submitted);
    const deadline = Date.now() + timeoutMs;
    const context = { awsRequestId: 'chaos', getRemainingTimeInMillis: () => deadline - Date.now() };
    const handler = withDurableExecution(body, { durableExecutionClient: watched, plugins: [crashGuard(client)] });
    return await handler(event, context as never);
  };
}

async function all(nodes: Node[], context: DurableContext, witness: Witness, submitted: (id: string) => void): Promise<string[]> {
  const results: string[] = [];
  for (const node of nodes) results.push(await one(node, context, witness, submitted));
  return results;
}

async function one(node: Node, context: DurableContext, witness: Witness, submitted: (id: string) => void): Promise<string> {
  const { name } = node;
  switch (node.kind) {
    case 'step': {
      const body = async ({ attempt = 1 }: { attempt?: number }) => {
        if (witness.recorded.has(name)) witness.repeated.push(name);
        if (attempt <= node.failures) throw new Error(`${name} failed`);
        return name;
      };
      const attempts = node.fatal ? node.failures : node.failures + 1;
      const retryStrategy = (_: Error, attempt: number) => ({ shouldRetry: attempt < attempts, delay: { seconds: 3 } });
      return await context.step(name, body, { retryStrategy }).catch((error) => (error as Error).message);
    }
    case 'wait':
      await context.wait(name, { seconds: node.seconds });
      return name;
    case 'callback': {
      const submitter = async (callbackId: string) => (node.answered ? submitted(callbackId) : undefined);
      const timeout = node.answered ? { hours: 20 } : { seconds: 9 };
      return await context.waitForCallback(name, submitter, { timeout }).catch((error) => (error as Error).message);
    }
    case 'invoke':
      return JSON.stringify(await context.invoke(name, 'tilesight:1', { child: node.child }));
    case 'map': {
      const batch = await context.map(name, node.items, (child, item: Node) => one(item, child, witness, submitted), {
        nesting: node.flat ? NestingType.FLAT : NestingType.NESTED,
        maxConcurrency: node.concurrency,
        completionConfig: { toleratedFailurePercentage: 100 },
      });
      return `[${batch.getResults().join()}]`;
    }
  }
}

function workflowOf(random: () => number): Node[] {
  let names = 0;
  const upTo = (max: number) => Math.floor(random() * max);
  const leaf = (): Node => {
    const name = `n-${names++}`;
    const kind = upTo(10);
    if (kind < 7) {
      const fatal = upTo(8) === 0;
      return { kind: 'step', name, failures: fatal ? 2 : upTo(6) === 0 ? 1 + upTo(2) : 0, fatal };
    }
    return kind < 9 ? { kind: 'wait', name, seconds: 1 + upTo(9) } : { kind: 'callback', name, answered: upTo(3) > 0 };
  };
  const list = (max: number, make: () => Node) => Array.from({ length: 1 + upTo(max) }, make);
  const node = (): Node => {
    const kind = upTo(10);
    const name = `n-${names++}`;
    if (kind < 5) return leaf();
    if (kind < 9) return { kind: 'map', name, flat: upTo(2) === 0, concurrency: 1 + upTo(4), items: list(5, leaf) };
    return { kind: 'invoke', name, child: list(3, leaf) };
  };
  return list(5, node);
}

/** Whoever answers callbacks does it whichever engine lives: again and again, until one has heard. */
function answer(current: { engine: Engine | null }, callbackId: string): void {
  setTimeout(() => {
    try {
      if (current.engine) current.engine.succeedCallback(callbackId, 'answered');
      else answer(current, callbackId);
    } catch (error) {
      if (!(error instanceof ServiceError)) answer(current, callbackId);
    }
  }, 1);
}

/** mulberry32: small, seeded, good enough to choose by. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const began = Date.now();
const fastClock = { now: () => new Date(began + (Date.now() - began) * SPEED) };
const fastTimers = (ms: number, work: () => void) => {
  const timer = setTimeout(work, ms / SPEED);
  return () => clearTimeout(timer);
};
