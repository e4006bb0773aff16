// `tilesight connect URL`: a stdio MCP server that signs and forwards to an IAM Function URL, for clients that cannot sign.
// Messages pass as they are, in both protocol generations; only what cannot be delivered is answered here.
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

/** Resolves when the client has closed standard input. */
export async function connectCommand(address: string, { region }: { region?: string }): Promise<void> {
  const url = URL.parse(address);
  if (!url || !['https:', 'http:'].includes(url.protocol))
    throw new UserError(
      `Expected the https:// URL of a server, got ${address}. Use the one that ends in .on.aws, with its path.`,
    );
  const fetch = fetchFor(url, region);
  await forwarded(new StdioServerTransport(), new StreamableHTTPClientTransport(url, { ...(fetch && { fetch }) }));
}

/** A server on this machine wants no signature, unless --region says for where one is to be. */
function fetchFor(url: URL, region: string | undefined) {
  const signFor = region ?? url.hostname.match(FUNCTION_URL_REGION)?.[1];
  if (signFor) return signedFetch({ region: signFor, credentials: defaultProvider() });
  if (LOOPBACK_NAMES.has(url.hostname)) return null;
  throw new UserError(`Expected a region in the URL or in --region, got neither. Add --region, such as us-east-1.`);
}

interface Waiting {
  request: JSONRPCRequest;
  stop: AbortController;
}

async function forwarded(client: StdioServerTransport, server: StreamableHTTPClientTransport): Promise<void> {
  const waiting = new Map<string | number, Waiting>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const say = (message: JSONRPCMessage) => void client.send(message).catch(() => {}); // a client that is gone needs no answer

  const deliver = (message: JSONRPCMessage) => {
    if ('id' in message && message.id !== undefined && !('method' in message)) {
      const asked = waiting.get(message.id)?.request;
      waiting.delete(message.id);
      const initialized = asked && isInitializeRequest(asked) ? Initialized.safeParse(message).data : undefined;
      if (initialized) server.setProtocolVersion(initialized.result.protocolVersion); // a header of all that follows
    }
    say(message);
  };

  const send = async (request: JSONRPCRequest) => {
    const stop = new AbortController();
    waiting.set(request.id, { request, stop });
    const giveUp = (error: unknown) => {
      if (stop.signal.aborted || !waiting.delete(request.id)) return;
      say(answerOf(request, error));
    };
    await server.send(request, { requestSignal: stop.signal, onRequestStreamEnd: () => giveUp(null) }).catch(giveUp);
  };

  client.onmessage = (message) => {
    const cancelled = Cancelled.safeParse(message).data;
    const cancelling = cancelled && waiting.get(cancelled.params.requestId);
    if (cancelling) {
      waiting.delete(cancelled.params.requestId);
      cancelling.stop.abort(); // the end of its stream is how a server hears of it; 2025-era servers also hear the words
    }
    if (isJSONRPCRequest(message)) void send(message);
    else if (!cancelling || isOf2025(cancelling.request)) void server.send(message).catch(complain);
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

/** Some refusals are answers in themselves, sent with an HTTP status; the others get a sentence of ours. */
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
  if (error === null) return 'Expected an answer from the server, got a stream that ended without one. Send the request again.';
  const status = error instanceof SdkHttpError ? error.status : undefined;
  if (status === 403)
    return (
      'Expected the server to accept the signature, got a refusal. Check the credentials, the region and the clock, and that ' +
      'the caller may do lambda:InvokeFunctionUrl and lambda:InvokeFunction.'
    );
  if (status !== undefined) return `Expected an answer from the server, got HTTP ${status}. Check the URL, then try again.`;
  return 'Expected an answer from the server, got no connection. Check the URL, then try again.';
}

function complain(error: unknown): void {
  process.stderr.write(`tilesight: ${sentenceFor(error)}\n`);
}
