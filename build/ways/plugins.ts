// Plugins that bring the server and the skills in one step: an Agent Plugin, a plugin for Claude Code with its marketplace, and a power
// for Kiro. Each is a folder; the skills in it are those of skills/.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ROOT } from '../functions.ts';
import { IDENTITY, NPX, type Publisher, repositoryOf } from './identity.ts';
import { AgentPlugin, AgentPluginServers, ClaudeMarketplace, ClaudePlugin, KiroPower, McpServers } from './published-rules.ts';

/** Text by path within the folder. */
export type Files = Map<string, string>;

const SERVER = { command: NPX.command, args: [...NPX.args] };
const SERVERS = jsonOf(McpServers.parse({ mcpServers: { [IDENTITY.name]: SERVER } }));

const metadataOf = (publisher: Publisher) => ({
  name: IDENTITY.name,
  version: IDENTITY.version,
  description: IDENTITY.summary,
  author: { name: IDENTITY.author },
  repository: repositoryOf(publisher),
  license: IDENTITY.license,
  keywords: [...IDENTITY.keywords],
});

/** For clients of agent-plugins.org, such as Cursor, VS Code, GitHub Copilot, Codex and Kiro. */
export function agentPlugin(publisher: Publisher): Files {
  const manifest = AgentPlugin.parse({
    $schema: 'https://agent-plugins.org/schemas/1.0.0/plugin.schema.json',
    ...metadataOf(publisher),
  });
  const servers = AgentPluginServers.parse({
    $schema: 'https://agent-plugins.org/schemas/1.0.0/mcp.schema.json',
    mcpServers: { [IDENTITY.name]: { type: 'stdio', ...SERVER } },
  });
  return new Map([['plugin.json', jsonOf(manifest)], ['mcp.json', jsonOf(servers)], ...skillFiles(), license()]);
}

/** The folder is the plugin and its own marketplace: `claude plugin marketplace add FOLDER`. */
export function claudePlugin(publisher: Publisher): Files {
  const marketplace = ClaudeMarketplace.parse({
    name: IDENTITY.name,
    description: IDENTITY.summary,
    owner: { name: IDENTITY.author },
    plugins: [{ name: IDENTITY.name, source: './', description: IDENTITY.summary }],
  });
  return new Map([
    ['.claude-plugin/plugin.json', jsonOf(ClaudePlugin.parse(metadataOf(publisher)))],
    ['.claude-plugin/marketplace.json', jsonOf(marketplace)],
    ['.mcp.json', SERVERS],
    ...skillFiles(),
    license(),
  ]);
}

/** The main skill is the power; the skills for one task each are its steering files. */
export function kiroPower(): Files {
  const head = KiroPower.parse({
    name: IDENTITY.name,
    displayName: IDENTITY.title,
    description: IDENTITY.summary,
    keywords: [...IDENTITY.keywords],
    author: IDENTITY.author,
  });
  const files = [...skillFiles()].map(([path, text]) => ({
    name: path.replace(/^skills\/(.*)\/SKILL\.md$/, '$1'),
    body: bodyOf(text),
  }));
  const main = files.find(({ name }) => name === IDENTITY.name);
  if (!main) throw new Error(`skills/${IDENTITY.name} has no SKILL.md.`);
  const steering = files.filter((file) => file !== main);
  return new Map([
    ['POWER.md', `---\n${stringify(head)}---\n${main.body.replace(SKILL_LINK, '(steering/$1.md)')}`],
    ['mcp.json', SERVERS],
    ...steering.map(({ name, body }) => [`steering/${name}.md`, body.replace(MAIN_LINK, '(../POWER.md)')] as const),
    license(),
  ]);
}

const MAIN_LINK = `(../${IDENTITY.name}/SKILL.md)`;
const SKILL_LINK = /\(\.\.\/([\w-]+)\/SKILL\.md\)/g;

function skillFiles(): Files {
  const paths = globSync('skills/*/SKILL.md', { cwd: ROOT }).sort();
  return new Map(paths.map((path) => [path, textOf(path)]));
}

function bodyOf(skill: string): string {
  const [, , ...body] = skill.split(/^---\n/m);
  return body.join('---\n');
}

function license(): readonly [string, string] {
  return ['LICENSE', textOf('LICENSE')];
}

function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function jsonOf(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
