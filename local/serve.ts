// Entry of the local deployment: wires the MCP server, the engine, the worker processes and the folder, and listens on loopback or,
// if requests must be signed, on another address.
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { depsByCaller, type SharedDeps } from '../mcp-server/access/callers.ts';
import { readFindings } from '../mcp-server/executions/stored-findings.ts';
import { mcpHandler } from '../mcp-server/server.ts';
import { VERSION } from '../mcp-server/version.ts';
import { type Config, modelOffer, sizeLimits } from '../pipeline/config.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import type { Clock, Log } from '../pipeline/ports.ts';
import { progressReader } from '../pipeline/progress/progress-reader.ts';
import { openSources, SOURCES } from '../pipeline/sources/index.ts';
import { fsBlobs, PARTS_FOLDER } from '../pipeline/storage/folder-blobs.ts';
import { fsRemoval } from '../pipeline/storage/folder-removal.ts';
import { type Engine, openEngine } from './engine/engine.ts';
import { localLauncher } from './engine/local-launcher.ts';
import type { AccessKey } from './http/access-keys.ts';
import { httpApp } from './http/http-app.ts';
import { iamGate } from './http/iam-gate.ts';
import { addressToListen, hostInUrl, listening } from './http/listen.ts';
import { localLinks, readSecret } from './http/local-links.ts';
import { eventRoutes } from './web/event-stream.ts';
import { pageRoutes } from './web/web-routes.ts';
import { workerPool } from './workers/worker-pool.ts';

export interface ServeOptions {
  config: Config;
  /** Holds everything that outlives the process. Only one server at a time can use it. */
  dataFolder: string;
  /** Absolute paths of the folders whose images can be named with file://. */
  allowedFolders: readonly string[];
  /** 0 takes a free port. */
  port: number;
  /** An address or name of this machine, by default 127.0.0.1. Without `iam` it must be a loopback address. */
  host?: string | undefined;
  /** Requires every request to MCP to be signed (SigV4) for this region with one of these keys. */
  iam?: { keys: ReadonlyMap<string, AccessKey>; region: string } | undefined;
  log: Log;
}

export interface LocalServer {
  /** For example `http://127.0.0.1:3333`. */
  url: string;
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
const WORKERS_MAX = 2;
const UPLOAD_KEPT_MS = 24 * 3_600_000;

export async function serve(options: ServeOptions): Promise<LocalServer> {
  const { config, dataFolder, host = LOOPBACK, iam, log } = options;
  if (config.ISOLATION === 'caller' && !iam)
    throw new UserError('ISOLATION=caller needs signed requests. Add --auth iam, or unset ISOLATION.');
  const address = await addressToListen(host, iam !== undefined);
  const clock: Clock = { now: () => new Date() };
  const workers = workerPool({
    entry: new URL('./worker.ts', import.meta.url),
    args: [dataFolder, config.LOG_LEVEL],
    workersMax: WORKERS_MAX,
    log,
  });
  const engine = openEngine({ file: join(dataFolder, 'engine.db'), invoke: workers.invoke, clock, log });
  const end = async () => {
    engine.close();
    await workers.close();
  };
  try {
    const { url, close } = await openHttp(options, address, engine, clock);
    engine.start();
    return {
      url,
      async close() {
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
async function openHttp(options: ServeOptions, address: string, engine: Engine, clock: Clock): Promise<LocalServer> {
  const { config, dataFolder, allowedFolders, port, iam, log } = options;
  const blobsFolder = join(dataFolder, 'blobs');
  const scratchFolder = join(dataFolder, 'scratch');
  const blobs = fsBlobs(blobsFolder);
  await sweep(scratchFolder, blobsFolder, clock);
  const launcher = localLauncher(engine);
  let url = '';
  const links = localLinks(await readSecret(join(dataFolder, 'secret.key')), () => url, clock);
  const sources = openSources(SOURCES.local, { ...config, ALLOWED_FOLDERS: allowedFolders });
  const shared: SharedDeps = {
    blobs,
    removal: fsRemoval(blobsFolder),
    links,
    launcher,
    models: modelOffer(config),
    clock,
    log,
    imagesIn: sources.imagesIn,
    costUsdMax: config.COST_USD_MAX ?? null,
    dryRunBytesMax: null, // no limit: the file is on this disk and is not downloaded
    limits: sizeLimits(config),
  };
  const depsOf = depsByCaller(shared, config.ISOLATION);
  const mcp = mcpHandler(depsOf, {
    version: VERSION,
    log,
    images: allowedFolders.length > 0 ? sources.accepted.join(' or ') : undefined,
  });
  const page = [
    eventRoutes({ blobs, launcher, progress: progressReader({ blobs, launcher, clock }), clock, log }),
    pageRoutes({
      blobs,
      // Loads the bundler at the first request for the page.
      files: async () => await (await import('../build/web-page.ts')).pageFiles(),
      findingsOf: (executionId) => readFindings(executionId, { blobs }),
    }),
  ];
  const gate = iam && iamGate({ ...iam, clock, log });
  const app = httpApp({
    mcp: (request, principal) => mcp.fetch(request, principal === null ? null : { id: principal, name: principal }),
    blobs,
    links,
    scratchFolder,
    gate,
    host: hostInUrl(address),
    routes: iam ? [] : page, // a browser cannot sign its requests
    log,
  });
  const server = createAdaptorServer({ fetch: app.fetch });
  url = await listening(server, address, port);
  return {
    url,
    async close() {
      await closed(server);
      await mcp.close();
    },
  };
}

type Server = ReturnType<typeof createAdaptorServer>;

function closed(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  if ('closeAllConnections' in server) server.closeAllConnections();
  return promise;
}

/** Deletes leftovers of a previous process that was killed before it could clean up, and expired uploads. */
async function sweep(scratchFolder: string, blobsFolder: string, clock: Clock): Promise<void> {
  await rm(join(blobsFolder, PARTS_FOLDER), { recursive: true, force: true });
  await rm(scratchFolder, { recursive: true, force: true });
  await mkdir(scratchFolder, { recursive: true });
  const uploadsFolder = join(blobsFolder, 'uploads');
  for (const name of await readdir(uploadsFolder).catch(() => [])) {
    const path = join(uploadsFolder, name);
    const { mtimeMs } = await stat(path);
    if (clock.now().getTime() - mtimeMs > UPLOAD_KEPT_MS) await rm(path);
  }
}
