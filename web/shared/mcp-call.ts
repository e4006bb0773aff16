// Calls the tools of the server that served this page, as an agent does: whatever changes anything goes through them.

const VERSION = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': VERSION,
  'io.modelcontextprotocol/clientInfo': { name: 'tilesight-page', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

interface Answer {
  result?: { isError?: boolean; structuredContent?: unknown; content?: { type: string; text?: string }[] };
  error?: { message: string };
}

let calls = 0;

/** What the tool answered. Throws an Error with a sentence for people. */
export async function callTool<Result>(name: string, args: Readonly<Record<string, unknown>>): Promise<Result> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...{ 'mcp-protocol-version': VERSION, 'mcp-method': 'tools/call', 'mcp-name': name },
  };
  const params = { name, arguments: args, _meta: META };
  const body = JSON.stringify({ jsonrpc: '2.0', id: calls++, method: 'tools/call', params });
  const response = await fetch('/mcp', { method: 'POST', headers, body }).catch(() => null);
  if (!response) throw new Error('The server does not answer. Start it again with tilesight serve.');
  const { result, error } = (await response.json().catch(() => ({}))) as Answer;
  if (result && !result.isError) return result.structuredContent as Result;
  const sentence = result?.content?.find(({ type }) => type === 'text')?.text ?? error?.message;
  throw new Error(sentence ?? `The server answered with ${response.status}. Its log says more.`);
}

/** A link of this server, whatever name of this machine is in it: only what is under this page's own name may be asked. */
export function here(link: string): string {
  return new URL(link).pathname;
}
