// Entry of the local deployment: wires the MCP server, the engine, the worker processes and the folder, and listens on loopback or,
// if requests bring a signature or a token, on another address.
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { createAdaptorServer } from '@hono/node-server';
import { depsByCaller, type SharedDeps } from '../mcp-server/access/callers.ts';
import { readFindings, readFindingsSoFar } from '../mcp-server/executions/stored-findings.ts';
import { endpointsByFolders } from '../mcp-server/folder-endpoints.ts';
import { mcpHandler } from '../mcp-server/server.ts';
import { VERSION } from '../mcp-server/version.ts';
import { type Config, modelOffer, sizeLimits, unusedCoordinates, viewPolicy } from '../pipeline/config.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import { ownerOf } from '../pipeline/contract/keys.ts';
import type { Clock, Detectors, Log } from '../pipeline/ports.ts';
import { progressReader } from '../pipeline/progress/progress-reader.ts';
import { isOwnDetector, isZeroShot } from '../pipeline/providers/detector-names.ts';
import { openSources, SOURCES } from '../pipeline/sources/index.ts';
import { fsBlobs } from '../pipeline/storage/folder-blobs.ts';
import { fsRemoval } from '../pipeline/storage/folder-removal.ts';
import { detectorsInFolder } from '../pipeline/vision/registered-detectors.ts';
import { type DataFolder, emptyLeftovers, openDataFolder, workerScratch } from './data-folder.ts';
import { type Engine, openEngine } from './engine/engine.ts';
import { localCallbacks } from './engine/local-callbacks.ts';
import { localLauncher, requestedImage } from './engine/local-launcher.ts';
import type { AccessKey } from './http/access-keys.ts';
import { httpApp } from './http/http-app.ts';
import { iamGate } from './http/iam-gate.ts';
import { addressToListen, hostInUrl, listening, listeningNear } from './http/listen.ts';
import { localLinks, readSecret } from './http/local-links.ts';
import { proofOf, readAddress, tokenOf, writeAddress } from './http/running-server.ts';
import { foldersOf, tokenGate } from './http/token-gate.ts';
import { localQuotas } from './quotas.ts';
import { DAY_MS, startUpkeep } from './upkeep.ts';
import { eventRoutes } from './web/event-stream.ts';
import { hasSettled } from './web/execution-list.ts';
import { pageRoutes } from './web/web-routes.ts';
import type { Freezing } from './workers/freezing.ts';
import { workerPool } from './workers/worker-pool.ts';

export interface ServeOptions {
  config: Config;
  /** Holds everything that outlives the process. Only one server at a time can use it. */
  dataFolder: string;
  /** Absolute paths of the folders whose images can be named with file://. */
  allowedFolders: readonly string[];
  /** 0 takes a free port. */
  port: number;
  /** An address or name of this machine, by default 127.0.0.1. Without `iam` and `token` it must be a loopback address. */
  host?: string | undefined;
  /** The address by which callers reach this server, such as https://tilesight.example.com; for links. By default the bound one. */
  publicUrl?: string | undefined;
  /** Requires every request to MCP to be signed (SigV4) for this region with one of these keys. */
  iam?: { keys: ReadonlyMap<string, AccessKey>; region: string } | undefined;
  /** Requires every request but those to links to bring this token; MCP clients as a bearer, browsers once as `/?key=`. */
  token?: string | undefined;
  /**
   * Serves only processes of the same user, which have the token of the data folder and bring their own folders. Prefers the port of the
   * last server of this kind.
   */
  privately?: boolean;
  /** Whether people get a page; yes by default. With `iam` there is none. */
  page?: boolean;
  /** Without, checkpoints are not forced to the disk one by one: a power failure, but no killed process, repeats the last steps. */
  syncsCommits?: boolean;
  /** Freezes the workers between invocations, as Lambda does. Only tests use it. */
  freezing?: Freezing;
  log: Log;
}

