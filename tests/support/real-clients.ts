// Clients of MCP as their makers publish them, run by their own command lines without an account. They are not installed with this
// repository; TILESIGHT_TEST_CLIENTS names a folder in which npm installed them, or they are on the PATH.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify, stripVTControlCharacters } from 'node:util';
import { z } from 'zod';

/** The line that starts a server on standard input and output. */
export type Line = readonly string[];

export interface RealClient {
  title: string;
  /** The name on npm, for the sentence of a test that skips. */
  package: string;
  program: string;
  /** The arguments of its command that adds a server. */
  add: { stdio(name: string, line: Line): string[]; http(name: string, url: string): string[] };
  /** The servers to which it connects, by its own report. */
  connected(run: Run): Promise<string[]>;
  /** Makes it ask its servers for their tools, if its report does not. */
  work?(run: Run, home: string): Promise<void>;
}

export interface Run {
  /** Standard output and error of the program. */
  (args: readonly string[], more?: Record<string, string>): Promise<string>;
  start(args: readonly string[]): ChildProcess;
}

const CLOSED_PORT = 'http://127.0.0.1:9'; // instead of the model's service
const lines = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name);
const Servers = z.object({
  id: z.literal(2),
  result: z.object({ data: z.array(z.looseObject({ name: z.string(), tools: z.record(z.string(), z.unknown()) })) }),
});

export const REAL_CLIENTS = {
  claude: {
    title: 'Claude Code',
    package: '@anthropic-ai/claude-code',
    program: 'claude',
    add: {
      stdio: (name, line) => ['mcp', 'add', '--scope', 'user', name, '--', ...line],
      http: (name, url) => ['mcp', 'add', '--scope', 'user', '--transport', 'http', name, url],
    },
    connected: async (run) => lines(await run(['mcp', 'list']), /^(\S+): .* ✔ Connected$/gm),
  },
  codex: {
    title: 'Codex',
    package: '@openai/codex',
    program: 'codex',
    add: {
      stdio: (name, line) => ['mcp', 'add', name, '--', ...line],
      http: (name, url) => ['mcp', 'add', name, '--url', url],
    },
    // `codex mcp list` connects to none; the server for editors does.
    async connected(run) {
      const server = run.start(['app-server']);
      const send = (message: object) => server.stdin?.write(`${JSON.stringify(message)}\n`);
      try {
        send({ id: 1, method: 'initialize', params: { clientInfo: { name: 'test', version: '1' } } });
        send({ method: 'initialized' });
        send({ id: 2, method: 'mcpServerStatus/list', params: {} });
        if (!server.stdout) throw new Error('Expected an output.');
        for await (const line of createInterface({ input: server.stdout })) {
          const { data } = Servers.safeParse(JSON.parse(line));
          if (data) return data.result.data.filter(({ tools }) => Object.keys(tools).length > 0).map(({ name }) => name);
        }
        throw new Error('Codex ended without an answer.');
      } finally {
        server.stdin?.end();
      }
    },
  },
  gemini: {
    title: 'Gemini CLI',
    package: '@google/gemini-cli',
    program: 'gemini',
    add: {
      // Its parser takes flags of the server's for its own.
      stdio: (name, [program = '', ...args]) => {
        const flags = args.findIndex((arg) => arg.startsWith('--'));
        return ['mcp', 'add', '--scope', 'user', name, program, ...args.slice(0, flags), '--', ...args.slice(flags)];
      },
      http: (name, url) => ['mcp', 'add', '--scope', 'user', '--transport', 'http', name, url],
    },
    connected: async (run) => lines(await run(['mcp', 'list'], TRUSTED), /^✓ (\S+): .* - Connected$/gm),
    // The report only pings. A prompt lists the tools before the model's service is called, which cannot be reached.
    async work(run, home) {
      const file = join(home, '.gemini/settings.json');
      const settings = z.looseObject({}).parse(JSON.parse(await readFile(file, 'utf8')));
      await writeFile(file, JSON.stringify({ ...settings, security: { auth: { selectedType: 'gemini-api-key' } } }));
      await run(['-p', 'hi'], { ...TRUSTED, GEMINI_API_KEY: 'none', GOOGLE_GEMINI_BASE_URL: CLOSED_PORT });
    },
  },
  opencode: {
    title: 'opencode',
    package: 'opencode-ai',
    program: 'opencode',
    add: {
      stdio: (name, line) => ['mcp', 'add', name, '--', ...line],
      http: (name, url) => ['mcp', 'add', name, '--url', url],
    },
    connected: async (run) => lines(await run(['mcp', 'list']), /✓ (\S+) connected$/gm),
  },
} as const satisfies Record<string, RealClient>;

/** Gemini CLI starts no server in a folder that the user has not trusted. */
const TRUSTED = { GEMINI_CLI_TRUST_WORKSPACE: 'true' };

/** The path of a program, or `null` if it is not installed. */
export function installed(program: string): string | null {
  // biome-ignore-start lint/style/noProcessEnv: settings of the tests.
  const own = process.env.TILESIGHT_TEST_CLIENTS;
  const folders = [...(own ? [join(own, 'node_modules/.bin')] : []), ...(process.env.PATH ?? '').split(delimiter)];
  // biome-ignore-end lint/style/noProcessEnv: settings of the tests.
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path)) ?? null;
}

/** Runs a program with a home folder of its own, for at most `ms`; its exit code does not matter. */
export async function runIn(home: string, program: string, ms: number): Promise<Run> {
  const cwd = join(home, 'work');
  await mkdir(cwd, { recursive: true });
  const env = {
    // biome-ignore lint/style/noProcessEnv: a child needs the path of this process.
    PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local/share'),
    XDG_STATE_HOME: join(home, '.local/state'),
    XDG_CACHE_HOME: join(home, '.cache'),
    NO_COLOR: '1',
    DISABLE_AUTOUPDATER: '1',
    OPENCODE_DISABLE_AUTOUPDATE: '1',
  };
  const run = async (args: readonly string[], more: Record<string, string> = {}) => {
    const running = promisify(execFile)(program, args, { cwd, env: { ...env, ...more }, timeout: ms, maxBuffer: 10_000_000 });
    running.child.stdin?.end();
    const Output = z.object({ stdout: z.string(), stderr: z.string() });
    const { stdout, stderr } = await running.then(Output.parse, Output.parse);
    return stripVTControlCharacters(`${stdout}\n${stderr}`);
  };
  const start = (args: readonly string[]) => spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'ignore'], timeout: ms });
  return Object.assign(run, { start });
}
