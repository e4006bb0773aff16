// Writes the manifests and plugins into dist/packages: one folder for each way in.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Publisher } from './identity.ts';
import { agentPlugin, claudePlugin, type Files, jsonOf, kiroPower } from './plugins.ts';
import { ServerJson } from './published-rules.ts';
import { serverJson } from './server-json.ts';

/** What is in dist/packages, by folder. */
export const WAYS = {
  'mcp-registry': (publisher) => new Map([['server.json', jsonOf(ServerJson.parse(serverJson(publisher)))]]),
  'agent-plugin': agentPlugin,
  'claude-code-plugin': claudePlugin,
  'kiro-power': kiroPower,
} as const satisfies Record<string, (publisher: Publisher) => Files>;

/** Replaces only its own folders. Returns the files, relative to `outFolder`. */
export async function writeWays(outFolder: string, publisher: Publisher): Promise<string[]> {
  const written: string[] = [];
  for (const [name, filesOf] of Object.entries(WAYS)) {
    await rm(join(outFolder, name), { recursive: true, force: true });
    for (const [path, text] of filesOf(publisher)) {
      const file = join(outFolder, name, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
      written.push(join(name, path));
    }
  }
  return written;
}
