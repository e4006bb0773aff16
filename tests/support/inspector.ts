// The official Inspector's command line as a person would run it, a process a call. At most two run at once: each takes a core.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from './folder.ts';

const require = createRequire(import.meta.url);
const PACKAGE = require.resolve('@modelcontextprotocol/inspector/package.json');
export const PROGRAM = join(dirname(PACKAGE), 'clients/launcher/build/index.js');
const RUNNING_MAX = 2;

export const ERAS = { legacy: '2025-11-25', modern: '2026-07-28' } as const;
export type Era = keyof typeof ERAS;

const Text = z.object({ type: z.literal('text'), text: z.string() });
const Image = z.object({ type: z.literal('image'), mimeType: z.string(), data: z.string() });
const ToolResult = z.object({
  isError: z.literal(true).optional(),
  structuredContent: z.record(z.string(), z.unknown()).optional(),
  content: z.array(z.discriminatedUnion('type', [Text, Image])),
});
type ToolResult = z.infer<typeof ToolResult>;
const Said = z.object({ code: z.number().nullable(), result: z.unknown().optional(), error: z.string().optional() });
type Said = z.infer<typeof Said>;

export interface Inspector {
  /** What a method of the protocol gives. Throws with what the Inspector says when it fails. */
  ask<T>(method: string, flags: string[], answer: z.ZodType<T>): Promise<T>;
  /** The same of one that must fail: what the Inspector says is wrong. */
  complaint(method: string, flags: string[]): Promise<string>;
  /** The structured answer of a tool, after it was found to be what its text says. */
  call<T>(name: string, args: object, answer: z.ZodType<T>): Promise<T>;
  /** A tool that answers with an image: its bytes, and the words beside it. */
  image(name: string, args: object): Promise<{ bytes: Buffer; mimeType: string; words: string }>;
  /** The sentence of a call that must fail. */
  refusal(name: string, args: object): Promise<string>;
}

/** `url` is that of MCP. */
export async function inspector(era: Era, url: string): Promise<Inspector> {
  const home = await temporaryFolder(); // where it would keep what it knows of servers
  const run = (method: string, flags: string[]) =>
    inTurn(() => ran(['--cli', url, '--transport', 'http', '--protocol-era', era, '--method', method, ...flags], home));
  const ask: Inspector['ask'] = async (method, flags, answer) => {
    const { code, result, error } = await run(method, flags);
    if (code !== 0) throw new Error(`Expected an answer to ${method}, got ${error}`);
    return answer.parse(result);
  };
  const callTool = async (name: string, args: object): Promise<Said> =>
    await run('tools/call', ['--tool-name', name, '--tool-args-json', JSON.stringify(args)]);
  const answered = async (name: string, args: object): Promise<ToolResult> => {
    const said = await callTool(name, args);
    if (said.code !== 0) throw new Error(`Expected an answer of ${name}, got ${said.error ?? JSON.stringify(said.result)}`);
    return ToolResult.parse(said.result);
  };
  return {
    ask,
    async complaint(method, flags) {
      const { code, error } = await run(method, flags);
      if (code === 0 || error === undefined) throw new Error(`Expected ${method} to fail, got an answer.`);
      return error;
    },
    async call(name, args, answer) {
      const { structuredContent, content } = await answered(name, args);
      const [{ text }] = z.tuple([Text]).parse(content);
      if (JSON.stringify(JSON.parse(text)) !== JSON.stringify(structuredContent))
        throw new Error(`Expected text and structured content of ${name} to say the same, got ${text}`);
      return answer.parse(structuredContent);
    },
    async image(name, args) {
      const [image, { text }] = z.tuple([Image, Text]).parse((await answered(name, args)).content);
      return { bytes: Buffer.from(image.data, 'base64'), mimeType: image.mimeType, words: text };
    },
    async refusal(name, args) {
      const said = await callTool(name, args);
      const { isError, content } = ToolResult.parse(said.result);
      if (!isError || said.code === 0) throw new Error(`Expected a refusal of ${name}, got ${JSON.stringify(said)}`);
      const [{ text }] = z.tuple([Text]).parse(content);
      return text;
    },
  };
}

/** Returns a result on standard output even if the Inspector calls it a failure: the refusal of a tool is one. */
async function ran(args: string[], home: string): Promise<Said> {
  // biome-ignore lint/style/noProcessEnv: a child starts from this process's environment.
  const env = { ...process.env, HOME: home };
  const child = spawn(process.execPath, [PROGRAM, ...args, '--format', 'json', '--quiet'], { env });
  onTestFinished(() => void child.kill());
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (chunk) => {
      said[stream] += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const result = said.stdout === '' ? {} : z.object({ result: z.unknown() }).parse(JSON.parse(said.stdout));
  return { code, ...result, ...(said.stderr !== '' && { error: errorIn(said.stderr) }) };
}

function errorIn(text: string): string {
  try {
    return z.object({ error: z.object({ message: z.string() }) }).parse(JSON.parse(text)).error.message;
  } catch {
    return text;
  }
}

let running = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  while (running >= RUNNING_MAX) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
  try {
    return await work();
  } finally {
    running--;
    waiting.shift()?.();
  }
}
