// The rules that registries and clients publish for their manifests, as far as the manifests of this folder use them. A manifest that
// breaks one of them is not written.
import { z } from 'zod';

const Https = z.url({ protocol: /^https$/ });
const Kebab = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/);
const Semver = z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/);

/** https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json */
const REGISTRY_SCHEMA = 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json';
const Input = z.strictObject({
  description: z.string().optional(),
  isRequired: z.boolean().optional(),
  isSecret: z.boolean().optional(),
  format: z.enum(['string', 'number', 'boolean', 'filepath']).optional(),
  default: z.string().optional(),
  placeholder: z.string().optional(),
  value: z.string().optional(),
});
const KeyValue = Input.extend({ name: z.string() });
const Argument = z.discriminatedUnion('type', [
  KeyValue.extend({ type: z.literal('named'), isRepeated: z.boolean().optional() }),
  Input.extend({ type: z.literal('positional'), value: z.string() }),
]);
const Variables = z.record(z.string().regex(/^[a-z_]+$/), Input);
/** A name in braces that is not a variable stays as it is. */
const isFilled = ({ value, variables }: { value: string; variables: Record<string, unknown> }) =>
  [...value.matchAll(/\{(\w+)\}/g)].every(([, name = '']) => name in variables);
const Remote = z
  .strictObject({
    type: z.literal('streamable-http'),
    url: z.string().regex(/^https:\/\/[^\s]+$/),
    variables: Variables,
    headers: z.array(KeyValue.extend({ value: z.string(), variables: Variables }).refine(isFilled, 'names an unknown variable')),
  })
  .refine(({ url, variables }) => isFilled({ value: url, variables }), 'names an unknown variable');
export const ServerJson = z.strictObject({
  $schema: z.literal(REGISTRY_SCHEMA),
  name: z
    .string()
    .min(3)
    .max(200)
    .regex(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/),
  title: z.string().min(1).max(100),
  description: z.string().min(1).max(100),
  version: Semver,
  repository: z.strictObject({ url: Https, source: z.string() }),
  packages: z.array(
    z.strictObject({
      registryType: z.literal('npm'),
      identifier: z.string(),
      version: Semver,
      runtimeHint: z.literal('npx'),
      transport: z.strictObject({ type: z.literal('stdio') }),
      packageArguments: z.array(Argument),
      environmentVariables: z.array(KeyValue),
    }),
  ),
  remotes: z.array(Remote),
});

/** https://agent-plugins.org/schemas/1.0.0/plugin.schema.json, and the specification for its names. */
const Author = z.strictObject({ name: z.string().min(1), url: z.string().optional() });
const PluginFacts = z.strictObject({
  version: Semver,
  description: z.string(),
  author: Author,
  repository: z.string(),
  license: z.string(),
  keywords: z.array(z.string()),
});
export const AgentPlugin = PluginFacts.extend({
  $schema: z.literal('https://agent-plugins.org/schemas/1.0.0/plugin.schema.json'),
  name: z
    .string()
    .max(64)
    .regex(/^(?!.*(?:--|\.\.))[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/),
});

/** https://agent-plugins.org/schemas/1.0.0/mcp.schema.json; the specification asks for one executable, not a line for a shell. */
export const AgentPluginServers = z.strictObject({
  $schema: z.literal('https://agent-plugins.org/schemas/1.0.0/mcp.schema.json'),
  mcpServers: z.record(
    z.string(),
    z.strictObject({ type: z.literal('stdio'), command: z.string().regex(/^(\.\/)?[\w./-]+$/), args: z.array(z.string()) }),
  ),
});

/** https://www.schemastore.org/claude-code-plugin-manifest.json */
export const ClaudePlugin = PluginFacts.extend({ name: Kebab });

/** https://www.schemastore.org/claude-code-marketplace.json */
export const ClaudeMarketplace = z.strictObject({
  name: Kebab,
  description: z.string().min(1),
  owner: Author,
  plugins: z.array(z.strictObject({ name: z.string(), source: z.string().regex(/^\.\//), description: z.string() })).min(1),
});

/** .mcp.json of a project or plugin of Claude Code, and mcp.json of a Kiro power. */
export const McpServers = z.strictObject({
  mcpServers: z.record(z.string(), z.strictObject({ command: z.string().min(1), args: z.array(z.string()) })),
});

/** https://kiro.dev/docs/powers/create/: what stands at the head of POWER.md. */
export const KiroPower = z.strictObject({
  name: Kebab,
  displayName: z.string().min(1),
  description: z.string().min(1),
  keywords: z.array(z.string()).min(1),
  author: z.string().min(1),
});
