import { execFile, spawnSync } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import sharp from 'sharp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { CREDENTIALS, REGION, signedServer, TEMPORARY } from '../support/signed-server.ts';

const ROOT = join(import.meta.dirname, '../..');
const CLIENTS = join(ROOT, 'examples/clients');
const CLONE = '/path/to/tilesight';
const FUNCTION_URL = 'https://ID.lambda-url.REGION.on.aws/';
const LOCAL_URL = 'http://127.0.0.1:3333/mcp';

const Command = z.strictObject({
  command: z.string(),
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()).default({}),
});
type Command = z.infer<typeof Command>;
const url = z.enum([LOCAL_URL]);
const servers = <Server extends z.ZodType>(server: Server) => z.strictObject({ tilesight: server });
const mcpServers = <Server extends z.ZodType>(server: Server) => z.strictObject({ mcpServers: servers(server) });

/** The format that each client documents: a local server by URL or command, a remote one by command. */
const SHAPES = {
  '.mcp.json': mcpServers(z.union([z.strictObject({ type: z.literal('http'), url }), Command])),
  'claude_desktop_config.json': mcpServers(Command),
  '.cursor/mcp.json': mcpServers(z.union([z.strictObject({ url }), Command])),
  '.kiro/settings/mcp.json': mcpServers(z.union([z.strictObject({ url }), Command])),
  '.vscode/mcp.json': z.strictObject({
    servers: servers(z.union([z.strictObject({ type: z.literal('http'), url }), Command.extend({ type: z.literal('stdio') })])),
  }),
};
const FILES = Object.keys(SHAPES) as (keyof typeof SHAPES)[];
const curlSigns = spawnSync('curl', ['--help', 'all'], { encoding: 'utf8' }).stdout?.includes('--aws-sigv4') ?? false;

async function entryOf(way: string, file: keyof typeof SHAPES) {
  const config = SHAPES[file].parse(JSON.parse(await readFile(join(CLIENTS, way, file), 'utf8')));
  return 'servers' in config ? config.servers.tilesight : config.mcpServers.tilesight;
}

async function commandOf(way: string, file: keyof typeof SHAPES): Promise<Command> {
  const entry = await entryOf(way, file);
  if ('url' in entry) throw new Error(`Expected a command in ${way}/${file}, got ${entry.url}.`);
  return entry;
}

/** Environment of a child process that finds only the credentials of the test. */
async function environment(more: Record<string, string> = {}): Promise<Record<string, string>> {
  const nowhere = join(await temporaryFolder(), 'none');
  // biome-ignore lint/style/noProcessEnv: a child needs the path of this process.
  const PATH = process.env.PATH ?? '';
  const files = { AWS_CONFIG_FILE: nowhere, AWS_SHARED_CREDENTIALS_FILE: nowhere };
  return { PATH, ...files, AWS_EC2_METADATA_DISABLED: 'true', ...more };
}

/** Starts the command as a client would, with the placeholders replaced, and lists the tools. */
async function toolsThrough({ command, args, env }: Command, endpoint: string, more: string[], found: Record<string, string>) {
  const replaced = (text: string) => text.replace(CLONE, ROOT).replace(FUNCTION_URL, endpoint).replace(LOCAL_URL, endpoint);
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  onTestFinished(() => client.close());
  await client.connect(
    new StdioClientTransport({
      command: replaced(command),
      args: [...args.map(replaced), ...more],
      env: { ...(await environment(found)), ...env },
      cwd: await temporaryFolder(), // a client may start it in any folder
    }),
  );
  return (await client.listTools()).tools.map(({ name }) => name);
}

async function credentialsFile(profile: string): Promise<string> {
  const file = join(await temporaryFolder(), 'credentials');
  const { accessKeyId, secretAccessKey } = CREDENTIALS;
  await writeFile(file, `[${profile}]\naws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\n`);
  return file;
}

