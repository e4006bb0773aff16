// The live events of one execution and of the list, as server-sent events. Derived from what the pipeline stores: after a crash of
// the pipeline or of this server, a page needs only a new snapshot. Must not know how executions run.
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { at } from '../../pipeline/contract/at.ts';
import { sentenceOf } from '../../pipeline/contract/errors.ts';
import { ExecutionId, type Progress } from '../../pipeline/contract/schemas.ts';
import { changedTiles, gridOf } from '../../pipeline/planning/tile-states.ts';
import type { Log } from '../../pipeline/ports.ts';
import {
  endEvent,
  type ListedExecution,
  type LiveEvent,
  progressEvent,
  type SnapshotEvent,
  tileEvent,
} from '../../pipeline/progress/events.ts';
import type { ProgressReader } from '../../pipeline/progress/progress-reader.ts';
import type { Routes } from '../http/http-app.ts';
import { type ExecutionListDeps, executionList, hasSettled } from './execution-list.ts';
import { type ExecutionSnapshot, executionReader } from './execution-reader.ts';
import { type SharedPoll, sharedPoll } from './shared-poll.ts';

const SUBSCRIBERS_MAX = 50; // each page holds one connection
const EXECUTION_EVERY_MS = 500; // as often as the local pipeline stores its progress
const LIST_EVERY_MS = 1_000;
const HEARTBEAT_MS = 15_000;
const RECONNECT_MS = 1_000;
const LOG_EVERY_MS = 60_000;

export interface EventsDeps extends ExecutionListDeps {
  progress: Pick<ProgressReader, 'current' | 'stored'>;
  log: Log;
}

type ServerEvent =
  | LiveEvent
  | SnapshotEvent
  | { type: 'snapshot'; executions: ListedExecution[] }
  | ({ type: 'execution' } & ListedExecution);

/** `GET /executions/events` and `GET /executions/<id>/events`. Add them before `GET /executions/<id>`, which matches the first too. */
export function eventRoutes(deps: EventsDeps): Routes {
  const onError = rateLimitedWarning(deps);
  const polls = new Map<string, SharedPoll<ExecutionSnapshot>>();
  const list = sharedPoll(executionList(deps), { everyMs: LIST_EVERY_MS, onError });
  let subscribers = 0;

  const pollOf = (id: string): SharedPoll<ExecutionSnapshot> => {
    const onIdle = () => polls.delete(id);
    const poll = polls.get(id) ?? sharedPoll(executionReader(id, deps), { everyMs: EXECUTION_EVERY_MS, onError, onIdle });
    polls.set(id, poll);
    return poll;
  };

  const subscribe = (context: Context, events: (signal: AbortSignal) => AsyncIterable<ServerEvent>): Response => {
    if (subscribers >= SUBSCRIBERS_MAX)
      throw new HTTPException(503, { message: `At most ${SUBSCRIBERS_MAX} pages can be open at once. Close one.` });
    subscribers++;
    context.header('x-content-type-options', 'nosniff');
    context.header('cross-origin-resource-policy', 'same-origin');
    return streamSSE(context, async (stream) => {
      try {
        await send(stream, events);
      } finally {
        subscribers--;
      }
    });
  };

  return (app) => {
    app.get('/executions/events', (context) => {
      refuseOtherSites(context);
      return subscribe(context, (signal) => eventsOfList(list.watch(signal)));
    });
    app.get('/executions/:id/events', async (context) => {
      refuseOtherSites(context);
      const id = ExecutionId.safeParse(context.req.param('id'));
      if (!id.success) throw new HTTPException(404, { message: at(id.error.issues, 0).message });
      await deps.progress.current(id.data).catch((error) => {
        throw new HTTPException(404, { message: sentenceOf(error) ?? 'The execution could not be read.', cause: error });
      });
      return subscribe(context, (signal) => eventsOfExecution(pollOf(id.data).watch(signal), deps));
    });
  };
}

/** A page of another site cannot read the events, but an `<img>` in it would hold a connection: its request has no Origin. */
function refuseOtherSites(context: Context): void {
  const site = context.req.header('sec-fetch-site') ?? 'none';
  if (site === 'none' || site === 'same-origin') return;
  throw new HTTPException(403, { message: 'Only a page of this server can read its events.' });
}

