// What every way in says about tilesight: one source of truth for the manifests of registries, bundles and plugins. Knows no format.
import { z } from 'zod';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import manifest from '../../package.json' with { type: 'json' };
import { ENVIRONMENTS } from '../../pipeline/config.ts';

/** Who publishes: a name on GitHub. */
export interface Publisher {
  owner: string;
}

/** The name of an account. */
export const GitHubName = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}$/);

/** Stands in the manifests until `--owner` names the publisher. */
export const NO_OWNER = 'OWNER';

export interface Setting {
  /** The environment variable. */
  variable: string;
  title: string;
  description: string;
  isSecret: boolean;
}

export const IDENTITY = {
  name: manifest.name,
  version: manifest.version,
  title: 'tilesight',
  /** At most 100 characters: the limit of the MCP registry. */
  summary: 'Detects objects and reads text in images too large to view whole, at full resolution, with boxes.',
  description: manifest.description,
  license: manifest.license,
  author: 'the tilesight authors',
  keywords: ['vision', 'ocr', 'object detection', 'large images', 'tiles', 'floor plan', 'scan', 'screenshot', 'mcp'],
  /** The oldest Node that runs the package: node:sqlite needs no flag from here on. */
  node: '>=22.13',
} as const;

export const repositoryOf = ({ owner }: Publisher) => `https://github.com/${owner}/${IDENTITY.name}`;

/** The name in the MCP registry; `mcpName` of the npm package must be the same. */
export const mcpNameOf = ({ owner }: Publisher) => `io.github.${owner}/${IDENTITY.name}`;

/** How a client starts the server from npm. */
export const NPX = { command: 'npx', args: ['-y', `${IDENTITY.name}@${IDENTITY.version}`, 'mcp'] } as const;

export const TOOL_SUMMARIES = TOOLS.map(({ name, title }) => ({ name, description: `${title}.` }));

const SHOWN = [
  ['ANTHROPIC_API_KEY', 'Key for Claude', true],
  ['OPENAI_API_KEY', 'Key for OpenAI or a compatible server', true],
  ['OPENAI_BASE_URL', 'Address of a server with the API of OpenAI', false],
  ['DETECTION_MODELS', 'Models that detect', false],
] as const;

/** The variables that a client shows to its user; docs/configuration.md has all of them. */
export const SETTINGS: Setting[] = SHOWN.map(([variable, title, isSecret]) => ({
  variable,
  title,
  isSecret,
  description: `${title}. ${descriptionOf(variable)}`,
}));

export const FOLDERS = {
  variable: 'ALLOWED_FOLDERS',
  title: 'Folders with images',
  description: 'Images in these folders can be analyzed by their path. Everything else needs an upload.',
} as const;

/** As in docs/configuration.md. */
function descriptionOf(variable: string): string {
  const schema = z
    .looseObject({ meta: z.function() })
    .parse(Object.entries(ENVIRONMENTS.local()).find(([name]) => name === variable)?.[1]);
  return z.object({ description: z.string() }).parse(schema.meta()).description;
}
