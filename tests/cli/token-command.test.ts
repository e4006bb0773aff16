// The token of a server on the command line: where `serve` takes it from, and which commands send it.
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { expect, onTestFinished, test } from 'vitest';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { runCommand, startCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { stdioClient } from '../support/stdio-client.ts';
import { stdioCommand } from '../support/stdio-command.ts';
import { clientWith, door, TOKEN } from '../support/token-door.ts';

const file = async (text: string, mode = 0o600) => {
  const path = join(await temporaryFolder(), 'token');
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
};

test.each<[args: string[], environment: Record<string, string>, sentence: string]>([
  [[], {}, '--auth token needs a token. Set TILESIGHT_TOKEN, or name a file with --token-file.'],
  [[], { TILESIGHT_TOKEN: 'short-secret' }, 'The environment variable TILESIGHT_TOKEN is invalid: expected 32 to 512 letters'],
  [['--token-file', 'SHORT'], {}, 'must hold the token and nothing else: 32 to 512 letters'],
  [['--token-file', 'OPEN'], {}, 'Only the owner may have access to '],
  [['--token-file', '/nonexistent/token'], {}, '/nonexistent/token cannot be read. Write the token to it, with mode 600.'],
  [['--token-file', 'GOOD'], { TILESIGHT_TOKEN: TOKEN }, '--token-file and TILESIGHT_TOKEN both name a token.'],
  [['--keys', 'GOOD'], { TILESIGHT_TOKEN: TOKEN }, '--keys works only with --auth iam. Add --auth iam, or leave --keys out.'],
  [['--host', '0.0.0.0'], { TILESIGHT_TOKEN: TOKEN }, '--host must be one address that callers can reach, not 0.0.0.0'],
  [['--auth', 'none', '--token-file', 'GOOD'], {}, '--token-file works only with --auth token. Add --auth token, or leave '],
])('serve --auth token %j with %j is refused, and no secret is shown', async (args, environment, sentence) => {
  const files = { SHORT: await file('short-secret'), OPEN: await file(TOKEN, 0o644), GOOD: await file(TOKEN) };
  const given = args.map((arg) => Object.entries(files).find(([name]) => name === arg)?.[1] ?? arg);
  const { code, stdout, stderr } = await runCommand(['serve', '--port', '0', '--auth', 'token', ...given], environment);
  expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining(sentence)]);
  expect(stderr).not.toMatch(/short-secret|k3Zt0PqW9vLx/);
});

test('serve takes the token from a file, and shows it nowhere', async () => {
  const serving = await startCommand(['serve', '--port', '0', '--auth', 'token', '--token-file', await file(`${TOKEN}\n`)]);
  const { promise, resolve } = Promise.withResolvers<string>();
  serving.process.stdout?.on('data', (chunk) => resolve(String(chunk)));
  const url = /http:\/\/\S+(?=\/mcp)/.exec(await promise)?.[0] ?? '';
  const client = await clientWith(TOKEN, url, '2.x pinned to 2026-07-28');
  expect(await client.listTools()).toHaveLength(TOOLS.length);
  expect((await fetch(url)).status).toBe(401);
  serving.process.kill('SIGINT');
  const { stdout, stderr } = await serving.outcome;
  expect(stdout).toContain(`${url}/?key=TOKEN\n`);
  expect(stdout).toContain(`claude mcp add --transport http tilesight ${url}/mcp --header "Authorization: Bearer TOKEN"`);
  expect(stdout + stderr).not.toContain(TOKEN);
});

test('connect brings the token for a client that starts commands', async () => {
  const { url } = await door();
  const { command, args, env } = stdioCommand({ dataFolder: await temporaryFolder() }, await temporaryFolder());
  const own = { ...env, TILESIGHT_TOKEN: TOKEN };
  const client = new Client({ name: 'test', version: '1' });
  onTestFinished(() => client.close());
  await client.connect(new StdioClientTransport({ command, args: [args[0] ?? '', 'connect', `${url}/mcp`], env: own }));
  expect((await client.listTools()).tools).toHaveLength(TOOLS.length);
});

test('delete --url finds the key of a server that tilesight mcp runs, by the data folder', async () => {
  const dataFolder = await temporaryFolder();
  const client = await stdioClient({ dataFolder });
  const [page = ''] = /http:\S+/.exec(client.log()) ?? [];
  const url = new URL('/mcp', page).href;
  const found = await runCommand(['delete', 'a-1', '--url', url], { TILESIGHT_HOME: dataFolder });
  expect(found.stderr).toBe('tilesight: This server has no execution a-1. Nothing was deleted.\n');
  const lost = await runCommand(['delete', 'a-1', '--url', url]);
  expect([lost.code, lost.stderr]).toEqual([
    1,
    `tilesight: The server at ${url} wants a key. Set TILESIGHT_HOME to its data folder, or TILESIGHT_TOKEN to its token.\n`,
  ]);
});

test('delete --url sends TILESIGHT_TOKEN to a server that asks for it', async () => {
  const { url } = await door();
  const { stderr } = await runCommand(['delete', 'a-1', '--url', `${url}/mcp`], { TILESIGHT_TOKEN: TOKEN });
  expect(stderr).toBe('tilesight: This server has no execution a-1. Nothing was deleted.\n');
});