async function send(stream: SSEStreamingApi, events: (signal: AbortSignal) => AsyncIterable<ServerEvent>): Promise<void> {
  const closed = new AbortController();
  stream.onAbort(() => closed.abort());
  const heartbeat = setInterval(() => void stream.write(': heartbeat\n\n'), HEARTBEAT_MS);
  try {
    await stream.write(`retry: ${RECONNECT_MS}\n\n`);
    for await (const event of events(closed.signal)) {
      const id = 'id' in event ? event.id : undefined;
      await stream.writeSSE({ event: event.type, data: JSON.stringify(event), ...(id !== undefined && { id }) });
    }
  } finally {
    clearInterval(heartbeat);
  }
}

/** A snapshot, then each change, then the end: once it is stored, or nothing more can be stored. */
async function* eventsOfExecution(watch: AsyncIterable<ExecutionSnapshot>, deps: EventsDeps): AsyncGenerator<ServerEvent> {
  let before: ExecutionSnapshot | null = null;
  for await (const now of watch) {
    if (before && (before.plan === null) === (now.plan === null)) yield* changesBetween(before, now);
    else yield snapshotOf(now, deps);
    if (await isLastWord(now.progress, deps)) {
      yield endEvent(now.progress);
      return;
    }
    before = now;
  }
}

/** A stopped execution has a status before its code has ended, and that code may still store findings. */
async function isLastWord(current: Progress, { progress, clock }: EventsDeps): Promise<boolean> {
  if (current.status === 'RUNNING') return false;
  if (hasSettled(current, clock)) return true;
  const stored = await progress.stored(current.execution_id);
  return stored !== null && stored.status !== 'RUNNING';
}

function snapshotOf({ plan, states, progress }: ExecutionSnapshot, { requestedImage }: EventsDeps): SnapshotEvent {
  const { execution_id, started_at } = progress;
  const image = plan && {
    uri: plan.request.image.uri,
    width: plan.plan.width,
    height: plan.plan.height,
    pyramid_of: plan.pyramid_of,
  };
  const grid = plan ? gridOf(plan.plan) : [];
  return {
    type: 'snapshot',
    execution_id,
    picture: image, // the name of the event's field
    uri: image?.uri ?? requestedImage(execution_id),
    grid,
    states,
    progress: progressEvent(progress, null),
    started_at,
  };
}

function* changesBetween(before: ExecutionSnapshot, { states, progress }: ExecutionSnapshot): Generator<LiveEvent> {
  for (const { position, state } of changedTiles(before.states, states)) yield* tileEvent(progress.execution_id, position, state);
  const event = progressEvent(progress, null);
  if (JSON.stringify(event) !== JSON.stringify(progressEvent(before.progress, null))) yield event;
}

/** A snapshot of the newest executions, then each execution that is new or has changed; another snapshot once one is gone. */
async function* eventsOfList(watch: AsyncIterable<ListedExecution[]>): AsyncGenerator<ServerEvent> {
  let before: Map<string, string> | null = null;
  for await (const executions of watch) {
    const texts = new Map(executions.map((execution) => [execution.execution_id, JSON.stringify(execution)]));
    if (before === null) yield { type: 'snapshot', executions };
    else if ([...before.keys()].some((id) => !texts.has(id))) yield { type: 'snapshot', executions };
    else
      for (const execution of executions.toReversed()) {
        const { execution_id } = execution;
        if (texts.get(execution_id) !== before.get(execution_id)) yield { type: 'execution', ...execution };
      }
    before = texts;
  }
}

/** Logs at most one error a minute: while the store cannot be read, every poll fails. */
function rateLimitedWarning({ clock, log }: Pick<EventsDeps, 'clock' | 'log'>): (error: unknown) => void {
  let loggedMs = Number.NEGATIVE_INFINITY;
  return (error) => {
    const nowMs = clock.now().getTime();
    if (nowMs - loggedMs < LOG_EVERY_MS) return;
    loggedMs = nowMs;
    log.warn({ error }, 'Could not read an execution for the local page. The server tries again.');
  };
}
