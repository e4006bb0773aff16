// `tilesight connect URL`: a stdio MCP server that signs and forwards to an IAM Function URL, for clients that cannot sign.
// Forwards messages of both protocol generations unchanged, and answers only those that cannot be delivered.
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SdkHttpError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { isInitializeRequest, isJSONRPCRequest, type JSONRPCMessage, type JSONRPCRequest } from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';
import { sentenceOf, UserError } from '../pipeline/contract/errors.ts';
import { signedFetch } from './signed-fetch.ts';

const LOOPBACK_NAMES = new Set(['127.0.0.1', 'localhost', '[::1]']);
const FUNCTION_URL_REGION = /\.lambda-url\.([a-z0-9-]+)\.on\.aws$/;
const INTERNAL_ERROR = -32603; // JSON-RPC 2.0, section 5.1
const Initialized = z.object({ result: z.object({ protocolVersion: z.string() }) });
const Cancelled = z.object({
  method: z.literal('notifications/cancelled'),
  params: z.object({ requestId: z.union([z.string(), z.number()]) }),
});
const Answer = z.looseObject({ jsonrpc: z.literal('2.0'), id: z.union([z.string(), z.number()]), error: z.looseObject({}) });

/** Resolves when the client closes standard input. */
export async function connectCommand(address: string, { region }: { region?: string }): Promise<void> {
  const url = URL.parse(address);
  if (!url || !['https:', 'http:'].includes(url.protocol))
    throw new UserError(`${address} is not an https:// URL. Use the Function URL of the deployment, which ends in .on.aws.`);
  const fetch = fetchFor(url, region);
  await forwarded(new StdioServerTransport(), new StreamableHTTPClientTransport(url, { ...(fetch && { fetch }) }));
}

/** Requests to this machine are not signed unless --region is given. */
function fetchFor(url: URL, region: string | undefined) {
  const signFor = region ?? url.hostname.match(FUNCTION_URL_REGION)?.[1];
  if (signFor) return signedFetch({ region: signFor, credentials: defaultProvider() });
  if (LOOPBACK_NAMES.has(url.hostname)) return null;
  throw new UserError('The URL contains no region to sign for. Add --region, for example --region us-east-1.');
}

interface Waiting {
  request: JSONRPCRequest;
  stop: AbortController;
}

async function forwarded(client: StdioServerTransport, server: StreamableHTTPClientTransport): Promise<void> {
  const waiting = new Map<string | number, Waiting>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const answer = (message: JSONRPCMessage) => void client.send(message).catch(() => {}); // the client may have disconnected

  const deliver = (message: JSONRPCMessage) => {
    if ('id' in message && message.id !== undefined && !('method' in message)) {
      const asked = waiting.get(message.id)?.request;
      waiting.delete(message.id);
      const initialized = asked && isInitializeRequest(asked) ? Initialized.safeParse(message).data : undefined;
      if (initialized) server.setProtocolVersion(initialized.result.protocolVersion); // becomes a header of later requests
    }
    answer(message);
  };

  const send = async (request: JSONRPCRequest) => {
    const stop = new AbortController();
    waiting.set(request.id, { request, stop });
    const giveUp = (error: unknown) => {
      if (stop.signal.aborted || !waiting.delete(request.id)) return;
      answer(answerOf(request, error));
    };
    await server.send(request, { requestSignal: stop.signal, onRequestStreamEnd: () => giveUp(null) }).catch(giveUp);
  };

  client.onmessage = (message) => {
    const cancelled = Cancelled.safeParse(message).data;
    const cancelling = cancelled && waiting.get(cancelled.params.requestId);
    if (cancelling) {
      waiting.delete(cancelled.params.requestId);
      cancelling.stop.abort(); // ends the stream, which cancels the request; 2025-era servers also get the notification
    }
    if (isJSONRPCRequest(message)) void send(message);
    else if (!cancelling || isOf2025(cancelling.request)) void server.send(message).catch(report);
  };
  client.onclose = () => void server.close().finally(resolve);
  server.onmessage = deliver;
  await server.start();
  await client.start();
  await promise;
}

function isOf2025({ params }: JSONRPCRequest): boolean {
  return params?._meta?.['io.modelcontextprotocol/protocolVersion'] === undefined;
}

/** Some errors are JSON-RPC answers with an HTTP status; every other error gets a sentence of ours. */
function answerOf({ id }: JSONRPCRequest, error: unknown): JSONRPCMessage {
  const own = error instanceof SdkHttpError ? answerIn(error.data?.text) : undefined;
  if (own?.id === id) return own as JSONRPCMessage;
  return { jsonrpc: '2.0', id, error: { code: INTERNAL_ERROR, message: sentenceFor(error) } };
}

function answerIn(text: unknown) {
  try {
    return Answer.safeParse(JSON.parse(String(text))).data;
  } catch {
    return undefined;
  }
}

function sentenceFor(error: unknown): string {
  const ours = sentenceOf(error);
  if (ours) return ours;
  if (error === null) return 'The server closed the connection before it answered. Send the request again.';
  const status = error instanceof SdkHttpError ? error.status : undefined;
  if (status === 403)
    return (
      'The server rejected the signature. Check the credentials, the region and the clock, and that the caller is allowed ' +
      'lambda:InvokeFunctionUrl and lambda:InvokeFunction.'
    );
  if (status !== undefined) return `The server answered with HTTP status ${status}. Check the URL, then try again.`;
  return 'Cannot connect to the server. Check the URL, then try again.';
}

function report(error: unknown): void {
  process.stderr.write(`tilesight: ${sentenceFor(error)}\n`);
}
