// Failures that are not the workflow's fault do not count against it: a full disk, and a crash caused by another step.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { NestingType } from '@aws/durable-execution-sdk-js';
import { expect, onTestFinished, test } from 'vitest';
import { ProcessLost } from '../../local/engine/step-gate.ts';
import { openStore } from '../../local/engine/store/engine-store.ts';
import { engineIn, invokerOf, resultOf, runOnce, silent } from '../fixtures/engine-harness.ts';
import { temporaryFolder } from '../support/folder.ts';

const NO_ROOM_MS = 1_000;
const CRASHES_MAX = 8; // as in local/engine/poison-steps.ts
const HUNG_MS = 60_000; // a hang would last this long

test('a full disk delays a workflow, however many retries that takes, and loses no checkpoint', async () => {
  const folder = await temporaryFolder();
  openStore(join(folder, 'engine.db')).close();
  failWrites(join(folder, 'engine.db'), 'second', Date.now() + NO_ROOM_MS);
  const ran: string[] = [];
  const errors: object[] = [];
  const workflow = async (_: unknown, context: Parameters<Parameters<typeof invokerOf>[0]>[1]) => {
    await context.step('first', async () => void ran.push('first'));
    await context.wait('between', { seconds: 1 });
    return await context.step('second', async () => 'done');
  };
  const log = { ...silent, error: (facts: object) => void errors.push(facts) };
  const engine = engineIn(folder, invokerOf(workflow), { log });
  onTestFinished(() => engine.close());
  expect(resultOf(await runOnce(engine))).toBe('done');
  expect(errors.length).toBeGreaterThan(CRASHES_MAX);
  expect(ran).toEqual(['first']);
});

test(
  'a map with enough results ends although a suspect step still runs in it',
  async () => {
    let lives = 0;
    const engine = engineIn(await temporaryFolder(), (...invocation) => {
      const life = ++lives;
      const lost = Promise.withResolvers<never>();
      const body = async (item: number) => {
        if (life === 1 && item === 2) lost.reject(new ProcessLost('killed'));
        if (life === 1) await new Promise(() => {}); // a lost process sends nothing more
        if (item > 0) await new Promise((resolve) => setTimeout(resolve, 50));
        return item;
      };
      const invoke = invokerOf(async (_: unknown, context) => {
        await context.map('enough', [0, 1, 2], (inside, item: number) => inside.step(`item-${item}`, () => body(item)), {
          nesting: NestingType.NESTED,
          maxConcurrency: 3,
          completionConfig: { minSuccessful: 1 },
        });
        return await context.step('after', async () => life);
      });
      return Promise.race([lost.promise, invoke(...invocation)]);
    });
    onTestFinished(() => engine.close());
    expect(resultOf(await runOnce(engine))).toBe(2);
  },
  HUNG_MS,
);

/** Until `untilMs`, every write of the step fails, and its transaction with it. */
function failWrites(file: string, step: string, untilMs: number): void {
  const database = new DatabaseSync(file);
  database.exec(`
    create trigger no_room before insert on operations
    when new.json like '%"${step}"%' and unixepoch('subsec') * 1000 < ${untilMs}
    begin select raise(abort, 'no room'); end`);
  database.close();
}
