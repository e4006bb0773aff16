// The manifests and plugins of dist/packages say what the code says, and follow the rules of those who read them.
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import schema from '@anthropic-ai/mcpb/mcpb-manifest-v0.3.schema.json' with { type: 'json' };
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { bundleManifest } from '../../build/ways/bundle-manifest.ts';
import { mcpNameOf, NPX, TOOL_SUMMARIES } from '../../build/ways/identity.ts';
import * as rules from '../../build/ways/published-rules.ts';
import { serverJson } from '../../build/ways/server-json.ts';
import { writeWays } from '../../build/ways/write-ways.ts';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { temporaryFolder } from '../support/folder.ts';

const OWNER = { owner: 'someone' };
const SKILLS = globSync('skills/*/SKILL.md').sort();
const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync('package.json', 'utf8')));

async function written(): Promise<(path: string) => Promise<string>> {
  const folder = await temporaryFolder();
  const files = await writeWays(folder, OWNER);
  expect(files.length).toBeGreaterThan(20);
  return (path) => readFile(join(folder, path), 'utf8');
}

const json = async (text: Promise<string>) => JSON.parse(await text);

describe('what is written', () => {
  test('starts the version of the repository, wherever it starts a server', async () => {
    const read = await written();
    expect(NPX.args).toEqual(['-y', `tilesight@${version}`, 'mcp']);
    for (const path of ['claude-code-plugin/.mcp.json', 'kiro-power/mcp.json', 'agent-plugin/mcp.json']) {
      const { mcpServers } = await json(read(path));
      expect(mcpServers.tilesight).toMatchObject({ command: 'npx', args: ['-y', `tilesight@${version}`, 'mcp'] });
    }
    for (const path of ['agent-plugin/plugin.json', 'claude-code-plugin/.claude-plugin/plugin.json', 'mcp-registry/server.json'])
      expect(await json(read(path))).toMatchObject({ version });
    expect(await json(read('mcp-registry/server.json'))).toMatchObject({
      name: 'io.github.someone/tilesight',
      packages: [{ identifier: 'tilesight', version, packageArguments: [{ value: 'mcp' }, { name: '--allow' }] }],
    });
  });

  test('has every skill, byte for byte', async () => {
    const read = await written();
    expect(SKILLS.length).toBeGreaterThan(5);
    for (const path of SKILLS) {
      const text = await readFile(path, 'utf8');
      expect([await read(join('agent-plugin', path)), await read(join('claude-code-plugin', path))]).toEqual([text, text]);
    }
  });

  test('is a power whose links lead to its steering files', async () => {
    const read = await written();
    const power = await read('kiro-power/POWER.md');
    const [, head = ''] = power.split(/^---\n/m);
    expect(rules.KiroPower.parse(parse(head)).name).toBe('tilesight');
    const links = [...power.matchAll(/\]\((steering\/[\w-]+\.md)\)/g)].map(([, path = '']) => path);
    expect(links).toHaveLength(SKILLS.length - 1);
    for (const link of links) expect(await read(join('kiro-power', link))).toContain('[tilesight](../POWER.md)');
    for (const { name } of TOOLS) expect(power).toContain(`\`${name}\``);
  });

  test('is the marketplace of its own plugin', async () => {
    const read = await written();
    const { plugins } = await json(read('claude-code-plugin/.claude-plugin/marketplace.json'));
    expect(plugins).toEqual([{ name: 'tilesight', source: './', description: expect.any(String) }]);
    expect((await json(read('claude-code-plugin/.claude-plugin/plugin.json'))).name).toBe('tilesight');
  });
});

test('npm run build:packages refuses an owner that cannot be one', async () => {
  const ended = promisify(execFile)(process.execPath, ['build/build-packages.ts', '--owner', 'no/name']);
  await expect(ended).rejects.toThrow('--owner must be the name of an account on GitHub.');
});

describe('the manifest of the bundle', () => {
  const manifest = bundleManifest(OWNER, 'server/index.js', 'linux');

  test('is valid by the schema of the official packer', () => {
    const ajv = new Ajv({ strict: false, formats: { uri: true, email: true } });
    const isValid = ajv.compile(schema);
    expect(isValid(manifest), JSON.stringify(isValid.errors)).toBe(true);
    expect(isValid({ ...manifest, version: undefined })).toBe(false);
  });

  test('names every tool, and declares every setting that it uses', () => {
    expect(manifest.tools).toEqual(TOOL_SUMMARIES);
    expect(manifest.tools.map(({ name }) => name)).toEqual(TOOLS.map(({ name }) => name));
    const used = [...JSON.stringify(manifest.server).matchAll(/\$\{user_config\.(\w+)\}/g)].map(([, name]) => name);
    expect(used.sort()).toEqual(Object.keys(manifest.user_config).sort());
  });
});

describe('a manifest is refused', () => {
  const valid = serverJson(OWNER);
  const packages = [{ ...valid.packages[0], version: '^1.0.0' }];

  const [remote] = valid.remotes;

  test('not for a remote server with host and token as variables', () => {
    expect(remote).toMatchObject({
      type: 'streamable-http',
      url: 'https://{host}/mcp',
      variables: { host: { isRequired: true } },
    });
    expect(remote?.headers).toMatchObject([
      {
        name: 'Authorization',
        value: 'Bearer {token}',
        isSecret: true,
        variables: { token: { isRequired: true, isSecret: true } },
      },
    ]);
  });

  test.each([
    ['with a description of 101 characters', { ...valid, description: 'x'.repeat(101) }],
    ['with a name of two slashes', { ...valid, name: 'io.github.a/b/c' }],
    ['with a range of versions', { ...valid, packages }],
    ['with a host that is no variable', { ...valid, remotes: [{ ...remote, variables: {} }] }],
    [
      'with a token that is no variable',
      { ...valid, remotes: [{ ...remote, headers: [{ ...remote?.headers[0], variables: {} }] }] },
    ],
    ['with a field that the registry does not know', { ...valid, icon: 'a.png' }],
  ])('by the registry %s', (_, document) => {
    expect(rules.ServerJson.safeParse(valid).success).toBe(true);
    expect(rules.ServerJson.safeParse(document).success).toBe(false);
    expect(mcpNameOf(OWNER)).toBe(valid.name);
  });

  test('by clients of Agent Plugins, if its name has two hyphens or its command is a line for a shell', async () => {
    const read = await written();
    const plugin = await json(read('agent-plugin/plugin.json'));
    expect(rules.AgentPlugin.safeParse(plugin).success).toBe(true);
    expect(rules.AgentPlugin.safeParse({ ...plugin, name: 'tile--sight' }).success).toBe(false);
    const servers = await json(read('agent-plugin/mcp.json'));
    expect(rules.AgentPluginServers.safeParse(servers).success).toBe(true);
    const line = { tilesight: { type: 'stdio', command: 'npx -y tilesight', args: [] } };
    expect(rules.AgentPluginServers.safeParse({ ...servers, mcpServers: line }).success).toBe(false);
  });

  test('by Claude Code, if its marketplace has no description or its plugin a name with capitals', async () => {
    const read = await written();
    const marketplace = await json(read('claude-code-plugin/.claude-plugin/marketplace.json'));
    expect(rules.ClaudeMarketplace.safeParse({ ...marketplace, description: '' }).success).toBe(false);
    const plugin = await json(read('claude-code-plugin/.claude-plugin/plugin.json'));
    expect(rules.ClaudePlugin.safeParse({ ...plugin, name: 'TileSight' }).success).toBe(false);
  });
});
