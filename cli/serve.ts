// `tilesight serve`: runs the local deployment until Ctrl-C.
import { resolve } from 'node:path';
import { serve } from '../local/serve.ts';
import { readConfig } from '../pipeline/config.ts';
import { makeLog } from './log.ts';

interface ServeOptions {
  port: number;
  data?: string;
  allow?: string[];
}

export async function serveCommand({ port, data, allow }: ServeOptions): Promise<void> {
  const config = readConfig();
  const dataFolder = resolve(data ?? config.TILESIGHT_HOME);
  const allowedFolders = (allow ?? config.ALLOWED_FOLDERS).map((folder) => resolve(folder));
  const hosts = config.ALLOWED_IMAGE_HOSTS.map((host) => `https://${host}/…`);
  const named = ['uploads', ...allowedFolders.map((folder) => `file://${folder}/…`), ...hosts];
  const server = await serve({ config, dataFolder, allowedFolders, port, log: makeLog(config.LOG_LEVEL) });
  process.stdout.write(
    `tilesight serves MCP at ${server.url}/mcp\n` +
      `  data:     ${dataFolder}\n` +
      `  pictures: ${named.join(', ')}\n` +
      `  connect:  claude mcp add --transport http tilesight ${server.url}/mcp\n` +
      'Ctrl-C stops it; running analyses go on when it is started again.\n',
  );
  await interrupted();
  process.stderr.write('\nStopping …\n');
  await server.close();
}

function interrupted(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  return promise;
}
