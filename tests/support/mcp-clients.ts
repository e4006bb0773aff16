// Official MCP clients of both protocol generations, as one small interface.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as Client2025 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport2025 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { ORIGIN, type TestServer } from './server.ts';

/** The client library and how it agrees on a protocol version. */
export const CLIENTS = ['2.x pinned to 2026-07-28', '2.x that negotiates', '2.x as of 2025', '1.32'] as const;
export type ClientKind = (typeof CLIENTS)[number];

export const MODES = {
  '2.x pinned to 2026-07-28': { pin: '2026-07-28' },
  '2.x that negotiates': 'auto',
  '2.x as of 2025': 'legacy',
} as const;

export const ToolResult = z.object({
  structuredContent: z.record(z.string(), z.unknown()).optional(),
  content: z.array(
    z.discriminatedUnion('type', [
      z.object({ type: z.literal('text'), text: z.string() }),
      z.object({ type: z.literal('image'), data: z.string(), mimeType: z.string() }),
    ]),
  ),
  isError: z.boolean().optional(),
});
export type ToolResult = z.infer<typeof ToolResult>;

const ListedTool = z.object({
  name: z.string(),
  title: z.string(),
  description: z.string(),
  inputSchema: z.record(z.string(), z.unknown()),
  outputSchema: z.record(z.string(), z.unknown()).optional(),
  annotations: z.record(z.string(), z.unknown()),
});
export type ListedTool = z.infer<typeof ListedTool>;

const Resource = z.object({
  uri: z.string(),
  mimeType: z.string(),
  text: z.string().optional(),
  blob: z.string().optional(),
});

const Listed = z.object({ name: z.string(), title: z.string(), description: z.string() });
const ListedTemplate = Listed.extend({ uriTemplate: z.string(), mimeType: z.string() });
const ListedPrompt = Listed.extend({
  arguments: z.array(z.object({ name: z.string(), description: z.string(), required: z.boolean().optional() })),
});

/** As in both libraries. */
export interface CallOptions {
  onprogress: (progress: Reported) => void;
  timeout?: number;
  resetTimeoutOnProgress?: boolean;
}

export interface Reported {
  progress: number;
  total?: number | undefined;
  message?: string | undefined;
}

export interface TestClient {
  instructions(): string | undefined;
  listTools(): Promise<ListedTool[]>;
  callTool(name: string, args: Record<string, unknown>, options?: CallOptions): Promise<ToolResult>;
  /** The answer of a call that must succeed. */
  call<T>(name: string, args: Record<string, unknown>, answer: z.ZodType<T>): Promise<T>;
  /** The sentence of a call that must fail. */
  refusal(name: string, args: Record<string, unknown>): Promise<string>;
  /** Addresses of resources that are listed; there may be none. */
  listResources(): Promise<string[]>;
  listTemplates(): Promise<z.infer<typeof ListedTemplate>[]>;
  readResource(uri: string): Promise<z.infer<typeof Resource>>;
  /** What an argument of a template may become. */
  completions(uriTemplate: string, argument: { name: string; value: string }): Promise<string[]>;
  listPrompts(): Promise<z.infer<typeof ListedPrompt>[]>;
  /** The text of a prompt's only message. */
  prompt(name: string, args: Record<string, string>): Promise<string>;
}

export async function connected(kind: ClientKind, server: Pick<TestServer, 'fetch'>): Promise<TestClient> {
  const client = await clientOf(kind, server);
  onTestFinished(() => client.close());
  return await testClient(client);
}

/** Lists the tools first, as agents do. */
export async function testClient(client: Client | Client2025): Promise<TestClient> {
  await client.listTools(); // as agents do: from here on the client holds every answer against the advertised schema
  const callTool = async (name: string, args: Record<string, unknown>, options?: CallOptions) => {
    const call = { name, arguments: args };
    const isOf2025 = client instanceof Client2025;
    return ToolResult.parse(await (isOf2025 ? client.callTool(call, undefined, options) : client.callTool(call, options)));
  };
  return {
    instructions: () => client.getInstructions(),
    listTools: async () => z.array(ListedTool).parse((await client.listTools()).tools),
    callTool,
    async call(name, args, answer) {
      const result = await callTool(name, args);
      if (result.isError) throw new Error(textOf(result));
      return answer.parse(result.structuredContent);
    },
    async refusal(name, args) {
      const result = await callTool(name, args);
      if (!result.isError) throw new Error(`Expected a refusal, got ${textOf(result)}`);
      return textOf(result);
    },
    listResources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    listTemplates: async () => z.array(ListedTemplate).parse((await client.listResourceTemplates()).resourceTemplates),
    async readResource(uri) {
      const [resource] = z.tuple([Resource]).parse((await client.readResource({ uri })).contents);
      return resource;
    },
    completions: async (uri, argument) =>
      (await client.complete({ ref: { type: 'ref/resource', uri }, argument })).completion.values,
    listPrompts: async () => z.array(ListedPrompt).parse((await client.listPrompts()).prompts),
    async prompt(name, args) {
      const message = z.object({ role: z.literal('user'), content: z.object({ type: z.literal('text'), text: z.string() }) });
      const [{ content }] = z.tuple([message]).parse((await client.getPrompt({ name, arguments: args })).messages);
      return content.text;
    },
  };
}

export function textOf({ content }: ToolResult): string {
  return content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

async function clientOf(kind: ClientKind, { fetch }: Pick<TestServer, 'fetch'>): Promise<Client | Client2025> {
  const url = new URL('/mcp', ORIGIN);
  const identity = { name: 'test', version: '1' };
  if (kind === '1.32') {
    const client = new Client2025(identity);
    await client.connect(new Transport2025(url, { fetch }) as Parameters<Client2025['connect']>[0]);
    return client;
  }
  const client = new Client(identity, { versionNegotiation: { mode: MODES[kind] } });
  await client.connect(new StreamableHTTPClientTransport(url, { fetch }));
  return client;
}
