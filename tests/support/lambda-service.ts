// Lambda's API of durable executions on loopback, as the SDK sees it: paths, headers, error types. Behind it is the local engine,
// and what the engine runs may be a handler that speaks to this API itself.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { DurableLambdaHandler } from '@aws/durable-execution-sdk-js';
import { onTestFinished } from 'vitest';
import { type Engine, openEngine } from '../../local/engine/engine.ts';
import type { InvocationClient } from '../../local/engine/invocation.ts';
import { temporaryFolder } from './folder.ts';

export interface Refusal {
  status: number;
  type: string;
  message?: string;
}

export interface LambdaService {
  endpoint: string;
  engine: Engine;
  /** What was asked, for example `Invoke pipeline:live`. */
  calls: string[];
  /** The next ones, one a request; `cut` ends the connection. */
  next: (Refusal | 'cut')[];
  /** What Lambda runs for an execution; until it is set, executions only wait. */
  handler: DurableLambdaHandler | null;
}

const ALREADY = 'DurableExecutionAlreadyStartedException';
const ARN_HEADER = 'X-Amz-Durable-Execution-Arn';
const quiet = () => {};
const SILENT = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** `version`: under which name the function invokes itself. `engine`: instead of one that runs `handler`. */
export async function lambdaService({
  version = 'pipeline:1',
  engine: given,
}: {
  version?: string;
  engine?: Engine;
} = {}): Promise<LambdaService> {
  const clients = new Map<string, InvocationClient>();
  const invoke: Parameters<typeof openEngine>[0]['invoke'] = async (event, client, timeoutMs) => {
    if (!service.handler) return await new Promise(() => {});
    clients.set(event.DurableExecutionArn, client);
    const context = { awsRequestId: crypto.randomUUID(), getRemainingTimeInMillis: () => timeoutMs };
    return await service.handler(event, context as Parameters<DurableLambdaHandler>[1]);
  };
  const clock = { now: () => new Date() };
  const file = join(await temporaryFolder(), 'engine.db');
  const engine = given ?? openEngine({ file, invoke, functions: { [version]: invoke }, clock, log: SILENT });
  if (!given) engine.start();
  const server = createServer((request, response) => {
    void (async () => {
      const body = await bodyOf(request);
      const given = service.next.shift();
      if (given === 'cut') return void response.destroy();
      const { status, headers = {}, answer = {} } = given ? refusal(given) : await answerTo(request, body, service, clients);
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(answer, secondsForDates));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    if (!given) engine.close();
    server.close();
    server.closeAllConnections();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const service: LambdaService = { endpoint, engine, calls: [], next: [], handler: null };
  return service;
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  answer?: object;
}

async function answerTo(
  request: IncomingMessage,
  body: string,
  service: LambdaService,
  clients: ReadonlyMap<string, InvocationClient>,
): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? '', service.endpoint);
  const parts = pathname.split('/').slice(1).map(decodeURIComponent);
  const { engine, calls } = service;
  try {
    if (request.method === 'POST' && /^\/2015-03-31\/functions\/[^/]+\/invocations$/.test(pathname)) {
      calls.push(`Invoke ${parts[2]} as ${request.headers['x-amz-invocation-type']}`);
      return started(String(request.headers['x-amz-durable-execution-name']), body, engine);
    }
    if (request.method === 'GET' && parts[1] === 'functions') {
      calls.push(`ListDurableExecutionsByFunction ${parts[2]}`);
      const row = engine.describe(searchParams.get('DurableExecutionName') ?? '');
      return { status: 200, answer: { DurableExecutions: row ? [shown(row, false)] : [] } };
    }
    if (request.method === 'POST' && parts[1] === 'durable-execution-callbacks') return answeredCallback(parts, body, service);
    const [, , arn = '', part] = parts;
    const client = clients.get(arn);
    if (part === 'checkpoint')
      return { status: 200, answer: await clientOf(client).checkpoint({ ...JSON.parse(body), DurableExecutionArn: arn }) };
    if (part === 'state') {
      const Marker = searchParams.get('Marker') ?? '';
      const state = { DurableExecutionArn: arn, CheckpointToken: searchParams.get('CheckpointToken') ?? '', Marker };
      return { status: 200, answer: await clientOf(client).getExecutionState(state) };
    }
    const row = engine.describe(arn.split('/').at(-2) ?? '');
    if (row?.arn !== arn) return refusal({ status: 404, type: 'ResourceNotFoundException' });
    if (part === 'stop') {
      calls.push('StopDurableExecution');
      if (row.status !== 'RUNNING')
        return refusal({ status: 400, type: 'InvalidParameterValueException', message: 'not running' });
      engine.stop(row.name, JSON.parse(body));
      return { status: 200, answer: { StopTimestamp: new Date() } };
    }
    calls.push('GetDurableExecution');
    return { status: 200, answer: shown(row, searchParams.get('IncludeExecutionData') !== 'false') };
  } catch (error) {
    const { name, message } = error as Error;
    if (name === ALREADY) return refusal({ status: 409, type: name, message });
    if (name === 'ResourceNotFoundException') return refusal({ status: 404, type: name, message });
    if (name === 'CallbackTimeoutException') return refusal({ status: 400, type: name, message });
    return refusal({ status: 400, type: 'InvalidParameterValueException', message });
  }
}

function started(name: string, payload: string, engine: Engine): Answer {
  engine.startExecution(name, payload);
  return { status: 202, headers: { [ARN_HEADER]: engine.describe(name)?.arn ?? '', 'X-Amz-Executed-Version': '1' } };
}

/** The result is the body itself; ids of the service contain `/` and `+`, which a client must escape. */
function answeredCallback([, , id = '', how]: string[], body: string, { engine, calls }: LambdaService): Answer {
  calls.push(`SendDurableExecutionCallback ${how}`);
  if (how === 'succeed') engine.succeedCallback(id, body);
  else if (how === 'fail') engine.failCallback(id, JSON.parse(body));
  else engine.heartbeatCallback(id);
  return { status: 200 };
}

function clientOf(client: InvocationClient | undefined): InvocationClient {
  if (client) return client;
  throw new Error('Invalid checkpoint token');
}

type Row = NonNullable<ReturnType<Engine['describe']>>;

function shown({ arn, name, status, started_at, ended_at, error }: Row, withData: boolean): object {
  return {
    ...{ DurableExecutionArn: arn, DurableExecutionName: name, Status: status, StartTimestamp: new Date(started_at) },
    FunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:pipeline:1',
    ...(ended_at !== null && { EndTimestamp: new Date(ended_at) }),
    ...(withData && error !== null && { Error: JSON.parse(error) }),
  };
}

function refusal({ status, type, message = 'arn:aws:lambda:us-east-1:123456789012:function:pipeline said no' }: Refusal): Answer {
  return { status, headers: { 'x-amzn-errortype': type }, answer: { Type: 'User', message, Message: message } };
}

/** As restJson1 writes times; a Date has become text by the time it gets here, as it has in the engine's database. */
function secondsForDates(key: string, value: unknown): unknown {
  return key.endsWith('Timestamp') && typeof value === 'string' ? Date.parse(value) / 1_000 : value;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
