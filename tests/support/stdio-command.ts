// How a client starts `tilesight mcp`, and which processes of one start still run.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../cli/tilesight.ts', import.meta.url));

export interface StdioCommand {
  dataFolder: string;
  allow?: string;
  args?: string[];
}

/** `marker` is in the environment of every process that follows from it: the path of a folder that may be missing. */
export function stdioCommand({ dataFolder, allow, args = [] }: StdioCommand, marker: string) {
  const env = {
    // biome-ignore lint/style/noProcessEnv: a child needs the path of this process.
    PATH: process.env.PATH ?? '',
    HOME: marker,
    TILESIGHT_HOME: marker,
    LOG_LEVEL: 'warn',
    DETECTION_MODELS: 'onnx:nanodet',
  };
  const folders = allow === undefined ? [] : ['--allow', allow];
  return { command: process.execPath, args: [CLI, 'mcp', '--data', dataFolder, ...folders, ...args], env };
}

/** Every process that has `text` in its environment; on Linux. */
export async function processesWith(text: string): Promise<number[]> {
  const ids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(ids.map((id) => readFile(join('/proc', id, 'environ'), 'utf8').catch(() => '')));
  return ids.filter((_, index) => environments[index]?.includes(text)).map(Number);
}
