// `tilesight setup`: adds the server to the configuration of a client and removes it again. What else is in the file stays.
import { chmod, lstat, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { parse } from 'jsonc-parser';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { CLIENT_NAMES, CLIENTS, type ClientName, type Place } from '../../cli/setup/clients.ts';
import { ownCommand } from '../../cli/setup/own-command.ts';
import { welcomeText } from '../../cli/setup/welcome.ts';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';

const Entry = z.object({ command: z.string(), args: z.array(z.string()) });

const JSON_FILES = [
  '',
  '{}',
  '{\n  // a comment\n  "theme": "dark", /* and one more */\n  "KEY": {\n    "other": { "command": "x", "args": [1, 2,], },\n  },\n}\n',
  '{\r\n\t"KEY": {\r\n\t\t"other": {"command": "x"}\r\n\t}\r\n}',
];
const TOML_FILES = [
  '',
  'model = "x" # a comment\n\n[mcp_servers.other]\ncommand = "y"\nargs = [\n  ["a", "b"],\n]\n',
  '[mcp_servers.other]\ncommand = "y"\n\n[mcp_servers.other.env]\nKEY = "[tilesight]"',
];

/** A home folder of its own, without the variables that move configurations. */
async function setUp(name: ClientName) {
  const home = await temporaryFolder();
  const place: Place = { platform: process.platform, home, environment: {} };
  const file = CLIENTS[name].file(place);
  await mkdir(dirname(file), { recursive: true });
  const environment = {
    HOME: home,
    TILESIGHT_HOME: join(home, '.tilesight'),
    XDG_CONFIG_HOME: join(home, '.config'),
    CODEX_HOME: join(home, '.codex'),
    CLAUDE_CONFIG_DIR: home,
  };
  const setup = (...args: string[]) => runCommand(['setup', name, ...args], environment);
  const valuesIn = async (): Promise<unknown> => {
    const text = await readFile(file, 'utf8');
    return name === 'codex' ? parseToml(text) : parse(text);
  };
  return { home, place, file, setup, valuesIn };
}

const valueAt = (value: unknown, path: readonly string[]): unknown =>
  path.reduce((table: unknown, key) => z.record(z.string(), z.unknown()).parse(table)[key], value);

describe.each(CLIENT_NAMES)('tilesight setup %s', (name) => {
  const { path } = CLIENTS[name];
  const texts = name === 'codex' ? TOML_FILES : JSON_FILES.map((text) => text.replace('KEY', path[0]));

  test('twice, and then --remove, leaves the bytes of before', async () => {
    const { file, setup, valuesIn } = await setUp(name);
    for (const before of texts.slice(1)) {
      await writeFile(file, before);
      expect(await setup('--yes')).toMatchObject({ code: 0, stderr: '' });
      const after = await readFile(file, 'utf8');
      expect(Entry.parse(valueAt(await valuesIn(), path)).args.at(-1)).toBe('mcp');
      expect((await setup('--yes')).stdout).toContain('already has this entry. Nothing was changed.');
      expect(await readFile(file, 'utf8')).toBe(after);
      expect((await setup('--remove', '--yes')).code).toBe(0);
      expect(await readFile(file, 'utf8')).toBe(before);
    }
  });
});

describe('tilesight setup', () => {
  test('creates a file that is not there, replaces its entry, and deletes the file with --remove', async () => {
    const { home, file, setup, valuesIn } = await setUp('cursor');
    await setup('--yes');
    await setup('--yes', '--allow', home);
    expect(Entry.parse(valueAt(await valuesIn(), CLIENTS.cursor.path)).args.slice(-3)).toEqual(['mcp', '--allow', home]);
    expect((await setup('--remove', '--yes')).code).toBe(0);
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await setup('--remove', '--yes')).stdout).toContain('has no entry for tilesight. Nothing was changed.');
  });

  test.each(['gemini', 'codex'] as const)('keeps what was changed since, comments included (%s)', async (name) => {
    const { file, setup } = await setUp(name);
    const before = name === 'codex' ? '# one\nmodel = "x"\n' : '{\n  // one\n  "theme": "dark"\n}\n';
    const more = name === 'codex' ? '# two\n' : '// two\n';
    await writeFile(file, before);
    await setup('--yes');
    await writeFile(file, more + (await readFile(file, 'utf8')));
    await setup('--remove', '--yes');
    const after = await readFile(file, 'utf8');
    for (const kept of ['one', 'two', name === 'codex' ? 'model = "x"' : '"theme": "dark"']) expect(after).toContain(kept);
    expect(after).not.toContain('tilesight');
  });

  test('keeps the mode of the file, and a symbolic link to it', async () => {
    const { home, file, setup } = await setUp('claude');
    const real = join(home, 'dotfiles.json');
    await writeFile(real, '{"apiKey": "secret"}');
    await chmod(real, 0o640);
    await symlink(real, file);
    await setup('--yes');
    expect((await lstat(file)).isSymbolicLink()).toBe(true);
    expect((await stat(real)).mode & 0o777).toBe(0o640);
    expect(await readFile(real, 'utf8')).toContain('"secret"');
    expect(await readFile(join(home, '.tilesight/setup/claude.json'), 'utf8')).not.toContain('secret');
  });

  test('shows the change, and writes nothing without a yes', async () => {
    const { file, setup } = await setUp('kiro');
    await writeFile(file, '{}');
    const { code, stdout, stderr } = await setup();
    expect(stdout).toContain(`${file} gets this entry:`);
    expect(stdout).toContain('"tilesight": {');
    expect([code, stderr]).toEqual([1, expect.stringContaining('Nothing was written. Add --yes to write without a question.')]);
    expect(await readFile(file, 'utf8')).toBe('{}');
  });

  test.each([
    ['cursor', '{"mcpServers": ', 'it is not valid JSON. Correct it first.'],
    ['cursor', '{"mcpServers": [1]}', 'mcpServers is not an object. Correct it first.'],
    ['codex', 'model = ', 'it is not valid TOML. Correct it first.'],
    ['cursor', '['.repeat(50_000), 'it is nested too deeply. Correct it first.'],
    ['cursor', '{"mcpServers": {"x": {}}, "mcpServers": {}}', 'mcpServers stands there twice. Correct it first.'],
  ] as const)('leaves a file that it cannot read as it is (%s)', async (name, text, sentence) => {
    const { file, setup } = await setUp(name);
    await writeFile(file, text);
    expect(await setup('--yes')).toMatchObject({ code: 1, stderr: expect.stringContaining(sentence) });
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  test('refuses a client that it does not know, and names those that it does', async () => {
    const { code, stderr } = await runCommand(['setup', 'emacs']);
    expect([code, stderr]).toEqual([1, expect.stringContaining(CLIENT_NAMES.join(', '))]);
  });

  test('writes a command that starts the server in any folder', async () => {
    const { home, setup, valuesIn } = await setUp('cursor');
    await setup('--yes', '--data', join(home, 'data'));
    const { command, args } = Entry.parse(valueAt(await valuesIn(), CLIENTS.cursor.path));
    const client = new Client({ name: 'test', version: '1' });
    onTestFinished(() => client.close());
    await client.connect(new StdioClientTransport({ command, args, cwd: home, env: { HOME: home }, stderr: 'ignore' }));
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('analyze_image');
  });

  test('names the package if it runs from the cache of npx, which may be deleted', async () => {
    const script = join(await temporaryFolder(), '_npx/1f/node_modules/tilesight/tilesight.js');
    await mkdir(dirname(script), { recursive: true });
    await writeFile(script, '');
    const { command, args } = ownCommand([], script);
    expect([command, args]).toEqual(['npx', ['-y', expect.stringMatching(/^tilesight@\d+\.\d+\.\d+$/), 'mcp']]);
  });
});

describe('tilesight without arguments', () => {
  test('shows what it is, three commands, and a line for each client on this machine', async () => {
    const { home, place } = await setUp('codex');
    await mkdir(join(home, '.kiro'));
    const text = welcomeText('Eyes for agents.', place);
    for (const command of ['analyze IMAGE', 'mcp', 'serve', 'setup codex', 'setup kiro'])
      expect(text).toContain(`  npx tilesight ${command}  `);
    expect(text).not.toContain('setup cursor');
    const { code, stdout } = await runCommand([]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('npx tilesight analyze IMAGE')]);
  });
});
