// `tilesight serve`: runs the local deployment until Ctrl-C.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { z } from 'zod';
import { readAccessKeys } from '../local/http/access-keys.ts';
import { type ServeOptions as LocalOptions, serve } from '../local/serve.ts';
import { readConfig } from '../pipeline/config.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import { openSources, SOURCES } from '../pipeline/sources/index.ts';
import { terminalLog } from '../pipeline/telemetry/terminal-log.ts';
import { allowedFolders } from './allowed-folders.ts';
import { print, report } from './terminal.ts';
import { checkOutFolder } from './write-whole.ts';

const ServeOptions = z.strictObject({
  port: z.number(),
  data: z.string().optional(),
  allow: z.array(z.string()).optional(),
  auth: z.enum(['none', 'iam']),
  keys: z.string().optional(),
  region: z.string().optional(),
  host: z.string().optional(),
  url: z.string().optional(),
});
type ServeOptions = z.infer<typeof ServeOptions>;

const DEFAULT_REGION = 'us-east-1';
/** Run by the Node that runs this command: another one on the path may be too old. */
const CLI = createRequire(import.meta.url).resolve('#command');

/** `values` are commander's. */
export async function serveCommand(values: unknown): Promise<void> {
  const options = ServeOptions.parse(values);
  const { port, host, url, data, allow } = options;
  const config = readConfig();
  const iam = await iamOf(options);
  const publicUrl = url === undefined ? undefined : publicUrlOf(url);
  const dataFolder = resolve(data ?? config.TILESIGHT_HOME);
  const folders = await allowedFolders(allow, config);
  await checkOutFolder(dataFolder, '--data');
  await import('sharp'); // a server that cannot read images must not start
  const server = await serve({
    config,
    dataFolder,
    allowedFolders: folders,
    port,
    host,
    publicUrl,
    iam,
    log: terminalLog(config.LOG_LEVEL),
  });
  const { accepted } = openSources(SOURCES.local, { ...config, ALLOWED_FOLDERS: folders });
  print(
    `tilesight serves MCP at ${server.url}/mcp\n` +
      (iam ? '' : `  page:     ${server.url}/\n`) +
      `  data:     ${dataFolder}\n` +
      `  images:   ${accepted.join(', ')}\n` +
      `  connect:  ${connectLine(`${server.url}/mcp`, iam)}\n` +
      'Press Ctrl-C to stop. Running analyses continue after a restart.\n',
  );
  await interrupted();
  report('\nStopping …\n');
  await server.close();
}

/** Refuses options that would have no effect: the user believes that they protect the server. */
async function iamOf({ auth, keys, region, host, url }: ServeOptions): Promise<LocalOptions['iam']> {
  if (auth === 'iam') {
    if (keys === undefined) throw new UserError('--auth iam needs --keys FILE. Name a file with the keys that may sign.');
    return { keys: await readAccessKeys(resolve(keys)), region: region ?? DEFAULT_REGION };
  }
  const [idle] = Object.entries({ keys, region, host, url }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (idle) throw new UserError(`--${idle} works only with --auth iam. Add --auth iam, or leave --${idle} out.`);
}

/** Callers add the path /mcp, and links the path of an object. */
function publicUrlOf(given: string): string {
  const url = URL.parse(given);
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && given.replace(/\/$/, '') === url.origin;
  if (isOrigin) return url.origin;
  throw new UserError(`--url must be an address without a path, such as https://tilesight.example.com, not ${given}.`);
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
