// The publisher of live events against a server with the address, body format and signature of AppSync Events.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Sha256 } from '@aws-crypto/sha256-js';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { eventApi, readPipelineConfig } from '../../pipeline/config.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import type { Events, Log } from '../../pipeline/ports.ts';
import { channelOf, endEvent, LiveEvent, progressEvent, tileEvent } from '../../pipeline/progress/events.ts';
import { appsyncEvents } from '../../pipeline/telemetry/appsync-events.ts';
import { eventApiSocket } from '../support/event-api-socket.ts';
import { greyImage } from '../support/grey-image.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { scriptedVision } from '../support/scripted-vision.ts';

const REGION = 'eu-central-1';
const CREDENTIALS = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  sessionToken: 't',
};
const QUEUED_MAX = 2_000; // of pipeline/telemetry/appsync-events.ts

/** https://docs.aws.amazon.com/appsync/latest/eventapi/publish-http.html: events are strings, each a JSON value. */
const Publish = z.object({
  channel: z.string().regex(/^\/pipeline\/[A-Za-z0-9]([A-Za-z0-9-]{0,48}[A-Za-z0-9])?$/),
  events: z.array(z.string()).min(1).max(5),
});

interface EventApi {
  events: Events;
  /** Every call that was answered with 200. */
  calls: { channel: string; events: LiveEvent[] }[];
  asked: number;
  warnings: string[];
}

