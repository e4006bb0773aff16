// `tilesight setup` on configurations as they are found: damaged, doubled, linked. It loses nothing else in them.
import { spawnSync } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'jsonc-parser';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { CLIENTS } from '../../cli/setup/clients.ts';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';

const Servers = z.object({ mcpServers: z.object({ tilesight: z.object({ command: z.string() }) }) });

/** A home folder with a configuration of Cursor; `null` for none. */
async function cursor(content: string | Buffer | null, environment: Record<string, string> = {}) {
  const home = await temporaryFolder();
  const file = join(home, '.cursor/mcp.json');
  await mkdir(join(home, '.cursor'));
  if (content !== null) await writeFile(file, content);
  const variables = { HOME: home, TILESIGHT_HOME: join(home, '.tilesight'), ...environment };
  return { home, file, setup: (...args: string[]) => runCommand(['setup', 'cursor', ...args], variables) };
}

describe('tilesight setup', () => {
  test('keeps a byte order mark', async () => {
    const before = '\uFEFF{\n  "mcpServers": {}\n}\n';
    const { file, setup } = await cursor(before);
    expect(await setup('--yes')).toMatchObject({ code: 0 });
    const text = await readFile(file, 'utf8');
    expect(text.slice(0, 2)).toBe('\uFEFF{');
    expect(Servers.safeParse(parse(text.slice(1))).success).toBe(true);
    await setup('--remove', '--yes');
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  test.each([
    ['Latin-1', Buffer.from('{"name": "J\xfcrgen"}', 'latin1')],
    ['UTF-16', Buffer.from('\uFEFF{}', 'utf16le')],
  ])('leaves the bytes of a file in %s as they are', async (_, bytes) => {
    const { file, setup } = await cursor(bytes);
    const { code, stderr } = await setup('--yes');
    expect([code, stderr]).toEqual([1, `tilesight: ${file} was not changed: it is not UTF-8. Correct it first.\n`]);
    expect(await readFile(file)).toEqual(bytes);
  });

  test('does not report that an entry was removed of which a second one remains', async () => {
    const twice = '{"mcpServers": {"tilesight": {"command": "a"}, "tilesight": {"command": "b"}}}';
    const { file, setup } = await cursor(twice);
    const { code, stderr } = await setup('--remove', '--yes');
    expect([code, stderr]).toEqual([1, expect.stringContaining('the entry mcpServers.tilesight stands there twice.')]);
    expect(await readFile(file, 'utf8')).toBe(twice);
  });

  test('writes through a symbolic link to a file that is not there yet', async () => {
    const { home, file, setup } = await cursor(null);
    await symlink('../dotfiles/cursor.json', file);
    expect(await setup('--yes')).toMatchObject({ code: 0 });
    expect((await lstat(file)).isSymbolicLink()).toBe(true);
    expect(Servers.safeParse(parse(await readFile(join(home, 'dotfiles/cursor.json'), 'utf8'))).success).toBe(true);
  });

  test.skipIf(process.platform === 'win32')('refuses a pipe, and does not wait for it', async () => {
    const { file, setup } = await cursor(null);
    spawnSync('mkfifo', [file]);
    expect(await setup('--yes')).toMatchObject({ code: 1, stderr: `tilesight: ${file} is not a file.\n` });
  });

  test('changes nothing if it cannot record what it changes', async () => {
    const blocked = join(await temporaryFolder(), 'file');
    await writeFile(blocked, '');
    const { file, setup } = await cursor('{}', { TILESIGHT_HOME: blocked });
    const { code, stderr } = await setup('--yes');
    const sentence = `tilesight: Cannot make the folder ${join(blocked, 'setup')} (ENOTDIR). Correct TILESIGHT_HOME.\n`;
    expect([code, stderr]).toEqual([1, sentence]);
    expect(await readFile(file, 'utf8')).toBe('{}');
  });

  test('takes an empty variable as none: no file ends up in the current folder', async () => {
    const environment = { CODEX_HOME: '', CLAUDE_CONFIG_DIR: '', XDG_CONFIG_HOME: '', APPDATA: '' };
    const place = { platform: process.platform, home: '/home/ann', environment };
    for (const { file, sign } of Object.values(CLIENTS))
      for (const path of [file(place), sign(place)]) expect(path).toMatch(/^\/home\/ann\//);
  });

  test('writes TOML that can be read for a folder with any character in its name', async () => {
    const home = await temporaryFolder();
    const folder = join(home, 'a\x7f "b" \\ é 图');
    await mkdir(folder);
    await mkdir(join(home, '.codex'));
    const variables = { HOME: home, TILESIGHT_HOME: join(home, '.tilesight'), CODEX_HOME: '' };
    const codex = (...args: string[]) => runCommand(['setup', 'codex', '--yes', ...args], variables);
    expect(await codex('--allow', folder)).toMatchObject({ code: 0 });
    const text = await readFile(join(home, '.codex/config.toml'), 'utf8');
    expect(parseToml(text)).toMatchObject({
      mcp_servers: { tilesight: { args: expect.arrayContaining(['--allow', folder]) } },
    });
    expect(await codex('--remove')).toMatchObject({ code: 0 });
    expect(await readdir(join(home, '.codex'))).toEqual([]);
  });
});
