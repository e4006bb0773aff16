// Live events for the local page, as server-sent events: one execution's, and those of the list. Reads what the pipeline stores,
// so that a crash of it, or of this server, costs a page no more than a new snapshot.
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { sentenceOf } from '../../pipeline/contract/errors.ts';
import { ExecutionId } from '../../pipeline/contract/schemas.ts';
import { gridOf, moved } from '../../pipeline/planning/tile-states.ts';
import type { Clock, Log } from '../../pipeline/ports.ts';
import {
  endEvent,
  type ListedExecution,
  type LiveEvent,
  progressEvent,
  type SnapshotEvent,
  tileEvent,
} from '../../pipeline/progress/events.ts';
import type { Routes } from '../http/http-app.ts';
import { type ExecutionListDeps, executionList } from './execution-list.ts';
import { executionReader, type SeenExecution } from './execution-reader.ts';
import { type SharedPoll, sharedPoll } from './shared-poll.ts';

const SUBSCRIBERS_MAX = 50; // a page is one; each holds a connection
const EXECUTION_EVERY_MS = 500; // as often as the pipeline stores it here
const LIST_EVERY_MS = 1_000;
const HEARTBEAT_MS = 15_000;
const RECONNECT_MS = 1_000;
const LOG_EVERY_MS = 60_000;

export interface EventsDeps extends ExecutionListDeps {
  clock: Clock;
  log: Log;
}

type ServerEvent =
  | LiveEvent
  | SnapshotEvent
  | { type: 'snapshot'; executions: ListedExecution[] }
  | ({ type: 'execution' } & ListedExecution);

/** `GET /executions/events` and `GET /executions/<id>/events`. Belongs before the routes of executions. */
export function eventRoutes(deps: EventsDeps): Routes {
  const onError = complaintsOf(deps);
  const executions = new Map<string, SharedPoll<SeenExecution>>();
  const list = sharedPoll(executionList(deps), { everyMs: LIST_EVERY_MS, onError });
  let subscribers = 0;

  const execution = (id: string): SharedPoll<SeenExecution> => {
    const onIdle = () => executions.delete(id);
    const poll = executions.get(id) ?? sharedPoll(executionReader(id, deps), { everyMs: EXECUTION_EVERY_MS, onError, onIdle });
    executions.set(id, poll);
    return poll;
  };

  const subscribe = (context: Context, events: (signal: AbortSignal) => AsyncIterable<ServerEvent>): Response => {
    if (subscribers >= SUBSCRIBERS_MAX)
      throw new HTTPException(503, { message: `Expected at most ${SUBSCRIBERS_MAX} open pages, got one more. Close one.` });
    subscribers++;
    context.header('x-content-type-options', 'nosniff');
    context.header('cross-origin-resource-policy', 'same-origin');
    return streamSSE(context, async (stream) => {
      try {
        await tell(stream, events);
      } finally {
        subscribers--;
      }
    });
  };

  return (app) => {
    app.get('/executions/events', (context) => {
      refuseStrangers(context);
      return subscribe(context, (signal) => eventsOfList(list.watch(signal)));
    });
    app.get('/executions/:id/events', async (context) => {
      refuseStrangers(context);
      const id = ExecutionId.safeParse(context.req.param('id'));
      if (!id.success) throw new HTTPException(404, { message: id.error.issues[0]?.message ?? '' });
      await deps.progressOf(id.data).catch((error) => {
        throw new HTTPException(404, { message: sentenceOf(error) ?? 'Expected an execution, got none.', cause: error });
      });
      return subscribe(context, (signal) => eventsOfExecution(execution(id.data).watch(signal)));
    });
  };
}

/** Pages of elsewhere cannot read this, but an image's address in one would hold a place: such requests bring no Origin. */
function refuseStrangers(context: Context): void {
  const site = context.req.header('sec-fetch-site') ?? 'none';
  if (site === 'none' || site === 'same-origin') return;
  throw new HTTPException(403, { message: 'Expected a page of this server, got another one. Open the page of this server.' });
}

async function tell(stream: SSEStreamingApi, events: (signal: AbortSignal) => AsyncIterable<ServerEvent>): Promise<void> {
  const gone = new AbortController();
  stream.onAbort(() => gone.abort());
  const heartbeat = setInterval(() => void stream.write(': still here\n\n'), HEARTBEAT_MS);
  try {
    await stream.write(`retry: ${RECONNECT_MS}\n\n`);
    for await (const event of events(gone.signal)) {
      const id = 'id' in event ? event.id : undefined;
      await stream.writeSSE({ event: event.type, data: JSON.stringify(event), ...(id !== undefined && { id }) });
    }
  } finally {
    clearInterval(heartbeat);
  }
}

/** A snapshot, then what moves, then the end. Each of these is told once. */
async function* eventsOfExecution(watch: AsyncIterable<SeenExecution>): AsyncGenerator<ServerEvent> {
  let told: SeenExecution | null = null;
  for await (const seen of watch) {
    if (told && (told.plan === null) === (seen.plan === null)) yield* movesOf(told, seen);
    else yield snapshotOf(seen);
    if (seen.progress.status !== 'RUNNING') {
      yield endEvent(seen.progress);
      return;
    }
    told = seen;
  }
}

function snapshotOf({ plan, states, progress }: SeenExecution): SnapshotEvent {
  const { execution_id, started_at } = progress;
  const picture = plan && {
    ...{ uri: plan.request.image.uri, width: plan.plan.width, height: plan.plan.height, pyramid_of: plan.pyramid_of },
  };
  const grid = plan ? gridOf(plan.plan) : [];
  return { type: 'snapshot', execution_id, picture, grid, states, progress: progressEvent(progress, null), started_at };
}

function* movesOf(told: SeenExecution, { states, progress }: SeenExecution): Generator<LiveEvent> {
  for (const { at, state } of moved(told.states, states)) yield* tileEvent(progress.execution_id, at, state);
  const event = progressEvent(progress, null);
  if (JSON.stringify(event) !== JSON.stringify(progressEvent(told.progress, null))) yield event;
}

/** The newest ones, then each that is new or has changed. */
async function* eventsOfList(watch: AsyncIterable<ListedExecution[]>): AsyncGenerator<ServerEvent> {
  let told: Map<string, string> | null = null;
  for await (const executions of watch) {
    const texts = new Map(executions.map((execution) => [execution.execution_id, JSON.stringify(execution)]));
    if (told === null) yield { type: 'snapshot', executions };
    else
      for (const execution of executions.toReversed()) {
        const { execution_id } = execution;
        if (texts.get(execution_id) !== told.get(execution_id)) yield { type: 'execution', ...execution };
      }
    told = texts;
  }
}

/** A store that cannot be read would otherwise fill the log. */
function complaintsOf({ clock, log }: Pick<EventsDeps, 'clock' | 'log'>): (error: unknown) => void {
  let loggedMs = Number.NEGATIVE_INFINITY;
  return (error) => {
    const nowMs = clock.now().getTime();
    if (nowMs - loggedMs < LOG_EVERY_MS) return;
    loggedMs = nowMs;
    log.warn({ error }, 'What the page watches could not be read; it is tried again.');
  };
}
