// What the official suites want a server to offer, so that they can see content of every kind pass: their own fixture, over our
// handler and our HTTP face.
import { createAdaptorServer } from '@hono/node-server';
import { completable, inputRequired, McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { httpApp } from '../../local/http/http-app.ts';
import { localLinks } from '../../local/http/local-links.ts';
import { mcpEndpoint } from '../../mcp-server/server.ts';
import type { Log } from '../../pipeline/ports.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { temporaryFolder } from './folder.ts';

const quiet = () => {};
const SILENT: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const FOREVER = { listChanged: false }; // as of ours
/** One red pixel. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
/** A head, and no sound. */
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=';

const text = (words: string) => ({ type: 'text' as const, text: words });
const image = { type: 'image' as const, data: PNG, mimeType: 'image/png' };
const embedded = (uri: string, mimeType: string, words: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType, text: words },
});

const TOOLS = {
  // For the first two, the suite checks that nothing comes with the answer.
  test_streaming_elicitation: [text('Asks no client.')],
  test_logging_tool: [text('Nothing is logged.')],
  test_simple_text: [text('This is a simple text response for testing.')],
  test_image_content: [image],
  test_audio_content: [{ type: 'audio' as const, data: WAV, mimeType: 'audio/wav' }],
  test_embedded_resource: [embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
  test_multiple_content_types: [
    text('Multiple content types test:'),
    image,
    embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  ],
};

/** Keywords of 2020-12 that a server must not lose. */
const SCHEMA_2020 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object' as const,
  $defs: {
    address: { $anchor: 'address', type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } },
  },
  properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
  allOf: [{ anyOf: [{ required: ['name'] }, { required: ['address'] }] }],
  if: { required: ['address'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
  then: { required: ['name'] },
  else: {},
  additionalProperties: false,
};

function addTools(server: McpServer): void {
  for (const [name, content] of Object.entries(TOOLS))
    server.registerTool(name, { description: name }, async () => ({ content }));
  server.registerTool('test_missing_capability', { description: 'Wants what no client here has.' }, async () =>
    inputRequired({ inputRequests: { words: inputRequired.createMessage({ messages: [], maxTokens: 1 }) } }),
  );
  server.registerTool('test_error_handling', { description: 'Fails.' }, async () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  server.registerTool('test_tool_with_progress', { description: 'Reports its progress.' }, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined)
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return { content: [text('Done.')] };
  });
  const inputSchema = {
    '~standard': {
      vendor: 'test',
      version: 1 as const,
      jsonSchema: { input: () => SCHEMA_2020, output: () => SCHEMA_2020 },
      validate: (value: unknown) => ({ value }),
    },
  };
  server.registerTool('json_schema_2020_12_tool', { description: 'Has a schema.', inputSchema }, async () => ({ content: [] }));
}

function addResources(server: McpServer): void {
  server.registerResource('static-text', 'test://static-text', { mimeType: 'text/plain' }, async ({ href: uri }) => ({
    contents: [{ uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }],
  }));
  server.registerResource('static-binary', 'test://static-binary', { mimeType: 'image/png' }, async ({ href: uri }) => ({
    contents: [{ uri, mimeType: 'image/png', blob: PNG }],
  }));
  const template = new ResourceTemplate('test://template/{id}/data', { list: undefined });
  server.registerResource('template', template, { mimeType: 'application/json' }, async ({ href: uri }, { id }) => ({
    contents: [
      { uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) },
    ],
  }));
}

function addPrompts(server: McpServer): void {
  const say = (...contents: (ReturnType<typeof text> | typeof image | ReturnType<typeof embedded>)[]) => ({
    messages: contents.map((content) => ({ role: 'user' as const, content })),
  });
  server.registerPrompt('test_simple_prompt', {}, async () => say(text('This is a simple prompt for testing.')));
  const argsSchema = z.object({
    arg1: completable(z.string(), (begun) => ['paris', 'park', 'party'].filter((word) => word.startsWith(begun))),
    arg2: z.string(),
  });
  server.registerPrompt('test_prompt_with_arguments', { argsSchema }, async ({ arg1, arg2 }) =>
    say(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
  );
  const resourceArgs = z.object({ resourceUri: z.string() });
  server.registerPrompt('test_prompt_with_embedded_resource', { argsSchema: resourceArgs }, async ({ resourceUri }) =>
    say(
      embedded(resourceUri, 'text/plain', 'Embedded resource content for testing.'),
      text('Please process the embedded resource above.'),
    ),
  );
  server.registerPrompt('test_prompt_with_image', {}, async () => say(image, text('Please analyze the image above.')));
}

/** Listens on loopback until the test ends; gives the address. */
export async function fixtureServer(): Promise<string> {
  const factory = () => {
    const capabilities = { tools: FOREVER, resources: FOREVER, prompts: FOREVER };
    const server = new McpServer({ name: 'fixture', version: '0.0.0-test' }, { capabilities });
    addTools(server);
    addResources(server);
    addPrompts(server);
    return server;
  };
  const mcp = mcpEndpoint(factory, SILENT);
  const folder = await temporaryFolder();
  const links = localLinks(new Uint8Array(32), () => '', { now: () => new Date() });
  const app = httpApp({
    mcp: (request) => mcp.fetch(request, null),
    blobs: fsBlobs(folder),
    links,
    scratchFolder: folder,
    log: SILENT,
  });
  const listener = createAdaptorServer({ fetch: app.fetch });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    await new Promise((resolve) => listener.close(resolve));
    await mcp.close();
  });
  const address = listener.address();
  if (typeof address !== 'object' || !address) throw new Error('Expected a port.');
  return `http://127.0.0.1:${address.port}/mcp`;
}
