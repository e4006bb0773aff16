// Entry of the local deployment: wires the MCP server, the engine, the worker processes and the folder, and listens on loopback
// or, when requests must be signed, at another address.
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { depsByCaller, type SharedDeps } from '../mcp-server/access/callers.ts';
import { readProgress } from '../mcp-server/executions/status.ts';
import { readFindings } from '../mcp-server/executions/stored-findings.ts';
import { mcpHandler } from '../mcp-server/server.ts';
import { VERSION } from '../mcp-server/version.ts';
import { type Config, modelOffer, sizeLimits } from '../pipeline/config.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import type { Clock, Log } from '../pipeline/ports.ts';
import { openSources, SOURCES } from '../pipeline/sources/index.ts';
import { fsBlobs, PARTS_FOLDER } from '../pipeline/storage/folder-blobs.ts';
import { openEngine } from './engine/engine.ts';
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
  /** Holds everything that outlives the process. One server at a time. */
  dataFolder: string;
  /** Folders whose images may be named with file://; absolute. */
  allowedFolders: readonly string[];
  /** 0 takes a free one. */
  port: number;
  /** An address or name of this machine; 127.0.0.1 when left out. Only a loopback one unless requests are signed. */
  host?: string | undefined;
  /** With it, every request to MCP must be signed (SigV4) for this region with one of these keys. */
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
  const { config, dataFolder, allowedFolders, port, host = LOOPBACK, iam, log } = options;
  if (config.ISOLATION === 'caller' && !iam)
    throw new UserError('Expected signed requests with ISOLATION=caller, got --auth none. Add --auth iam, or unset it.');
  const address = await addressToListen(host, iam !== undefined);
  const clock: Clock = { now: () => new Date() };
  const blobsFolder = join(dataFolder, 'blobs');
  const scratchFolder = join(dataFolder, 'scratch');
  const blobs = fsBlobs(blobsFolder);
  const workers = workerPool({
    entry: new URL('./worker.ts', import.meta.url),
    args: [dataFolder, config.LOG_LEVEL],
    workersMax: WORKERS_MAX,
    log,
  });
  const engine = openEngine({ file: join(dataFolder, 'engine.db'), invoke: workers.invoke, clock, log });
  try {
    await sweep(scratchFolder, blobsFolder, clock);
    const launcher = localLauncher(engine);
    let url = '';
    const links = localLinks(await readSecret(join(dataFolder, 'secret.key')), () => url, clock);
    const shared: SharedDeps = {
      ...{ blobs, links, models: modelOffer(config), clock, log },
      launcher,
      imagesIn: openSources(SOURCES.local, { ...config, ALLOWED_FOLDERS: allowedFolders }).imagesIn,
      costUsdMax: config.COST_USD_MAX ?? null,
      dryRunBytesMax: null, // a folder gives the file itself
      limits: sizeLimits(config),
    };
    const depsOf = depsByCaller(shared, config.ISOLATION);
    const mcp = mcpHandler(depsOf, { version: VERSION, log });
    const progressOf = (executionId: string) => readProgress(executionId, depsOf(null));
    const page = [
      eventRoutes({ blobs, launcher, progressOf, clock, log }),
      pageRoutes({
        blobs,
        files: async () => await (await import('../build/web-page.ts')).pageFiles(), // the bundler, once somebody looks
        findingsOf: (executionId) => readFindings(executionId, { blobs }),
      }),
    ];
    const gate = iam && iamGate({ ...iam, clock, log });
    const app = httpApp({
      mcp: (request, principal) => mcp.fetch(request, principal === null ? null : { id: principal, name: principal }),
      ...{ blobs, links, scratchFolder, gate, log },
      routes: iam ? [] : page, // a browser cannot sign
      host: hostInUrl(address),
    });
    const server = createAdaptorServer({ fetch: app.fetch });
    url = await listening(server, address, port);
    engine.start();
    return {
      url,
      async close() {
        await closed(server);
        await mcp.close();
        engine.close();
        await workers.close();
      },
    };
  } catch (error) {
    engine.close();
    await workers.close();
    throw error;
  }
}

type Server = ReturnType<typeof createAdaptorServer>;

function closed(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  if ('closeAllConnections' in server) server.closeAllConnections();
  return promise;
}

/** Removes what an earlier process left half-written, and uploads that nobody will use any more. */
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