describe('a configuration', () => {
  test.each(['local', 'connect', 'mcp-proxy-for-aws'].flatMap((way) => FILES.map((file) => [way, file] as const)))(
    'in %s/%s has the format of its client',
    async (way, file) => {
      const entry = await entryOf(way, file);
      if (way !== 'local') expect(entry).toMatchObject({ args: expect.arrayContaining([FUNCTION_URL]) });
      else if (file !== 'claude_desktop_config.json') expect(entry).toMatchObject({ url: LOCAL_URL });
    },
  );

  test('names the address of npm start', async () => {
    const { stdout } = await runCommand(['serve', '--help']);
    const { hostname, port } = new URL(LOCAL_URL);
    expect(stdout).toContain(`(default: ${port})`);
    expect(stdout.replace(/\s+/g, ' ')).toContain(`Streamable HTTP on ${hostname}`);
  });

  test('names only options that the command knows', async () => {
    const entries = await Promise.all([
      ...FILES.map((file) => commandOf('connect', file)),
      commandOf('local', 'claude_desktop_config.json'),
    ]);
    const { stdout: help } = await runCommand(['connect', '--help']);
    for (const { command, args } of entries) {
      const [script, subcommand = '', address = '', ...options] = args;
      expect([command, script]).toEqual([`${CLONE}/node_modules/.bin/node`, `${CLONE}/cli/tilesight.ts`]);
      expect(subcommand).toBe('connect');
      expect(URL.canParse(address)).toBe(true);
      for (const option of options.filter((word) => word.startsWith('-'))) expect(help).toContain(`${option} <`);
    }
  });

  test.each(FILES)('of connect/%s reaches a server that requires signatures, with the keys of its profile', async (file) => {
    const { url: served } = await signedServer();
    const command = await commandOf('connect', file);
    const keys = { AWS_SHARED_CREDENTIALS_FILE: await credentialsFile(command.env.AWS_PROFILE ?? '') };
    // Unlike a Function URL, the address of the test contains no region.
    expect(await toolsThrough(command, `${served}/mcp`, ['--region', REGION], keys)).toContain('analyze_image');
  });

  test('of Claude Desktop reaches the local server through a command, without credentials', async () => {
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const place = { dataFolder: await temporaryFolder(), allowedFolders: [], port: 0 };
    const server = await serve({ config: readConfig({}), ...place, log });
    onTestFinished(() => server.close());
    const command = await commandOf('local', 'claude_desktop_config.json');
    expect(await toolsThrough(command, `${server.url}/mcp`, [], {})).toContain('analyze_image');
  });

  test.each(FILES)('of mcp-proxy-for-aws/%s signs for lambda in the region of the URL', async (file) => {
    const { command, args } = await commandOf('mcp-proxy-for-aws', file);
    expect(command).toBe('uvx');
    expect(args[0]).toMatch(/^mcp-proxy-for-aws@\d+\.\d+\.\d+$/);
    const region = FUNCTION_URL.match(/\.lambda-url\.(.+)\.on\.aws/)?.[1];
    expect(args.slice(1)).toEqual([FUNCTION_URL, '--service', 'lambda', '--region', region]);
  });
});

const keys = { AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey };
const otherKeys = { ...keys, AWS_SECRET_ACCESS_KEY: 'je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY' };

