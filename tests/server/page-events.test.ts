// What the local page gets of executions that are stopped, deleted or never cut into tiles.
import { setTimeout as sleep } from 'node:timers/promises';
import { Hono } from 'hono';
import { expect, onTestFinished, test } from 'vitest';
import { eventRoutes } from '../../local/web/event-stream.ts';
import { Progress } from '../../pipeline/contract/schemas.ts';
import { documents, writeDocument } from '../../pipeline/documents.ts';
import type { ExecutionState, Log } from '../../pipeline/ports.ts';
import { progressReader } from '../../pipeline/progress/progress-reader.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { temporaryFolder } from '../support/folder.ts';

const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

type PageEvent = { type: string } & Record<string, unknown>;

/** The routes of the page over executions that a test puts into `states`. */
async function pageOf(states: Map<string, ExecutionState>) {
  const blobs = fsBlobs(await temporaryFolder());
  const clock = { now: () => new Date() };
  const list = async () => ({
    executions: [...states].map(([executionId, state]) => ({ executionId, state })),
    cursor: null,
  });
  const launcher = { describe: async (id: string) => states.get(id) ?? null, list };
  const progress = progressReader({ blobs, launcher, clock });
  const requestedImage = (id: string) => (states.has(id) ? `file:///plans/${id}.png` : null);
  const app = new Hono();
  eventRoutes({ blobs, launcher, progress, requestedImage, clock, log: SILENT })(app);
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  async function* eventsOf(path: string): AsyncGenerator<PageEvent> {
    const { body } = await app.request(path, { signal: leaving.signal });
    let text = '';
    for await (const part of (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      text += part;
      const whole = text.split('\n\n');
      text = whole.pop() ?? '';
      for (const event of whole) {
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (data !== undefined) yield JSON.parse(data);
      }
    }
  }
  return { blobs, eventsOf };
}

const runningAs = (execution_id: string, phase: Progress['phase']): Progress =>
  Progress.parse({
    execution_id,
    status: 'RUNNING',
    phase,
    tiles: { total: 40, done: 20, failed: 0, blank: 0 },
    findings: 0,
    usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0 },
    started_at: new Date().toISOString(),
    updated_at: new Date().toISOString(),
    reason: null,
    summary: null,
    failed_tiles: [],
  });

const stopped = (endedAt: Date): ExecutionState => ({
  state: 'stopped',
  startedAt: new Date(endedAt.getTime() - 60_000),
  endedAt,
  error: { type: 'UserError', message: 'The analysis was cancelled.' },
});

test('an execution that is stopped ends for the page only when its code can store no more', async () => {
  const { blobs, eventsOf } = await pageOf(new Map([['slow', stopped(new Date())]]));
  const running = runningAs('slow', 'merge');
  await writeDocument(documents.progress('slow'), running, blobs);
  await writeDocument(documents.cancellation('slow'), { cancelled_at: new Date().toISOString() }, blobs);
  const types: string[] = [];
  let end: PageEvent | null = null;
  for await (const event of eventsOf('/executions/slow/events')) {
    types.push(event.type);
    if (event.type === 'snapshot') {
      expect(event.progress).toMatchObject({ status: 'CANCELLED', tiles: { done: 20 } });
      const last: Progress = {
        ...running,
        status: 'CANCELLED',
        phase: 'done',
        tiles: { ...running.tiles, done: 33, failed: 7 },
        reason: 'The analysis was cancelled; 7 of 40 tiles were not analyzed.',
        updated_at: new Date().toISOString(),
      };
      await writeDocument(documents.progress('slow'), last, blobs);
    }
    end = event;
  }
  expect(types.at(-1)).toBe('end');
  expect(types.filter((type) => type === 'end')).toHaveLength(1);
  expect(end).toMatchObject({
    status: 'CANCELLED',
    tiles: { total: 40, done: 33 },
    reason: 'The analysis was cancelled; 7 of 40 tiles were not analyzed.',
  });
});

test('an execution that was stopped a while ago, and stored no end, ends at once', async () => {
  const { eventsOf } = await pageOf(new Map([['old', stopped(new Date(Date.now() - 11_000))]]));
  const types: string[] = [];
  for await (const { type } of eventsOf('/executions/old/events')) types.push(type);
  expect(types).toEqual(['snapshot', 'end']);
});

test('an execution has the name of its image also if it was never cut into tiles', async () => {
  const { eventsOf } = await pageOf(new Map([['wrong-file', stopped(new Date(Date.now() - 11_000))]]));
  const snapshot = await firstOf(eventsOf('/executions/wrong-file/events'));
  expect(snapshot).toMatchObject({ type: 'snapshot', picture: null, uri: 'file:///plans/wrong-file.png' });
  const list = await firstOf(eventsOf('/executions/events'));
  expect(list.executions).toMatchObject([{ execution_id: 'wrong-file', image: 'file:///plans/wrong-file.png' }]);
});

test('an execution that is deleted leaves the list, and the last word of a stopped one reaches it', async () => {
  const states = new Map([
    ['kept', stopped(new Date())],
    ['deleted', stopped(new Date(Date.now() - 11_000))],
  ]);
  const { blobs, eventsOf } = await pageOf(states);
  const kept = runningAs('kept', 'merge');
  await writeDocument(documents.progress('kept'), kept, blobs);
  await writeDocument(documents.cancellation('kept'), { cancelled_at: new Date().toISOString() }, blobs);
  const events: PageEvent[] = [];
  for await (const event of eventsOf('/executions/events')) {
    events.push(event);
    if (events.length === 1) {
      states.delete('deleted');
      await writeDocument(documents.progress('kept'), { ...kept, status: 'CANCELLED', phase: 'done', findings: 12 }, blobs);
    }
    if (hasLastWord(events) && isWithoutDeleted(events)) break;
  }
  expect(events[0]).toMatchObject({
    executions: [{ execution_id: 'kept', status: 'CANCELLED', findings: 0 }, { execution_id: 'deleted' }],
  });
});

test('an execution that starts under the name of a deleted one is read again', async () => {
  const states = new Map([['again', stopped(new Date(Date.now() - 60_000))]]);
  const { blobs, eventsOf } = await pageOf(states);
  const firstListed = async () => listed(await firstOf(eventsOf('/executions/events')))[0];
  expect(await firstListed()).toMatchObject({ execution_id: 'again', status: 'CANCELLED' });
  states.set('again', { state: 'running', startedAt: new Date() });
  await writeDocument(documents.progress('again'), runningAs('again', 'detect'), blobs);
  await sleep(1_500); // without subscribers, nothing is polled
  expect(await firstListed()).toMatchObject({ execution_id: 'again', status: 'RUNNING', phase: 'detect' });
});

async function firstOf(events: AsyncGenerator<PageEvent>): Promise<PageEvent> {
  for await (const event of events) return event;
  throw new Error('Expected an event.');
}

const listed = ({ executions }: PageEvent) => (Array.isArray(executions) ? executions : []);
const hasLastWord = (events: PageEvent[]) =>
  events.some((event) => [event, ...listed(event)].some(({ findings }) => findings === 12));
const isWithoutDeleted = (events: PageEvent[]) =>
  events.some((event) => event.type === 'snapshot' && listed(event).length === 1 && listed(event)[0].execution_id === 'kept');
