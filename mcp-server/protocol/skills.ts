// The Skills extension (SEP-2640): clients list and read the skills of skills/. The SDK's own implementation parses and hashes them at
// the start, with schemas that a cold start would load; here `npm run docs` has done that, and a request reads files. Knows no tool.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import {
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import { z } from 'zod';

const SKILLS = 'io.modelcontextprotocol/skills';
/** A prefix, so that a relative link between two skills leads to the same file over MCP as in the folder. */
const BASE = 'skill://tilesight/';
const INDEX = 'index.json';
const MIME_TYPE = 'text/markdown';
const TEMPLATE = {
  title: 'Skill',
  description: 'Instructions for agents: how to use the tools for one kind of task.',
  mimeType: MIME_TYPE,
};

const File = z.looseObject({ uri: z.string() });
const Skill = z.looseObject({
  uri: z.string(),
  frontmatter: z.looseObject({ name: z.string(), description: z.string() }),
  resources: z.array(File),
});
export type Skill = z.infer<typeof Skill>;
const ListParams = z.looseObject({});
const GetParams = z.looseObject({ uri: z.string() });
const Result = z.looseObject({});

/** `cacheHint` is for clients of 2026-07-28, which keep lists. */
export function addSkills(mcp: McpServer, cacheHint: { ttlMs: number; cacheScope: 'public' }, era: 'legacy' | 'modern'): void {
  const hint = era === 'modern' ? cacheHint : {};
  const template = new ResourceTemplate(`${BASE}{+path}`, { list: async () => ({ resources: (await skills()).map(listed) }) });
  mcp.registerResource('skill', template, { ...TEMPLATE, cacheHint }, async ({ href }) => ({
    contents: [{ uri: href, mimeType: MIME_TYPE, text: await textAt(href) }],
  }));
  const { server } = mcp;
  server.setRequestHandler('skills/list', { params: ListParams, result: Result }, async () => ({
    skills: await skills(),
    ...hint,
  }));
  server.setRequestHandler('skills/get', { params: GetParams, result: Result }, async ({ uri }) => {
    const skill = (await skills()).find((one) => one.uri === uri);
    if (!skill) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no skill at ${uri}. skills/list names them.`);
    return { skill, ...hint };
  });
  server.registerCapabilities({ extensions: { [SKILLS]: {} } });
}

async function skills(): Promise<Skill[]> {
  return z.array(Skill).parse(JSON.parse(await readFile(fileOf(INDEX), 'utf8')));
}

function listed({ uri, frontmatter: { name, description } }: Skill) {
  return { uri, name, description, mimeType: MIME_TYPE };
}

/** Only files that the index names can be read. */
async function textAt(uri: string): Promise<string> {
  const isSkill = (await skills()).some(({ resources }) => resources.some((file) => file.uri === uri));
  if (!isSkill) throw new ResourceNotFoundError(uri, `There is no skill at ${uri}. skills/list names them.`);
  return await readFile(fileOf(uri.slice(BASE.length)), 'utf8');
}

function fileOf(path: string): string {
  return createRequire(import.meta.url).resolve(`#skills/${path}`);
}