export interface LocalServer {
  /** For example `http://127.0.0.1:3333`. */
  url: string;
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
const WORKERS_MAX = 2;
const SILENCE_MAX_MS = 60_000;

export async function serve(options: ServeOptions): Promise<LocalServer> {
  const { config, dataFolder, host = LOOPBACK, iam, token, syncsCommits, freezing, log } = options;
  if (config.ISOLATION === 'caller' && !iam)
    throw new UserError('ISOLATION=caller needs signed requests. Add --auth iam, or unset ISOLATION.');
  const warning = unusedCoordinates(config);
  if (warning !== null) log.warn({}, warning);
  const detectors = detectorsInFolder(config.TILESIGHT_HOME, { hubCache: config.HF_HUB_CACHE });
  // A model that is not there would fail in every tile: after the upload, the moderation and the tiling.
  const own = [...config.DETECTION_MODELS, ...config.ALLOWED_MODELS].filter(isOwnDetector);
  for (const model of own) await detectors.find(model);
  if (own.some(isZeroShot)) (await import('../pipeline/vision/zero-shot/package.ts')).requirePackage();
  const isGuarded = iam !== undefined || token !== undefined;
  const address = await addressToListen(host, { isGuarded, hasUrl: options.publicUrl !== undefined });
  const folder = await openDataFolder(dataFolder);
  const clock: Clock = { now: () => new Date() };
  const workers = workerPool({
    entry: pathToFileURL(createRequire(import.meta.url).resolve('#local-worker')),
    args: [dataFolder, folder.scratch, config.LOG_LEVEL],
    workersMax: WORKERS_MAX,
    exited: (pid) => void rm(workerScratch(folder.scratch, pid), { recursive: true, force: true }).catch(() => {}),
    ...(freezing && { freezing }),
    log,
  });
  const retentionDays = config.RETENTION_DAYS ?? null;
  const retentionMs = retentionDays === null ? null : retentionDays * DAY_MS;
  const engine = openEngine({ file: folder.database, invoke: workers.invoke, syncsCommits, retentionMs, clock, log });
  const end = async () => {
    engine.close();
    await workers.close();
  };
  try {
    const blobs = fsBlobs(folder.blobs);
    const removal = fsRemoval(folder.blobs);
    const launcher = localLauncher(engine);
    const endUpkeep = await startUpkeep({ folder, engine, blobs, removal, launcher, owner: null, retentionDays, clock, log });
    const { url, close } = await openHttp(options, address, folder, engine, detectors, clock);
    await writeAddress(dataFolder, { url, access: iam ? 'iam' : options.privately || token ? 'token' : 'open' });
    engine.start();
    return {
      url,
      async close() {
        endUpkeep();
        await close();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Wires everything between the engine and the socket, and listens. */
async function openHttp(
  options: ServeOptions,
  address: string,
  folder: DataFolder,
  engine: Engine,
  detectors: Detectors,
  clock: Clock,
): Promise<LocalServer> {
  const { config, allowedFolders, publicUrl, iam, token: issued, privately = false, log } = options;
  const blobs = fsBlobs(folder.blobs);
  await emptyLeftovers(folder);
  const launcher = localLauncher(engine);
  let url = '';
  const secret = await readSecret(folder.secret);
  const token = tokenOf(secret);
  const links = localLinks(secret, () => url, clock);
  const quotas = localQuotas(folder, engine, config, () => clock.now().getTime());
  const shared: Omit<SharedDeps, 'imagesIn'> = {
    blobs,
    removal: fsRemoval(folder.blobs),
    links,
    launcher,
    callbacks: localCallbacks(engine),
    deployment: null,
    models: modelOffer(config),
    detectors,
    clock,
    log,
    costUsdMax: config.COST_USD_MAX ?? null,
    views: viewPolicy(config),
    scratchFolder: folder.scratch,
    quotas,
    copiedBytesMax: null, // no limit: the file is on this disk and is not downloaded
    limits: sizeLimits(config),
    cores: { each: availableParallelism(), areShared: true },
    endsWithClient: privately,
  };
  const endpoints = endpointsByFolders((folders) => {
    const sources = openSources(SOURCES.local, { ...config, ALLOWED_FOLDERS: folders });
    const depsOf = depsByCaller({ ...shared, imagesIn: sources.imagesIn }, config.ISOLATION);
    const images = folders.length > 0 ? sources.accepted.join(' or ') : undefined;
    return mcpHandler(depsOf, { version: VERSION, log, streams: true, images });
  });
  const progress = progressReader({ blobs, launcher, clock });
  const page = [
    eventRoutes({ blobs, launcher, progress, requestedImage: (id) => requestedImage(engine, id), clock, log }),
    pageRoutes({
      blobs,
      // Loads the bundler at the first request for the page.
      files: async () => await (await import('../build/web-page.ts')).pageFiles(),
      async findingsOf(executionId) {
        const stored = await readFindings(executionId, { blobs, progress });
        const end = stored ? null : await progress.current(executionId).catch(() => null);
        return end && hasSettled(end, clock) ? await readFindingsSoFar(end, { blobs }) : stored;
      },
    }),
  ];
  const gate = iam && iamGate({ ...iam, clock, log });
  const app = httpApp({
    mcp: (request, principal) => {
      const folders = new Set([...allowedFolders, ...foldersOf(request, token)]);
      return endpoints.of([...folders]).fetch(request, principal === null ? null : { id: principal, name: principal });
    },
    blobs,
    links,
    scratchFolder: folder.scratch,
    admitUpload: (key, bytes) => quotas.admitUpload(config.ISOLATION === 'caller' ? ownerOf(key) : null, bytes),
    gate,
    access:
      privately || issued !== undefined
        ? tokenGate({ own: token, issued: issued ?? null, isEncrypted: publicUrl?.startsWith('https:') === true, log })
        : undefined,
    prove: (challenge) => proofOf(token, challenge),
    host: publicUrl === undefined ? hostInUrl(address) : new URL(publicUrl).hostname,
    origin: publicUrl,
    routes: iam || options.page === false ? [] : page, // a browser cannot sign its requests
    log,
  });
  // An upload takes as long as bytes keep coming: Node's limit for a whole request would cut it after 300 s.
  const server = createAdaptorServer({ fetch: app.fetch, serverOptions: { requestTimeout: 0 } });
  server.on('request', endsWhenSilent);
  const last = privately ? await readAddress(options.dataFolder) : null;
  // Links and the page of the last server with a token remain valid at its port.
  const port = last?.access === 'token' ? Number(new URL(last.url).port) : options.port;
  const bound = await (privately ? listeningNear : listening)(server, address, port);
  url = publicUrl ?? bound;
  return {
    url,
    async close() {
      await closed(server);
      await endpoints.close();
    },
  };
}

/** Ends a request whose body stops coming. */
function endsWhenSilent(request: IncomingMessage): void {
  request.setTimeout(SILENCE_MAX_MS, () => {
    if (!request.complete) request.destroy();
  });
}

type Server = ReturnType<typeof createAdaptorServer>;

function closed(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  if ('closeAllConnections' in server) server.closeAllConnections();
  return promise;
}
