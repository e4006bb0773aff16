// `tilesight connect URL`: a stdio MCP server that signs and forwards every message to an IAM Function URL, for clients that cannot sign.
// Messages pass unchanged, in both protocol generations; the command answers only what it cannot deliver.
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SdkHttpError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import {
  isInitializeRequest,
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type JSONRPCRequest,
} from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';
import { sentenceOf, UserError } from '../pipeline/contract/errors.ts';
import { signedFetch } from './signed-fetch.ts';
import { report } from './terminal.ts';

const ConnectOptions = z.strictObject({ region: z.string().optional() });

const LOOPBACK_NAMES = new Set(['127.0.0.1', 'localhost', '[::1]']);
const FUNCTION_URL_REGION = /\.lambda-url\.([a-z0-9-]+)\.on\.aws$/;
const INTERNAL_ERROR = -32603; // JSON-RPC 2.0, section 5.1
const Initialized = z.object({ result: z.object({ protocolVersion: z.string() }) });
const Cancelled = z.object({
  method: z.literal('notifications/cancelled'),
  params: z.object({ requestId: z.union([z.string(), z.number()]) }),
});

/** `values` are commander's. Resolves when the client has closed standard input. */
export async function connectCommand(address: string, values: unknown): Promise<void> {
  const { region } = ConnectOptions.parse(values);
  const url = URL.parse(address);
  if (!url || !['https:', 'http:'].includes(url.protocol))
    throw new UserError(`${address} is not an https:// URL. Use the Function URL of the deployment, which ends in .on.aws.`);
  const fetch = fetchFor(url, region);
  await forward(new StdioServerTransport(), new StreamableHTTPClientTransport(url, fetch ? { fetch } : {}));
}

/** `null` if requests need no signature: they stay on this machine, and no --region asks for one. */
function fetchFor(url: URL, region: string | undefined) {
  const signFor = region ?? url.hostname.match(FUNCTION_URL_REGION)?.[1];
  if (signFor) return signedFetch({ region: signFor, credentials: defaultProvider() });
  if (LOOPBACK_NAMES.has(url.hostname)) return null;
  throw new UserError('The URL contains no region to sign for. Add --region, for example --region us-east-1.');
}

interface PendingRequest {
  request: JSONRPCRequest;
  cancellation: AbortController;
}

async function forward(client: StdioServerTransport, server: StreamableHTTPClientTransport): Promise<void> {
  const pending = new Map<string | number, PendingRequest>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const deliver = (message: JSONRPCMessage) => void client.send(message).catch(() => {}); // the client may be gone

  const onAnswer = (message: JSONRPCMessage) => {
    if ('id' in message && message.id !== undefined && !('method' in message)) {
      const request = pending.get(message.id)?.request;
      pending.delete(message.id);
      const initialized = request && isInitializeRequest(request) ? Initialized.safeParse(message).data : undefined;
      if (initialized) server.setProtocolVersion(initialized.result.protocolVersion); // every later request has it as a header
    }
    deliver(message);
  };

  const send = async (request: JSONRPCRequest) => {
    const cancellation = new AbortController();
    pending.set(request.id, { request, cancellation });
    const giveUp = (error: unknown) => {
      if (cancellation.signal.aborted || !pending.delete(request.id)) return;
      deliver(answerOf(request, error));
    };
    const onRequestStreamEnd = () => giveUp(null);
    await server.send(request, { requestSignal: cancellation.signal, onRequestStreamEnd }).catch(giveUp);
  };

  client.onmessage = (message) => {
    const cancelled = Cancelled.safeParse(message).data;
    const cancelling = cancelled && pending.get(cancelled.params.requestId);
    if (cancelling) {
      pending.delete(cancelled.params.requestId);
      cancelling.cancellation.abort(); // closes its stream, which cancels the request; a 2025-era server needs the message too
    }
    if (isJSONRPCRequest(message)) void send(message);
    else if (!cancelling || isOf2025(cancelling.request)) void server.send(message).catch(reportError);
  };
  client.onclose = () => void server.close().finally(resolve);
  server.onmessage = onAnswer;
  await server.start();
  await client.start();
  await promise;
}

function isOf2025({ params }: JSONRPCRequest): boolean {
  return params?._meta?.['io.modelcontextprotocol/protocolVersion'] === undefined;
}

/** A refusal may be a JSON-RPC error in the body of an HTTP error: it passes as it is. `error` is `null` if the stream just ended. */
function answerOf({ id }: JSONRPCRequest, error: unknown): JSONRPCMessage {
  const refusal = error instanceof SdkHttpError ? jsonIn(error.data?.text) : null;
  if (isJSONRPCErrorResponse(refusal) && refusal.id === id) return refusal;
  return { jsonrpc: '2.0', id, error: { code: INTERNAL_ERROR, message: sentenceFor(error) } };
}

function jsonIn(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return null;
  }
}

function sentenceFor(error: unknown): string {
  const own = sentenceOf(error);
  if (own) return own;
  if (error === null) return 'The server closed the connection before it answered. Send the request again.';
  if (!(error instanceof SdkHttpError)) return 'Cannot connect to the server. Check the URL, then try again.';
  if (error.status === 403)
    return (
      'The server rejected the signature. Check the credentials, the region and the clock, and that the caller is allowed ' +
      'lambda:InvokeFunctionUrl and lambda:InvokeFunction.'
    );
  return `The server answered with HTTP status ${error.status}. Check the URL, then try again.`;
}

function reportError(error: unknown): void {
  report(`tilesight: ${sentenceFor(error)}\n`);
}
