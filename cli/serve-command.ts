// `tilesight serve`: runs the local deployment until Ctrl-C.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readAccessKeys } from '../local/http/access-keys.ts';
import { type ServeOptions as LocalOptions, serve } from '../local/serve.ts';
import { readConfig } from '../pipeline/config.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import { makeLog } from './log.ts';

interface ServeOptions {
  port: number;
  data?: string;
  allow?: string[];
  auth: 'none' | 'iam';
  keys?: string;
  region?: string;
  host?: string;
}

const REGION = 'us-east-1';
/** Run with the current Node: the one on the PATH may be too old. */
const CLI = fileURLToPath(new URL('./tilesight.ts', import.meta.url));

export async function serveCommand(options: ServeOptions): Promise<void> {
  const { port, host, data, allow } = options;
  const config = readConfig();
  const iam = await iamOf(options);
  const dataFolder = resolve(data ?? config.TILESIGHT_HOME);
  const allowedFolders = (allow ?? config.ALLOWED_FOLDERS).map((folder) => resolve(folder));
  const hosts = config.ALLOWED_IMAGE_HOSTS.map((host) => `https://${host}/…`);
  const named = ['uploads', ...allowedFolders.map((folder) => `file://${folder}/…`), ...hosts];
  const server = await serve({ config, dataFolder, allowedFolders, port, host, iam, log: makeLog(config.LOG_LEVEL) });
  process.stdout.write(
    `tilesight serves MCP at ${server.url}/mcp\n` +
      (iam ? '' : `  page:     ${server.url}/\n`) +
      `  data:     ${dataFolder}\n` +
      `  images: ${named.join(', ')}\n` +
      `  connect:  ${connectLine(`${server.url}/mcp`, iam)}\n` +
      'Ctrl-C stops it; running analyses continue when it starts again.\n',
  );
  await interrupted();
  process.stderr.write('\nStopping …\n');
  await server.close();
}

/** Rejects options without effect, because they would suggest protection that is not there. */
async function iamOf({ auth, keys, region, host }: ServeOptions): Promise<LocalOptions['iam']> {
  if (auth === 'iam') {
    if (keys) return { keys: await readAccessKeys(resolve(keys)), region: region ?? REGION };
    throw new UserError('--auth iam needs --keys FILE. Name a file with the keys that may sign.');
  }
  const [idle] = Object.entries({ keys, region, host }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (idle) throw new UserError(`--${idle} works only with --auth iam. Add --auth iam, or leave --${idle} out.`);
}

function connectLine(url: string, iam: LocalOptions['iam']): string {
  return iam
    ? `claude mcp add tilesight -- ${process.execPath} ${CLI} connect ${url} --region ${iam.region}`
    : `claude mcp add --transport http tilesight ${url}`;
}

function interrupted(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  return promise;
}
