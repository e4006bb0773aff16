// Publishes live events to AppSync Events by signed HTTP: https://docs.aws.amazon.com/appsync/latest/eventapi/publish-http.html
// The pipeline never waits for it: undelivered events stay in a bounded queue, and dropped ones are counted.
import { setTimeout as sleep } from 'node:timers/promises';
import { Sha256 } from '@aws-crypto/sha256-js';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import { at } from '../contract/at.ts';
import type { Clock, Events, Log } from '../ports.ts';
import { channelOf, type LiveEvent } from '../progress/events.ts';

const EVENTS_A_CALL_MAX = 5; // the service's own limit
const QUEUED_MAX = 2_000; // of some 200 bytes: two shards of 850 tiles, each of which ends
const PUBLISH_EVERY_MS = 1_000; // so that simultaneous events share a call
const ANSWER_MS_MAX = 2_000;
const FLUSH_MS_MAX = 1_000; // the longest that it may delay the end of an invocation
const PAUSE_MS_MIN = 1_000;
const PAUSE_MS_MAX = 60_000;
const LOG_EVERY_MS = 60_000;
/** A retry with the same events would be refused too. */
const REFUSED_FOR_GOOD = new Set([400, 413]);

export interface AppsyncEventsOptions {
  /** The Event API's HTTP domain, as a URL. */
  endpoint: string;
  region: string;
  credentials: ConstructorParameters<typeof SignatureV4>[0]['credentials'];
  clock: Clock;
  log: Log;
}

export function appsyncEvents({ endpoint, region, credentials, clock, log }: AppsyncEventsOptions): Events {
  const url = new URL('/event', endpoint);
  const signer = new SignatureV4({ service: 'appsync', region, credentials, sha256: Sha256 });
  const queue = boundedQueue();
  let timer: NodeJS.Timeout | null = null;
  let sending: Promise<void> | null = null;
  let pauseMs = 0;
  let loggedMs = Number.NEGATIVE_INFINITY;

  const post = async (events: readonly LiveEvent[]): Promise<void> => {
    const channel = channelOf(at(events, 0).execution_id);
    const body = JSON.stringify({ channel, events: events.map((event) => JSON.stringify(event)) });
    const headers = { host: url.host, 'content-type': 'application/json' };
    const signed = await signer.sign(new HttpRequest({ method: 'POST', path: url.pathname, headers, body }));
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const response = await fetch(url, { method: 'POST', headers: signed.headers, body, signal, redirect: 'error' });
    const answer = await response.text();
    if (REFUSED_FOR_GOOD.has(response.status)) {
      queue.count(events);
      complain(new Error(`HTTP ${response.status}: ${answer.slice(0, 500)}`));
    } else if (!response.ok) throw new Error(`HTTP ${response.status}: ${answer.slice(0, 500)}`);
  };

  const complain = (error: unknown) => {
    const nowMs = clock.now().getTime();
    if (nowMs - loggedMs < LOG_EVERY_MS) return;
    loggedMs = nowMs;
    log.warn({ error, queued: queue.length() }, 'Live events could not be published. Executions continue.');
  };

  const sendAll = async () => {
    for (let events = queue.take(); events.length > 0; events = queue.take()) {
      try {
        await post(events);
        pauseMs = 0;
      } catch (error) {
        queue.giveBack(events);
        complain(error);
        pauseMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, pauseMs * 2));
        return;
      }
    }
  };

  const send = async () => {
    if (timer) clearTimeout(timer);
    timer = null;
    sending ??= sendAll().finally(() => {
      sending = null;
      if (queue.length() > 0) soon();
    });
    await sending;
  };

  const soon = () => {
    timer ??= setTimeout(() => void send(), Math.max(pauseMs, PUBLISH_EVERY_MS)).unref();
  };

  return {
    publish(events) {
      queue.add(events);
      if (queue.length() > 0 && !sending) soon();
    },
    async flush() {
      if (pauseMs > 0 || (queue.length() === 0 && !sending)) return; // waits for an unreachable endpoint only once
      await Promise.race([send(), sleep(FLUSH_MS_MAX, undefined, { ref: false })]);
    },
  };
}

/** Drops the oldest `progress` events first, then tiles being analyzed, then ended tiles; never an `end`. */
function boundedQueue() {
  const queue: LiveEvent[] = [];
  const dropped = new Map<string, number>();

  const count = (events: readonly LiveEvent[]) => {
    for (const { execution_id } of events) dropped.set(execution_id, (dropped.get(execution_id) ?? 0) + 1);
  };
  const shrink = () => {
    for (const isLess of LESS_FIRST) {
      for (let index = 0; index < queue.length && queue.length > QUEUED_MAX; ) {
        if (isLess(at(queue, index))) count(queue.splice(index, 1));
        else index++;
      }
    }
  };
  /** Adds the number of events dropped before a `progress` or `end` event. */
  const counted = (event: LiveEvent): LiveEvent => {
    if (event.type === 'tile') return event;
    const before = dropped.get(event.execution_id) ?? 0;
    dropped.delete(event.execution_id);
    return { ...event, dropped: event.dropped + before };
  };

  return {
    count,
    length: () => queue.length,
    add(events: readonly LiveEvent[]) {
      queue.push(...events);
      shrink();
    },
    /** The oldest events that can share a call; empty if the queue is. */
    take(): LiveEvent[] {
      const [first] = queue;
      const other = queue.findIndex(({ execution_id }) => execution_id !== first?.execution_id);
      return queue.splice(0, Math.min(EVENTS_A_CALL_MAX, other === -1 ? queue.length : other)).map(counted);
    },
    giveBack(events: readonly LiveEvent[]) {
      queue.unshift(...events);
      shrink();
    },
  };
}

const LESS_FIRST: ((event: LiveEvent) => boolean)[] = [
  ({ type }) => type === 'progress',
  (event) => event.type === 'tile' && event.state === 'looking',
  ({ type }) => type === 'tile',
];
