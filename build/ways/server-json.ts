// server.json for the MCP registry: the npm package on standard input and output.
import type { z } from 'zod';
import { FOLDERS, IDENTITY, mcpNameOf, type Publisher, repositoryOf, SETTINGS } from './identity.ts';
import type { ServerJson } from './published-rules.ts';

export function serverJson(publisher: Publisher): z.infer<typeof ServerJson> {
  return {
    $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
    name: mcpNameOf(publisher),
    title: IDENTITY.title,
    description: IDENTITY.summary,
    version: IDENTITY.version,
    repository: { url: repositoryOf(publisher), source: 'github' },
    packages: [
      {
        registryType: 'npm',
        identifier: IDENTITY.name,
        version: IDENTITY.version,
        runtimeHint: 'npx',
        transport: { type: 'stdio' },
        packageArguments: [
          { type: 'positional', value: 'mcp' },
          { type: 'named', name: '--allow', description: FOLDERS.description, format: 'filepath', isRepeated: true },
        ],
        environmentVariables: SETTINGS.map(({ variable, description, isSecret }) => ({ name: variable, description, isSecret })),
      },
    ],
  };
}