/** `answer` returns the answer to a call, by its number; `null` if there is none. */
async function eventApiThat(answer: (call: number) => number | null = () => 200): Promise<EventApi> {
  const api: Omit<EventApi, 'events'> = { calls: [], asked: 0, warnings: [] };
  const server = createServer(async (request, response) => {
    const call = ++api.asked;
    const body = Buffer.concat(await request.toArray()).toString();
    const status = answer(call);
    if (status === null) return;
    if (status === 200) take(request, body, api);
    answered(response, status);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const quiet = () => {};
  const log: Log = { debug: quiet, info: quiet, warn: (_, sentence) => void api.warnings.push(sentence), error: quiet };
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clock = { now: () => new Date() };
  return Object.assign(api, { events: appsyncEvents({ endpoint, region: REGION, credentials: CREDENTIALS, clock, log }) });
}

function take({ method, url }: IncomingMessage, body: string, { calls }: Pick<EventApi, 'calls'>): void {
  expect(`${method} ${url}`).toBe('POST /event');
  const { channel, events } = Publish.parse(JSON.parse(body));
  calls.push({ channel, events: events.map((event) => LiveEvent.parse(JSON.parse(event))) });
}

function answered(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(status === 200 ? { failed: [], successful: [] } : { errors: [{ errorType: 'Refused' }] }));
}

const tiles = (execution: string, count: number) =>
  Array.from({ length: count }, (_, tile) => tileEvent(execution, tile, 'done')).flat();
const reported = (execution_id: string) => ({
  ...({ execution_id, status: 'RUNNING', phase: 'detect', findings: 0, usage: NO_USAGE, reason: null } as const),
  tiles: { total: 9, done: 1, failed: 0, blank: 0, not_analyzed: 0 },
});
const eventsIn = ({ calls }: EventApi) => calls.flatMap(({ events }) => events);
const idsIn = (api: EventApi) => eventsIn(api).map(({ id }) => id);

async function until(fits: () => boolean): Promise<void> {
  while (!fits()) await sleep(10);
}

describe('events for AppSync', () => {
  test('are sent in order, at most five per call, to the channel of their execution', async () => {
    const api = await eventApiThat();
    const all = [
      ...tiles('run-1', 12),
      ...tiles('run-2', 3),
      progressEvent(reported('run-2'), null),
      endEvent(reported('run-2')),
    ];
    api.events.publish(all);
    await api.events.flush();
    expect(eventsIn(api)).toEqual(all);
    expect(api.calls.map(({ channel, events }) => [channel, events.length])).toEqual([
      ['/pipeline/run-1', 5],
      ['/pipeline/run-1', 5],
      ['/pipeline/run-1', 2],
      ['/pipeline/run-2', 5],
    ]);
  });

  test('are sent soon, without a flush', async () => {
    const api = await eventApiThat();
    for (const event of tiles('run-1', 5)) api.events.publish([event]);
    await until(() => eventsIn(api).length === 5);
    expect(api.calls).toHaveLength(1);
  });

  test('are signed for the service and the region', async () => {
    const signatures: { sent: string; right: string }[] = [];
    const server = createServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray()).toString();
      signatures.push({ sent: request.headers.authorization ?? '', right: await signatureOf(request, body) });
      answered(response, 200);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    const events = appsyncEvents({ endpoint, region: REGION, credentials: CREDENTIALS, clock: { now: () => new Date() }, log });
    events.publish(tiles('run-1', 1));
    await events.flush();
    expect(signatures).toHaveLength(1);
    expect(signatures[0]?.sent).toContain(`/${REGION}/appsync/aws4_request, SignedHeaders=`);
    expect(signatures[0]?.sent).toContain('x-amz-security-token');
    expect(signatures[0]?.sent).toBe(signatures[0]?.right);
  });

  test('that could not be published are published again, in order', { timeout: 20_000 }, async () => {
    const api = await eventApiThat((call) => (call === 2 ? 503 : 200));
    const all = tiles('run-1', 12);
    api.events.publish(all);
    await until(() => eventsIn(api).length === all.length);
    expect(eventsIn(api)).toEqual(all);
    expect(api.warnings).toEqual(['Live events could not be published. Executions continue.']);
  });

  test('that are refused permanently are counted, and do not block later ones', async () => {
    const api = await eventApiThat((call) => (call === 1 ? 400 : 200));
    api.events.publish([...tiles('run-1', 7), endEvent(reported('run-1'))]);
    await api.events.flush();
    expect(idsIn(api)).toEqual(['run-1/tile/5/done', 'run-1/tile/6/done', 'run-1/end']);
    expect(eventsIn(api).at(-1)).toMatchObject({ type: 'end', dropped: 5 });
  });

  test('beyond the limit of the queue are dropped, oldest progress first and ends never; the next event counts them', {
    timeout: 30_000,
  }, async () => {
    const api = await eventApiThat();
    const looking = Array.from({ length: 300 }, (_, tile) => tileEvent('run-1', tile, 'looking')).flat();
    api.events.publish([progressEvent(reported('run-1'), null), endEvent(reported('run-0')), ...looking]);
    api.events.publish(tiles('run-1', QUEUED_MAX - 100));
    await until(() => eventsIn(api).length === QUEUED_MAX);
    api.events.publish([endEvent(reported('run-1'))]);
    await until(() => eventsIn(api).length > QUEUED_MAX);
    const states = Map.groupBy(eventsIn(api), (event) => (event.type === 'tile' ? event.state : event.type));
    expect(states.get('done')).toHaveLength(QUEUED_MAX - 100);
    expect(states.get('looking')?.at(0)).toMatchObject({ tile: 201 });
    expect(states.get('progress')).toBeUndefined();
    expect(states.get('end')).toMatchObject([
      { execution_id: 'run-0', dropped: 0 },
      { execution_id: 'run-1', dropped: 202 },
    ]);
  });

  test.each<[string, (call: number) => number | null]>([
    ['fails', () => 500],
    ['refuses', () => 403],
    ['never answers', () => null],
  ])('do not delay an execution if the service %s', { timeout: 30_000 }, async (_, answer) => {
    const path = await greyImage(900, 700);
    const calm = await (await pipelineStage()).run(requestFor(path), scriptedVision());
    const api = await eventApiThat(answer);
    const vision = scriptedVision();
    const run = await (await pipelineStage()).run(requestFor(path), vision, (deps) => ({ ...deps, events: api.events }));
    await api.events.flush();
    expect(run.document).toEqual({ ...calm.document, image: run.document?.image });
    expect(vision.detectCalls).toBe(run.document?.tiles.done);
    expect(api.asked).toBeLessThan(5); // it is not called repeatedly
    expect(api.warnings.length).toBeLessThanOrEqual(1);
  });

  test('of an execution reach the channel completely', { timeout: 30_000 }, async () => {
    const api = await eventApiThat();
    const run = await (await pipelineStage()).run(requestFor(await greyImage(900, 700)), scriptedVision(), (deps) => ({
      ...deps,
      events: api.events,
    }));
    await until(() => idsIn(api).includes('run-1/end'));
    const ended = new Set(idsIn(api).filter((id) => /\/tile\/\d+\/done$/.test(id)));
    expect(ended.size).toBe(run.document?.tiles.total);
    expect(new Set(api.calls.map(({ channel }) => channel))).toEqual(new Set(['/pipeline/run-1']));
    expect(idsIn(api).some((id) => id.startsWith('run-1/phase/'))).toBe(true);
  });
});

