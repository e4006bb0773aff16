// Forwards the messages of a client on standard input and output to a server over HTTP, unchanged, in both protocol generations. Answers
// only what it cannot deliver. Must not know where the server is.
import { SdkHttpError, type StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import {
  isInitializeRequest,
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type JSONRPCRequest,
} from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';
import { report } from '../terminal.ts';
import { messageLines } from './message-lines.ts';

/** JSON-RPC 2.0, section 5.1. */
const INVALID_REQUEST = -32600;
const INTERNAL_ERROR = -32603;
const DELIVERIES_MAX = 3;
const Initialized = z.object({ result: z.object({ protocolVersion: z.string() }) });
const Cancelled = z.object({
  method: z.literal('notifications/cancelled'),
  params: z.object({ requestId: z.union([z.string(), z.number()]) }),
});

interface PendingRequest {
  request: JSONRPCRequest;
  cancellation: AbortController;
  deliveries: number;
}

export interface ForwardOptions {
  /** For the client; `error` is `null` if the server closed the connection before it answered. */
  sentenceFor(error: unknown): string;
  /** Finds the server again after a connection has broken. Then the request is sent once more; without it, or if it rejects, it fails. */
  reconnect?(): Promise<void>;
}

export interface Forwarding {
  /** Resolves when the client has closed standard input. */
  ended: Promise<void>;
  close(): Promise<void>;
}

export function forward(server: StreamableHTTPClientTransport, { sentenceFor, reconnect }: ForwardOptions): Forwarding {
  const lines = messageLines(process.stdin, ({ id, sentence }) => {
    if (id === null) report(`tilesight: ${sentence}\n`);
    else deliver({ jsonrpc: '2.0', id, error: { code: INVALID_REQUEST, message: sentence } });
  });
  const client = new StdioServerTransport(lines);
  const pending = new Map<string | number, PendingRequest>();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
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

  const send = async (sent: PendingRequest): Promise<void> => {
    const { request, cancellation } = sent;
    sent.deliveries += 1;
    const isWanted = () => !cancellation.signal.aborted && pending.get(request.id) === sent;
    let hasFailed = false;
    const onFailure = async (error: unknown) => {
      if (hasFailed || !isWanted()) return;
      hasFailed = true;
      if (!reconnect || isAnswer(error) || sent.deliveries >= DELIVERIES_MAX) return giveUp(error);
      try {
        await reconnect();
      } catch (cause) {
        return giveUp(cause);
      }
      if (isWanted()) await send(sent);
    };
    const giveUp = (error: unknown) => {
      if (isWanted() && pending.delete(request.id)) deliver(answerOf(request, error, sentenceFor));
    };
    const onRequestStreamEnd = () => void onFailure(null);
    await server.send(request, { requestSignal: cancellation.signal, onRequestStreamEnd }).catch(onFailure);
  };

  client.onmessage = (message) => {
    const cancelled = Cancelled.safeParse(message).data;
    const cancelling = cancelled && pending.get(cancelled.params.requestId);
    if (cancelling) {
      pending.delete(cancelled.params.requestId);
      cancelling.cancellation.abort(); // closes its stream, which cancels the request; a 2025-era server needs the message too
    }
    if (isJSONRPCRequest(message)) {
      const sent = { request: message, cancellation: new AbortController(), deliveries: 0 };
      pending.set(message.id, sent);
      void send(sent);
    } else if (!cancelling || isOf2025(cancelling.request)) {
      void server.send(message).catch((error) => report(`tilesight: ${sentenceFor(error)}\n`));
    }
  };
  client.onclose = () => {
    lines.destroy();
    void server.close().finally(resolve);
  };
  server.onmessage = onAnswer;
  server
    .start()
    .then(() => client.start())
    .catch(reject);
  return { ended: promise, close: () => client.close() };
}

function isOf2025({ params }: JSONRPCRequest): boolean {
  return params?._meta?.['io.modelcontextprotocol/protocolVersion'] === undefined;
}

/** The server was reached, and refused. */
function isAnswer(error: unknown): boolean {
  return error instanceof SdkHttpError;
}

/** A refusal may be a JSON-RPC error in the body of an HTTP error: it passes as it is. */
function answerOf({ id }: JSONRPCRequest, error: unknown, sentenceFor: ForwardOptions['sentenceFor']): JSONRPCMessage {
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
