// manifest.json of the bundle for Claude Desktop (.mcpb): what it starts, and what it asks its user for. Knows nothing of the files.
import { FOLDERS, IDENTITY, type Publisher, repositoryOf, SETTINGS, TOOL_SUMMARIES } from './identity.ts';

/** `entry` is the script that Node runs, within the bundle. The packer checks the manifest against its own schema. */
export function bundleManifest(publisher: Publisher, entry: string, platform: NodeJS.Platform) {
  return {
    manifest_version: '0.3',
    name: IDENTITY.name,
    display_name: IDENTITY.title,
    version: IDENTITY.version,
    description: IDENTITY.summary,
    long_description: IDENTITY.description,
    author: { name: IDENTITY.author },
    repository: { type: 'git', url: repositoryOf(publisher) },
    license: IDENTITY.license,
    keywords: [...IDENTITY.keywords],
    server: {
      type: 'node',
      entry_point: entry,
      mcp_config: {
        command: 'node',
        // biome-ignore-start lint/suspicious/noTemplateCurlyInString: Claude Desktop replaces them.
        args: [`\${__dirname}/${entry}`, 'mcp', '--allow', '${user_config.folders}'],
        // biome-ignore-end lint/suspicious/noTemplateCurlyInString: end
        env: Object.fromEntries(SETTINGS.map(({ variable }) => [variable, `\${user_config.${keyOf(variable)}}`])),
      },
    },
    tools: TOOL_SUMMARIES,
    prompts_generated: true,
    compatibility: { platforms: [platform], runtimes: { node: IDENTITY.node } },
    user_config: {
      folders: { type: 'directory', title: FOLDERS.title, description: FOLDERS.description, multiple: true, required: true },
      ...Object.fromEntries(
        SETTINGS.map(({ variable, title, description, isSecret }) => [
          keyOf(variable),
          // An empty variable counts as unset.
          { type: 'string', title, description, default: '', required: false, ...(isSecret && { sensitive: true }) },
        ]),
      ),
    },
  };
}

const keyOf = (variable: string) => variable.toLowerCase();
