// Two stores hold the truth about an execution: the engine's database and the folder. Whatever is killed, purged, deleted or lost, an
// execution has one of the documented states and never shows findings of an earlier run.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type DurableContext, withDurableExecution } from '@aws/durable-execution-sdk-js';
import { expect, test } from 'vitest';
import { type Engine, openEngine } from '../../local/engine/engine.ts';
import { localLauncher } from '../../local/engine/local-launcher.ts';
import type { ToolDeps } from '../../mcp-server/access/deps.ts';
import { deleteExecution } from '../../mcp-server/executions/deletion.ts';
import { queryExecutions } from '../../mcp-server/executions/search.ts';
import { startExecution } from '../../mcp-server/executions/start.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { type AnalysisRequest, type FindingsDocument, Status } from '../../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import { documents, readDocument, writeDocument } from '../../pipeline/documents.ts';
import { indexed } from '../../pipeline/findings/index-entry.ts';
import { progressReader } from '../../pipeline/progress/progress-reader.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { fsRemoval } from '../../pipeline/storage/folder-removal.ts';
import { temporaryFolder } from '../support/folder.ts';
import { requestFor } from '../support/pipeline-run.ts';
import { seededRandom } from '../support/seeded-random.ts';

const SEEDS = 200;
const AT_ONCE = 10;
const ACTIONS_A_SEED = 8;
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const clock = { now: () => new Date() };
const request: AnalysisRequest = { ...requestFor('/image.jpg'), models: { ...requestFor('').models } };
const ID = request.execution_id;

/** One data folder. Findings carry the ARN of their run, which no other run has. */
async function laptop() {
  const folder = await temporaryFolder();
  const file = join(folder, 'engine.db');
  const blobs = fsBlobs(join(folder, 'blobs'));
  const world = { hold: false, bodies: 0 };

  /** A killed process writes no more, so the engine closes only after the bodies of its steps have ended. */
  const body =
    <T>(work: () => Promise<T>) =>
    async () => {
      world.bodies++;
      return await work().finally(() => world.bodies--);
    };
  const closed = async () => {
    world.hold = false;
    engine.close();
    while (world.bodies > 0) await delay(1);
  };

  const store = async (run: string, status: 'RUNNING' | 'SUCCEEDED') => {
    const at = new Date().toISOString();
    const counts = { tiles: { total: 1, done: 1, failed: 0, blank: 0, not_analyzed: 0 }, findings: 1, usage: NO_USAGE };
    const ends = { reason: null, summary: status === 'RUNNING' ? null : run, failed_tiles: [], notes: [] };
    const times = { started_at: at, updated_at: at, running_shards: [] };
    const progress = { execution_id: ID, status, phase: 'store', ...counts, ...times, ...ends } as const;
    await writeDocument(documents.progress(ID), progress, blobs);
    return at;
  };

  const handlerOf = (run: string) => async (_: unknown, context: DurableContext) => {
    const at = await context.step(
      'begin',
      body(() => store(run, 'RUNNING')),
    );
    await context.step(
      'hold',
      body(async () => {
        while (world.hold) await delay(1);
      }),
    );
    if (await context.step('cancelled', async () => (await blobs.head(documents.cancellation(ID).key)) !== null))
      throw new Error('cancelled');
    await context.step(
      'store',
      body(async () => {
        await store(run, 'RUNNING');
        const document = {
          ...{ execution_id: ID, status: 'SUCCEEDED', image: { uri: 'a', width: 1, height: 1, format: 'png', version: '1' } },
          ...{
            request: { ask: request.ask, plan: request.plan },
            models: request.models,
            usage: NO_USAGE,
            notes: [],
            findings: [],
          },
          ...{ tiles: { total: 1, done: 1, blank: 0, failed: [], not_analyzed: [] }, summary: run },
        } as FindingsDocument;
        await writeDocument(documents.findings(ID), document, blobs);
        const { entry, keys } = indexed(document, at, null);
        await writeDocument(documents.indexKeys(ID), { keys }, blobs);
        for (const key of keys) await writeDocument(documents.indexEntry(key), entry, blobs);
        await store(run, 'SUCCEEDED');
      }),
    );
    return 'ended';
  };

  let engine: Engine;
  const open = () => {
    engine = openEngine({
      file,
      clock,
      log: SILENT,
      invoke: async (event, client, timeoutMs) => {
        const context = { awsRequestId: 'test', getRemainingTimeInMillis: () => timeoutMs };
        const durable = withDurableExecution(handlerOf(String(event.DurableExecutionArn)), { durableExecutionClient: client });
        return await durable(event, context as Parameters<typeof durable>[1]);
      },
    });
    engine.start();
  };
  open();

  const deps = () => {
    const launcher = localLauncher(engine);
    const removal = fsRemoval(join(folder, 'blobs'));
    return {
      blobs,
      removal,
      launcher,
      clock,
      caller: null,
      owner: null,
      progress: progressReader({ blobs, launcher, clock }),
    } as unknown as ToolDeps;
  };
  const settled = async () => {
    world.hold = false;
    if (engine.describe(ID)) await engine.ended(ID);
    while (world.bodies > 0) await delay(1);
  };
  const restart = async (between: () => Promise<void>) => {
    await closed();
    await between();
    open();
  };

  return {
    folder,
    blobs,
    deps,
    world,
    /** The run that the engine knows; `null` if it knows none. */
    run: () => engine.describe(ID)?.arn ?? null,
    settled,
    /** The action's own refusal is a UserError; anything else fails the test. */
    actions: {
      async start() {
        await startExecution(request, deps());
      },
      wait: settled,
      kill: () => restart(async () => {}),
      async cancel() {
        if (engine.describe(ID)?.status !== 'RUNNING') return;
        await writeDocument(documents.cancellation(ID), { cancelled_at: new Date().toISOString() }, blobs);
        engine.stop(ID, { ErrorType: 'UserError', ErrorMessage: 'The analysis was cancelled.' });
        await settled();
      },
      async delete() {
        await deleteExecution(ID, deps());
      },
      'lose the database': () =>
        restart(async () => {
          for (const end of ['', '-wal', '-shm']) await rm(file + end, { force: true });
        }),
      async 'lose the folder'() {
        await settled();
        await rm(join(folder, 'blobs/executions', ID), { recursive: true, force: true });
      },
    },
    close: closed,
  };
}

