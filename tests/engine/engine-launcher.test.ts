// The launcher over the engine: how tools and the command line start, list and stop executions.
import { describe, expect, onTestFinished, test } from 'vitest';
import { localLauncher } from '../../local/engine/local-launcher.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import type { LauncherWithHistory } from '../../pipeline/ports.ts';
import { engineIn, invokerOf, type Workflow } from '../fixtures/engine-harness.ts';
import { temporaryFolder } from '../support/folder.ts';

type Request = Parameters<LauncherWithHistory['start']>[0];

const TIMER_MS = 100; // long enough for an invocation to end before its timer fires

async function launcherFor(workflow: Workflow) {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const clock = { now: () => new Date(now++) };
  const afterDelay = (ms: number, work: () => void) => {
    const timer = setTimeout(() => {
      now += Math.min(ms, 2_000);
      work();
    }, TIMER_MS);
    return () => clearTimeout(timer);
  };
  const engine = engineIn(await temporaryFolder(), invokerOf(workflow), { clock, afterDelay });
  onTestFinished(() => engine.close());
  const launcher = localLauncher(engine);
  const start = (name: string, more: object = {}) => launcher.start({ execution_id: name, ...more } as unknown as Request);
  return { engine, launcher, start };
}

const retry = { retryStrategy: (_: Error, attempt: number) => ({ shouldRetry: attempt < 2, delay: { seconds: 1 } }) };

describe('the launcher', () => {
  test('starts a request once by its name, and refuses the name for another request', async () => {
    const { start } = await launcherFor(async () => 1);
    expect(await start('a')).toEqual({ created: true });
    expect(await start('a')).toEqual({ created: false });
    await expect(start('a', { look_for: 'cats' })).rejects.toThrow(/Choose another idempotency_key/);
    await expect(start('a b')).rejects.toThrow(UserError);
  });

  test('stops a running execution with the reason', async () => {
    const { launcher, start } = await launcherFor((_, context) => context.waitForCallback('w', async () => {}));
    await start('a');
    const reason = { type: 'Cancelled', message: 'by the caller' };
    expect(await launcher.stop('a', reason)).toMatchObject({ state: 'stopped', error: reason });
    expect(await launcher.describe('a')).toMatchObject({ state: 'stopped', error: reason });
    expect(await launcher.stop('unknown', reason)).toBeNull();
  });

  test('lists by state and time, in pages, in either order', async () => {
    const { engine, launcher, start } = await launcherFor(async (input: { execution_id: string }) => {
      if (input.execution_id === 'c') throw new Error('no');
      return 1;
    });
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await start(name);
      await engine.ended(name);
    }
    const names = async (filter: Parameters<typeof launcher.list>[0]) => {
      const listed: string[] = [];
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = await launcher.list({ ...filter, limit: 2, ...(cursor && { cursor }) });
        expect(page.executions.length).toBeLessThanOrEqual(2);
        listed.push(...page.executions.map(({ executionId }) => executionId));
        cursor = page.cursor;
      }
      return listed.join('');
    };
    expect(await names({})).toBe('abcde');
    expect(await names({ newestFirst: true })).toBe('edcba');
    expect(await names({ states: ['failed'] })).toBe('c');
    expect(await names({ states: ['succeeded'], newestFirst: true })).toBe('edba');
    const startedAfter = (await launcher.describe('b'))?.startedAt ?? new Date(0);
    expect(await names({ startedAfter })).toBe('cde');
    expect(await names({ startedBefore: startedAfter })).toBe('a');
    await expect(launcher.list({ limit: 0 })).rejects.toThrow(/The limit \(0\) must be an integer from 1 to 1000\./);
    await expect(launcher.list({ cursor: 'nonsense' })).rejects.toThrow(/The cursor is not from an earlier page\./);
  });

  test('returns the history as events, including every attempt', async () => {
    const { engine, launcher, start } = await launcherFor(async (_, context) => {
      await context.runInChildContext('child', (child) =>
        child.step(
          'shaky',
          async ({ attempt = 1 }: { attempt?: number }) => attempt > 1 || Promise.reject(new Error('not yet')),
          retry,
        ),
      );
      await context.wait('w', { seconds: 1 });
    });
    await start('a');
    await engine.ended('a');
    const events = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await launcher.history('a', { limit: 3, ...(cursor && { cursor }) });
      events.push(...(page?.events ?? []));
      cursor = page?.cursor ?? null;
    }
    const types = events
      .map(({ type, name }) => (name ? `${type} ${name}` : type))
      .filter((type) => type !== 'InvocationCompleted');
    expect(types).toEqual([
      'ExecutionStarted',
      'ContextStarted child',
      'StepStarted shaky',
      'StepFailed shaky',
      'StepStarted shaky',
      'StepSucceeded shaky',
      'ContextSucceeded child',
      'WaitStarted w',
      'WaitSucceeded w',
      'ExecutionSucceeded',
    ]);
    expect(events.filter(({ type }) => type === 'InvocationCompleted').length).toBeGreaterThanOrEqual(2);
    expect(events.find(({ type }) => type === 'StepFailed')?.error?.message).toBe('not yet');
    expect(await launcher.history('unknown', {})).toBeNull();
  });
});
