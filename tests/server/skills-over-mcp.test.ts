// Skills over MCP: the official clients list, read and verify every skill of the folder.
import { readdir, readFile } from 'node:fs/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { SkillsClient } from '@modelcontextprotocol/client/ext/skills';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CLIENTS, connected } from '../support/mcp-clients.ts';
import { ORIGIN, testServer } from '../support/server.ts';

const FOLDERS = (await readdir('skills', { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name);
const uriOf = (name: string) => `skill://tilesight/${name}/SKILL.md`;
const fileOf = (name: string) => readFile(`skills/${name}/SKILL.md`, 'utf8');

describe.each([{ pin: '2026-07-28' }, 'legacy'] as const)('an official client with skills, in mode %j', (mode) => {
  test('lists every skill, and verifies the digest and the front matter of each', async () => {
    const { skills, client } = await skillsClient(mode);
    expect(skills.supported).toBe(true);
    const { skills: listed } = await skills.list();
    expect(listed.map(({ frontmatter }) => frontmatter.name).sort()).toEqual([...FOLDERS].sort());
    for (const skill of listed) {
      const file = await skills.read(skill);
      expect(file).toMatchObject({ verified: true, text: await fileOf(skill.frontmatter.name) });
      expect((await skills.get(skill.uri)).skill).toEqual(skill);
    }
    const hints = await skills.get(uriOf('tilesight'));
    const kept = mode === 'legacy' ? {} : { ttlMs: 300_000, cacheScope: 'public' };
    expect(hints).toEqual({ skill: expect.anything(), ...kept });
    expect(client.getServerCapabilities()?.extensions).toMatchObject({ 'io.modelcontextprotocol/skills': {} });
  });

  test('learns that a skill or a file does not exist', async () => {
    const { skills, client } = await skillsClient(mode);
    const sentence = (uri: string) => `There is no skill at ${uri}. skills/list names them.`;
    await expect(skills.get(uriOf('other'))).rejects.toThrow(sentence(uriOf('other')));
    for (const uri of [uriOf('other'), 'skill://tilesight/index.json', 'skill://tilesight/tilesight/%2e%2e/%2e%2e/package.json'])
      await expect(client.readResource({ uri })).rejects.toThrow(/There is no skill at/);
  });
});

test.each(CLIENTS)('a client %s without the extension finds skills among the resources', async (kind) => {
  const client = await connected(kind, await testServer());
  const listed = (await client.listResources()).filter((uri) => uri.startsWith('skill:'));
  expect(listed.sort()).toEqual(FOLDERS.map(uriOf).sort());
  const { text, mimeType } = await client.readResource(uriOf('tilesight'));
  expect([text, mimeType]).toEqual([await fileOf('tilesight'), 'text/markdown']);
});

async function skillsClient(mode: { pin: '2026-07-28' } | 'legacy'): Promise<{ skills: SkillsClient; client: Client }> {
  const { fetch } = await testServer();
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', ORIGIN), { fetch }));
  onTestFinished(() => client.close());
  return { skills: new SkillsClient(client), client };
}
