// Runs one random workflow on the engine, kills it at random checkpoints in virtual time, and compares the result with the oracle's.
import { rmSync } from 'node:fs';
import { type DurableExecutionClient, withDurableExecution } from '@aws/durable-execution-sdk-js';
import { type Engine, openEngine } from '../../local/engine/engine.ts';
import type { Invoker } from '../../local/engine/invocation.ts';
import { ProcessLost, stepGatePlugin } from '../../local/engine/step-gate.ts';
import { expectedOf, type Node, type Outcome, perform, randomNodes, type World } from './random-workflow.ts';
import { type Random, seededRandom } from './seeded-random.ts';
import { virtualTime } from './virtual-time.ts';

export interface ChaosRun {
  seed: number;
  kills: number;
  invocations: number;
  operations: number;
  expected: Outcome[];
  result: Outcome[] | string;
  /** Steps that ran again although their end had been acknowledged. */
  repeated: string[];
}

type Fate =
  | 'lives'
  | 'engine dies before'
  | 'engine dies after'
  | 'process dies before'
  | 'process dies after'
  | 'invocation throws';

const KILL_CHANCE = 0.12;
const ENGINE_KILLS_MAX = 20;
const PROCESS_KILLS_MAX = 2; // a step that was alone in a third one would fail as a poison step
const THROWS_MAX = 4;
const ADVANCES_MAX = 20_000;
const NEVER = new Promise<never>(() => {});
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** Creates `file` and deletes it. */
export async function chaosRun(seed: number, file: string): Promise<ChaosRun> {
  const time = virtualTime();
  try {
    return await killedRun(seed, file, time);
  } finally {
    time.restore();
    for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
  }
}

async function killedRun(seed: number, file: string, time: ReturnType<typeof virtualTime>): Promise<ChaosRun> {
  const random = seededRandom(seed);
  const nodes = randomNodes(random, 'n');
  const fate = fates(random);
  const ended = new Set<string>();
  const run: ChaosRun = { seed, kills: 0, invocations: 0, operations: 0, expected: expectedOf(nodes), result: [], repeated: [] };
  let generation = 0;
  let engine: Engine;

  const world: World = {
    ran: (name) => void (ended.has(name) && run.repeated.push(name)),
    sent: (_, callbackId, { answer, afterMs }) => {
      if (answer === 'succeed') time.outside(afterMs, () => answered(() => engine.succeedCallback(callbackId, 'yes')));
      if (answer === 'fail') time.outside(afterMs, () => answered(() => engine.failCallback(callbackId, { ErrorType: 'No' })));
    },
  };

  const invoke: Invoker = async (event, client, timeoutMs) => {
    run.invocations++;
    const born = generation;
    let lost: ((error: Error) => void) | null = null;
    const crash = new Promise<never>((_, reject) => {
      lost = reject;
    });
    const dies = async (how: Fate): Promise<never> => {
      run.kills++;
      if (how.startsWith('engine')) restart();
      else lost?.(how === 'invocation throws' ? new Error('no room') : new ProcessLost('killed'));
      lost = null;
      return await NEVER;
    };
    const isGone = () => born !== generation || lost === null;
    const killing: DurableExecutionClient = {
      getExecutionState: async (request) => (isGone() ? await NEVER : await client.getExecutionState(request)),
      async checkpoint(request) {
        if (isGone()) return await NEVER;
        const how = fate();
        if (how !== 'lives' && !how.endsWith('after')) return await dies(how);
        const response = await client.checkpoint(request);
        for (const { Type, Action, Name = '' } of request.Updates ?? []) {
          if (Type === 'STEP' && (Action === 'SUCCEED' || Action === 'FAIL')) ended.add(Name);
        }
        return how === 'lives' ? response : await dies(how);
      },
    };
    const handler = withDurableExecution(
      async ({ nodes: asked, throws }: { nodes: Node[]; throws?: boolean }, context) => {
        const outcomes = await perform(asked, context, world);
        if (throws) throw new Error('thrown');
        return outcomes;
      },
      { durableExecutionClient: killing, plugins: [stepGatePlugin(client)] },
    );
    const endsMs = Date.now() + timeoutMs;
    const context = { awsRequestId: 'request', functionName: 'f', getRemainingTimeInMillis: () => endsMs - Date.now() };
    const copy = JSON.parse(JSON.stringify(event));
    return await Promise.race([crash, handler(copy, context as Parameters<typeof handler>[1])]);
  };

  const opened = () =>
    openEngine({
      file,
      invoke,
      functions: { other: invoke },
      clock: { now: () => new Date() },
      log: SILENT,
      executionTimeoutMs: 1e10,
    });
  function restart(): void {
    generation++;
    engine.close();
    time.forgetTimers();
    engine = opened();
    engine.start();
  }

  engine = opened();
  engine.start();
  engine.startExecution('chaos', JSON.stringify({ nodes }));
  for (let advances = 0; engine.describe('chaos')?.status === 'RUNNING' && advances < ADVANCES_MAX; advances++) {
    if (!(await time.advance())) break;
  }
  const row = engine.describe('chaos');
  run.result = row?.status === 'SUCCEEDED' ? JSON.parse(row.result ?? 'null') : `${row?.status} ${row?.error}`;
  run.operations = engine.operations('chaos').length;
  generation++;
  engine.close();
  time.forgetTimers();
  return run;
}

function fates(random: Random): () => Fate {
  const left = { engine: ENGINE_KILLS_MAX, process: PROCESS_KILLS_MAX, invocation: THROWS_MAX };
  return () => {
    if (random.next() > KILL_CHANCE) return 'lives';
    const fate = random.oneOf([
      'engine dies before',
      'engine dies after',
      'process dies before',
      'process dies after',
      'invocation throws',
    ] as const);
    const [who] = fate.split(' ') as [keyof typeof left];
    return left[who]-- > 0 ? fate : 'lives';
  };
}

/** Ignores the refusal of a second result: after a kill, the step that requested it may have run again. */
function answered(answer: () => void): void {
  try {
    answer();
  } catch {}
}
