// server.json for the MCP registry: the npm package on standard input and output, and a remote server with a token.
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
    remotes: [
      {
        type: 'streamable-http',
        url: 'https://{host}/mcp',
        variables: {
          host: {
            description:
              'Name of the host on which `tilesight serve --auth token` runs behind TLS, with its port if it is not 443.',
            placeholder: 'tilesight.example.com',
            isRequired: true,
          },
        },
        headers: [
          {
            name: 'Authorization',
            description: 'The token of that server.',
            isRequired: true,
            isSecret: true,
            value: 'Bearer {token}',
            variables: {
              token: { description: 'The token in TILESIGHT_TOKEN of that server.', isRequired: true, isSecret: true },
            },
          },
        ],
      },
    ],
  };
}
