// Requests to the server of this page: documents by GET, and every change by the MCP tools that agents call.
import * as read from './read.ts';

const PROTOCOL_VERSION = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': PROTOCOL_VERSION,
  'io.modelcontextprotocol/clientInfo': { name: 'tilesight-page', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

const readAnswer = read.fields({
  result: read.optional(
    read.fields({
      isError: read.optional(read.flag),
      structuredContent: read.anything,
      content: read.optional(read.listOf(read.fields({ text: read.optional(read.text) }))),
    }),
  ),
  error: read.optional(read.fields({ message: read.text })),
});

let calls = 0;

/** `null` if the server has no such document yet, or is not responding: the page asks again after the next event. */
export async function documentAt<T>(path: string, readDocument: read.Read<T>): Promise<T | null> {
  const response = await fetch(path).catch(() => null);
  if (!response?.ok) return null;
  const body: unknown = await response.json().catch(() => null);
  return body === null ? null : readDocument(body);
}

/** The server refused a call. The message is a sentence for people. */
export class Refusal extends Error {}

/** Throws a Refusal, or an Error with a sentence for people if the server is not responding. */
export async function callTool<T>(name: string, args: Readonly<Record<string, unknown>>, readResult: read.Read<T>): Promise<T> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': PROTOCOL_VERSION,
    'mcp-method': 'tools/call',
    'mcp-name': name,
  };
  const params = { name, arguments: args, _meta: META };
  const body = JSON.stringify({ jsonrpc: '2.0', id: calls++, method: 'tools/call', params });
  const response = await fetch('/mcp', { method: 'POST', headers, body }).catch(() => null);
  if (!response) throw new Error('The server is not responding. Restart it with tilesight serve.');
  const { result, error } = readAnswer(await response.json().catch(() => ({})));
  if (result && !result.isError) return readResult(result.structuredContent);
  const sentence = result?.content?.find(({ text }) => text !== undefined)?.text ?? error?.message;
  throw new Refusal(sentence ?? `The server answered with HTTP ${response.status}. See its log for the cause.`);
}

/** The path of a link to this server. A link may use another name of this machine, and the page may only ask its own origin. */
export function pathOf(link: string): string {
  return new URL(link).pathname;
}
