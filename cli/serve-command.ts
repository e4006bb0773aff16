// `tilesight serve`: runs the local deployment until Ctrl-C.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { z } from 'zod';
import { readAccessKeys, readPrivate } from '../local/http/access-keys.ts';
import { isReadableOnTheWay } from '../local/http/listen.ts';
import { type ServeOptions as LocalOptions, serve } from '../local/serve.ts';
import { ACCESS_TOKEN, ACCESS_TOKEN_FORM, type Config, readConfig } from '../pipeline/config.ts';
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
  auth: z.enum(['none', 'iam', 'token']),
  keys: z.string().optional(),
  tokenFile: z.string().optional(),
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
  const { iam, token } = await accessOf(options, config);
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
    token,
    log: terminalLog(config.LOG_LEVEL),
  });
  const { accepted } = openSources(SOURCES.local, { ...config, ALLOWED_FOLDERS: folders });
  print(
    `tilesight serves MCP at ${server.url}/mcp\n` +
      (iam ? '' : `  page:     ${server.url}/${token === undefined ? '' : '?key=TOKEN'}\n`) +
      `  data:     ${dataFolder}\n` +
      `  images:   ${accepted.join(', ')}\n` +
      `  connect:  ${connectLine(`${server.url}/mcp`, iam, token !== undefined)}\n` +
      'Press Ctrl-C to stop. Running analyses continue after a restart.\n',
  );
  if (token !== undefined && isReadableOnTheWay(server.url))
    report(
      `The network can read the token on its way to ${server.url}. Put a proxy with TLS in front, and name it with --url.\n`,
    );
  await interrupted();
  report('\nStopping …\n');
  await server.close();
}

/** The kinds of --auth with which an option has an effect. */
const EFFECTIVE_WITH = {
  keys: ['iam'],
  region: ['iam'],
  tokenFile: ['token'],
  host: ['iam', 'token'],
  url: ['iam', 'token'],
} as const;

/** Refuses options that would have no effect: the user believes that they protect the server. */
async function accessOf(options: ServeOptions, config: Config): Promise<Pick<LocalOptions, 'iam' | 'token'>> {
  const { auth, keys, region, tokenFile } = options;
  for (const [option, kinds] of Object.entries(EFFECTIVE_WITH)) {
    const isIdle =
      !kinds.some((kind) => kind === auth) &&
      Object.entries(options).some(([name, value]) => name === option && value !== undefined);
    if (isIdle) throw new UserError(idleOption(option === 'tokenFile' ? '--token-file' : `--${option}`, kinds));
  }
  if (auth === 'token') return { token: await tokenOf(tokenFile, config) };
  if (auth === 'none') return {};
  if (keys === undefined) throw new UserError('--auth iam needs --keys FILE. Name a file with the keys that may sign.');
  return { iam: { keys: await readAccessKeys(resolve(keys)), region: region ?? DEFAULT_REGION } };
}

function idleOption(name: string, [kind, other]: readonly string[]): string {
  return other === undefined
    ? `${name} works only with --auth ${kind}. Add --auth ${kind}, or leave ${name} out.`
    : `${name} works only with --auth ${kind} or --auth ${other}. Add one of them, or leave ${name} out.`;
}

/** Never from the command line, which other users of the machine can read. */
async function tokenOf(file: string | undefined, { TILESIGHT_TOKEN }: Config): Promise<string> {
  if (file === undefined) {
    if (TILESIGHT_TOKEN !== undefined) return TILESIGHT_TOKEN;
    throw new UserError('--auth token needs a token. Set TILESIGHT_TOKEN, or name a file with --token-file.');
  }
  if (TILESIGHT_TOKEN !== undefined)
    throw new UserError('--token-file and TILESIGHT_TOKEN both name a token. Leave one of them out.');
  const path = resolve(file);
  const token = (await readPrivate(path, 'the token')).trim();
  if (ACCESS_TOKEN.test(token)) return token;
  throw new UserError(`${path} must hold the token and nothing else: ${ACCESS_TOKEN_FORM}. Correct the file.`);
}

/** Callers add the path /mcp, and links the path of an object. */
function publicUrlOf(given: string): string {
  const url = URL.parse(given);
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && given.replace(/\/$/, '') === url.origin;
  if (isOrigin) return url.origin;
  throw new UserError(`--url must be an address without a path, such as https://tilesight.example.com, not ${given}.`);
}

function connectLine(url: string, iam: LocalOptions['iam'], needsToken: boolean): string {
  if (iam) return `claude mcp add tilesight -- ${process.execPath} ${CLI} connect ${url} --region ${iam.region}`;
  return `claude mcp add --transport http tilesight ${url}${needsToken ? ' --header "Authorization: Bearer TOKEN"' : ''}`;
}

function interrupted(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  return promise;
}