describe('sigv4.ts', () => {
  const run = async (args: string[], env: Record<string, string> = keys) =>
    await promisify(execFile)(process.execPath, [join(CLIENTS, 'sigv4.ts'), ...args], { env: await environment(env) });

  async function portrait(): Promise<string> {
    const path = join(await temporaryFolder(), 'portrait.jpg');
    await sharp(join(ROOT, 'examples/lawn.jpg')).extract({ left: 2_900, top: 250, width: 500, height: 450 }).toFile(path);
    return path;
  }

  test('uploads an image, analyzes it and prints the findings', async () => {
    const { url: served } = await signedServer();
    const { stdout } = await run([`${served}/mcp`, await portrait(), '--region', REGION, '--look-for', 'every person']);
    expect(stdout).toMatch(/^Tools: .*analyze_image/);
    expect(stdout).toMatch(/^SUCCEEDED: /m);
    expect(stdout).toMatch(/^1 findings \{ person: 1 \}$/m);
    expect(stdout).toMatch(/^f1 person 0\.\d\d \[\d+(\.\d+)?(, \d+(\.\d+)?){3}\]$/m);
  });

  test('is refused with wrong keys, and names missing arguments', async () => {
    const { url: served } = await signedServer();
    const refused = run([`${served}/mcp`, await portrait(), '--region', REGION], otherKeys);
    await expect(refused).rejects.toMatchObject({ stderr: expect.stringContaining('signature we calculated does not match') });
    const sentence = 'Expected the URL of a server and an image, and --region where the URL names none.\n';
    await expect(run([`${served}/mcp`, 'portrait.jpg'])).rejects.toMatchObject({ code: 2, stderr: sentence });
  });
});

describe.skipIf(!curlSigns)('sigv4.sh (skipped where curl is missing or cannot sign)', () => {
  const Answer = z.object({ result: z.looseObject({}) });
  async function run(args: string[], env: Record<string, string>) {
    const { stdout } = await promisify(execFile)(join(CLIENTS, 'sigv4.sh'), args, { env: await environment(env) });
    return Answer.parse(JSON.parse(stdout)).result;
  }
  const placeOf = (served: string) => ({ TILESIGHT_URL: `${served}/mcp`, AWS_REGION: REGION });

  test('lists the tools and calls them, with a session token or without', async () => {
    const { url: served } = await signedServer();
    const place = placeOf(served);
    const { tools } = z.object({ tools: z.array(z.object({ name: z.string() })) }).parse(await run([], { ...place, ...keys }));
    expect(tools.map(({ name }) => name)).toContain('analyze_image');
    const upload = await run(['create_upload', '{"file_name":"plan.png","bytes":123}'], { ...place, ...keys });
    expect(upload).toMatchObject({ structuredContent: { upload_id: expect.stringMatching(/^plan\.png-/) } });
    const temporary = {
      ...place,
      AWS_ACCESS_KEY_ID: TEMPORARY.accessKeyId,
      AWS_SECRET_ACCESS_KEY: TEMPORARY.secretAccessKey,
      AWS_SESSION_TOKEN: TEMPORARY.sessionToken,
    };
    expect(await run(['list_findings'], temporary)).toMatchObject({ structuredContent: { totals: { findings: 0 } } });
  });

  test('fails with wrong keys, and names missing variables', async () => {
    const { url: served } = await signedServer();
    const refused = run([], { ...placeOf(served), ...otherKeys });
    await expect(refused).rejects.toMatchObject({ stdout: expect.stringContaining('signature we calculated does not match') });
    const sentence = 'Expected the URL of the server in TILESIGHT_URL.';
    await expect(run([], keys)).rejects.toMatchObject({ stderr: expect.stringContaining(sentence) });
  });

  test('does not show its keys in the list of processes', async () => {
    const folder = await temporaryFolder();
    const seen = join(folder, 'seen');
    await writeFile(join(folder, 'curl'), `#!/bin/sh\nprintf '%s\\n' "$@" > '${seen}'\necho '{"result":{}}'\n`);
    await chmod(join(folder, 'curl'), 0o755);
    const { PATH = '' } = await environment();
    const path = { PATH: [folder, PATH].join(delimiter) };
    await run([], { ...placeOf('http://127.0.0.1:9'), ...keys, ...path, AWS_SESSION_TOKEN: 'EXAMPLETOKEN' });
    const shown = await readFile(seen, 'utf8');
    expect(shown).toContain('--aws-sigv4');
    for (const secret of [keys.AWS_SECRET_ACCESS_KEY, 'EXAMPLETOKEN']) expect(shown).not.toContain(secret);
  });
});
