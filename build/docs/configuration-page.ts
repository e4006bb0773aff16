// Writes docs/configuration.md from the schemas in pipeline/config.ts, the provider and source registries, and template.yaml; or with
// --check fails if it is stale: `node build/docs/configuration-page.ts [--check]`.
import { ENVIRONMENTS, VARIABLE_GROUPS } from '../../pipeline/config.ts';
import { type Variables, variablesOf } from '../../pipeline/contract/variables.ts';
import { PROVIDERS } from '../../pipeline/providers/provider-registry.ts';
import { SOURCES } from '../../pipeline/sources/index.ts';
import type { Source } from '../../pipeline/sources/source.ts';
import { table, writeOrCheck } from './generated-page.ts';
import { templateParameters } from './template-parameters.ts';

const local = ENVIRONMENTS.local();
const mcpServer = ENVIRONMENTS.mcpServer();
const pipeline = ENVIRONMENTS.pipeline();
const ALL: Variables = { ...local, ...mcpServer, ...pipeline };
const PARAMETERS = templateParameters();

/** What a deployment on AWS sets by itself. */
const BY_TEMPLATE = 'set by the template';

function variableTable(names: readonly string[]): string {
  return table([['variable', 'default', 'read by', 'template parameter', 'what it sets'], ...names.map(variableRow)]);
}

function variableRow(name: string): string[] {
  const schema = ALL[name];
  const { description, shownDefault } = schema?.meta() ?? {};
  if (!schema || !description)
    throw new Error(`The variable ${name} has no description: add one with .meta() where it is declared.`);
  const readers = [
    ['local', local],
    ['MCP server', mcpServer],
    ['pipeline', pipeline],
  ] as const;
  const readBy = readers.flatMap(([reader, variables]) => (name in variables ? [reader] : [])).join(', ');
  return [`\`${name}\``, shownDefault ?? defaultOf(name), readBy, parameterCell(name), description];
}

function defaultOf(name: string): string {
  const value = ALL[name]?.safeParse(undefined);
  if (!value?.success) return 'required';
  if (value.data === undefined || (Array.isArray(value.data) && value.data.length === 0)) return 'none';
  return `\`${Array.isArray(value.data) ? value.data.join(',') : String(value.data)}\``;
}

/** A parameter may have a default that suits a function better than the one of the code. */
function parameterCell(name: string): string {
  if (!(name in mcpServer || name in pipeline)) return '';
  const parameter = PARAMETERS.get(name);
  if (!parameter) return name.startsWith('AWS_') ? 'set by Lambda' : BY_TEMPLATE;
  const shown = parameter.default === null ? 'none' : `\`${parameter.default}\``;
  const usual = defaultOf(name);
  const differs = parameter.sameValue && shown !== usual;
  return differs ? `\`${parameter.name}\`, default ${shown}` : `\`${parameter.name}\``;
}

function providerTable(): string {
  const rows = Object.entries(PROVIDERS).map(([name, { models, needs }]) => [`\`${name}:\``, models, needs]);
  return table([['prefix', 'models', 'what it needs'], ...rows]);
}

function sourceTable(): string {
  const rows = Object.entries<Source>({ ...SOURCES.local, ...SOURCES.aws }).map(([name, { scheme }]) => {
    const available = [...(name in SOURCES.local ? ['locally'] : []), ...(name in SOURCES.aws ? ['on AWS'] : [])];
    return [name, scheme === null ? 'an `upload_id`' : `\`${scheme}://\``, available.join(' and ')];
  });
  return table([['source', 'named as', 'available'], ...rows]);
}

function page(): string {
  const groups = {
    models: Object.keys(VARIABLE_GROUPS.models),
    providers: Object.keys(variablesOf(PROVIDERS)),
    sources: Object.keys({ ...variablesOf(SOURCES.local), ...variablesOf(SOURCES.aws) }),
    requests: Object.keys(VARIABLE_GROUPS.requests),
    sizes: Object.keys(VARIABLE_GROUPS.sizes),
  };
  const grouped = new Set(Object.values(groups).flat());
  const others = Object.keys(ALL).filter((name) => !grouped.has(name));
  return `# Configuration

Written by \`npm run docs\` from pipeline/config.ts, the registries of providers and image sources, and template.yaml.

Every setting is an environment variable. Three processes read them: the **local** deployment (\`npm start\`, \`npx tilesight\`), and on AWS the **MCP server** function and the **pipeline** function. On AWS set the template parameter instead, for example \`npm run deploy -- DetectionModels=bedrock:us.amazon.nova-lite-v1:0\`. An empty variable counts as unset. An invalid one stops the process with an error that names it.

## Models

A model id is \`<provider>:<name>\`. A request uses the models below unless it names different ones that \`ALLOWED_MODELS\` permits.

${variableTable(groups.models)}

## Providers

${providerTable()}

${variableTable(groups.providers)}

## Image sources

What \`image\` may be in a request.

${sourceTable()}

${variableTable(groups.sources)}

## Requests and callers

${variableTable(groups.requests)}

## Sizes and concurrency

[limits.md](limits.md) explains the sizes, [scale.md](scale.md) the number of tiles.

${variableTable(groups.sizes)}

## Deployment

${variableTable(others)}

## Variables that libraries read

The AWS SDK finds region and credentials by itself: \`AWS_REGION\`, \`AWS_PROFILE\`, \`AWS_ACCESS_KEY_ID\` and so on. They are needed for \`bedrock:\` models and for \`tilesight connect\`; on AWS, Lambda sets them. tilesight sets \`ORT_DISABLE_TELEMETRY=1\` before it loads the runtime of the local models, so that nothing is sent to its maker.
`;
}

writeOrCheck('configuration.md', page());