/** `null` if there is no such execution, which the sentence of a UserError says. */
async function stateOf({ deps }: Awaited<ReturnType<typeof laptop>>, hoursLater = 0) {
  try {
    const now = () => new Date(Date.now() + hoursLater * 3_600_000);
    return await progressReader({ ...deps(), clock: { now } }).current(ID);
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

test(`kills, purges, deletions and restarts in random order leave a documented state and no old findings (seeds 0 to ${SEEDS - 1})`, async () => {
  const ended = { SUCCEEDED: 0, CANCELLED: 0, none: 0 };
  const live = async (seed: number) => {
    const random = seededRandom(seed);
    const one = await laptop();
    const taken: string[] = [];
    let latest: string | null = null;
    try {
      for (let count = 0; count < ACTIONS_A_SEED; count++) {
        one.world.hold = random.next() < 0.3;
        const name = random.oneOf([
          'start',
          'start',
          'wait',
          'kill',
          'cancel',
          'delete',
          'lose the database',
          'lose the folder',
        ] as const);
        taken.push(name);
        await one.actions[name]().catch((error: unknown) => {
          if (!(error instanceof UserError)) throw error;
        });
        latest = one.run() ?? latest;
        const state = await stateOf(one);
        const findings = await readDocument(documents.findings(ID), one.blobs);
        const told = [seed, taken.join(', '), state?.status ?? null] as const;
        expect([...told, state === null || Status.options.includes(state.status)]).toEqual([...told, true]);
        // What is shown is of the latest run.
        if (findings) expect([...told, findings.summary]).toEqual([...told, latest]);
        if (state?.summary) expect([...told, state.summary]).toEqual([...told, latest]);
        const { executions } = await queryExecutions(
          { labels: [], image: null, since: null, limit: 10, cursor: null },
          { blobs: one.blobs, owner: null },
        );
        if (name !== 'lose the folder') {
          const listed = executions.length;
          expect([...told, listed]).toEqual([...told, state?.status === 'SUCCEEDED' ? 1 : Math.min(listed, 1)]);
        }
      }
      one.world.hold = false;
      await one.settled();
      const state = await stateOf(one, 1); // a lost run is not believed to be running for ever
      const told = [seed, taken.join(', ')] as const;
      expect([...told, state?.status === 'RUNNING']).toEqual([...told, false]);
      if (state === null) ended.none++;
      else if (state.status === 'SUCCEEDED' || state.status === 'CANCELLED') ended[state.status]++;
      // And the same request ends well, whatever happened before.
      if (state?.status !== 'SUCCEEDED') {
        if (state) await deleteExecution(ID, one.deps());
        await one.actions.start();
        await one.settled();
        expect([...told, (await stateOf(one))?.status]).toEqual([...told, 'SUCCEEDED']);
      }
    } finally {
      await one.close();
      await rm(one.folder, { recursive: true, force: true });
    }
  };
  for (let seed = 0; seed < SEEDS; seed += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, (_, more) => live(seed + more)));
  expect(Math.min(...Object.values(ended))).toBeGreaterThan(5);
}, 120_000);