describe('the subscriber of the examples', () => {
  const example = join(import.meta.dirname, '../../examples/clients/live-events.ts');

  test('signs its connection and subscription, and prints a repeated event once', async () => {
    const ours = [
      ...tiles('run-1', 2),
      progressEvent(reported('run-1'), null),
      endEvent({ ...reported('run-1'), status: 'SUCCEEDED' }),
    ];
    const api = await eventApiSocket([...ours.slice(0, 2), ...tiles('run-3', 1), ...ours]);
    const { accessKeyId, secretAccessKey, sessionToken } = CREDENTIALS;
    const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [example, api.endpoint, 'run-1'], { env });
    expect(stdout.trim().split('\n')).toEqual(['tile 0 done', 'tile 1 done', 'progress detect RUNNING', 'end  SUCCEEDED']);
    expect(stderr).toBe('');
    expect(api.path).toBe('/event/realtime');
    expect(api.subscription).toMatchObject({ type: 'subscribe', channel: channelOf('run-1') });
    const posted = { method: 'POST', url: '/event' };
    const region = new URL(api.endpoint).hostname.split('.')[2] ?? '';
    const connect = api.connectedWith;
    const subscribe = api.subscription?.authorization ?? {};
    expect(connect.authorization).toBe(await signatureOf({ ...posted, headers: connect }, '{}', region));
    expect(subscribe.authorization).toBe(
      await signatureOf({ ...posted, headers: subscribe }, JSON.stringify({ channel: '/pipeline/run-1' }), region),
    );
  });

  test('is the one in the documentation', async () => {
    const [code, page] = await Promise.all([
      readFile(example, 'utf8'),
      readFile(join(import.meta.dirname, '../../docs/events.md'), 'utf8'),
    ]);
    expect(page).toContain(`\`\`\`ts\n${code}\`\`\`\n`);
  });
});

describe('the channel', () => {
  test.each([
    ['lawn-0123456789abcdef', '/pipeline/lawn-0123456789abcdef'],
    [`${'a-'.repeat(16)}-0123456789abcdef-0123456789ab`, `/pipeline/${'a-'.repeat(10)}-0123456789abcdef-0123456789ab`],
    ['--_x_y-', '/pipeline/x-y'],
  ])('of %s is valid for the service', (executionId, channel) => {
    expect(Publish.shape.channel.safeParse(channelOf(executionId)).success).toBe(true);
    expect(channelOf(executionId)).toBe(channel);
  });
});

describe('EVENTS_ENDPOINT', () => {
  const others = { BUCKET: 'images', AWS_LAMBDA_FUNCTION_NAME: 'pipeline', AWS_LAMBDA_FUNCTION_VERSION: '1' };

  test('determines the region of the signature', () => {
    const config = readPipelineConfig({ ...others, EVENTS_ENDPOINT: 'https://abc123.appsync-api.eu-central-1.amazonaws.com' });
    expect(eventApi(config)).toEqual({ endpoint: config.EVENTS_ENDPOINT, region: 'eu-central-1' });
  });

  test('that is not set turns publishing off', () => {
    expect(eventApi(readPipelineConfig({ ...others, EVENTS_ENDPOINT: '' }))).toBeNull();
  });

  test.each([
    'http://abc.appsync-api.eu-central-1.amazonaws.com',
    'abc.appsync-api.eu-central-1.amazonaws.com',
    'https://example.com',
  ])('is not %s', (EVENTS_ENDPOINT) => {
    expect(() => readPipelineConfig({ ...others, EVENTS_ENDPOINT })).toThrow(
      /^The environment variable EVENTS_ENDPOINT is invalid/,
    );
  });
});

/** The expected header, computed from the request that arrived. */
async function signatureOf(
  { method = '', url = '', headers }: Pick<IncomingMessage, 'method' | 'url'> & { headers: Record<string, unknown> },
  body: string,
  region = REGION,
): Promise<string> {
  const names = /SignedHeaders=([^,]+)/.exec(String(headers.authorization))?.[1]?.split(';') ?? [];
  const applyChecksum = names.includes('x-amz-content-sha256');
  const signer = new SignatureV4({ service: 'appsync', region, credentials: CREDENTIALS, sha256: Sha256, applyChecksum });
  const signed = Object.fromEntries(names.map((name) => [name, String(headers[name])]));
  const signingDate = new Date(String(headers['x-amz-date']).replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  const again = await signer.sign(new HttpRequest({ method, path: url, headers: signed, body }), {
    ...{ signingDate, signableHeaders: new Set(names) },
  });
  return String(again.headers.authorization);
}
