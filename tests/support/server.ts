// The real MCP server behind the real HTTP face, over a temporary folder, with scripted executions and no socket.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { onTestFinished } from 'vitest';
import { httpApp } from '../../local/http/http-app.ts';
import { type LocalLinks, localLinks } from '../../local/http/local-links.ts';
import { depsByCaller, type Isolation, type SharedDeps } from '../../mcp-server/access/callers.ts';
import type { Caller, Quotas, ViewPolicy } from '../../mcp-server/access/deps.ts';
import type { ModelOffer } from '../../mcp-server/access/model-policy.ts';
import { functionUrlHandler } from '../../mcp-server/aws/function-url.ts';
import { mcpHandler } from '../../mcp-server/server.ts';
import { readConfig, sizeLimits, viewPolicy } from '../../pipeline/config.ts';
import type { Clock, Detectors, ImageSources, Links, Log } from '../../pipeline/ports.ts';
import { openSources, SOURCES } from '../../pipeline/sources/index.ts';
import { type FolderBlobs, fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { fsRemoval } from '../../pipeline/storage/folder-removal.ts';
import { detectorsInFolder } from '../../pipeline/vision/registered-detectors.ts';
import { temporaryFolder } from './folder.ts';
import { functionUrlFetch } from './function-url.ts';
import { NO_CALLBACKS, type Script, type ScriptedLauncher, scriptedLauncher } from './scripted-launcher.ts';

export const ORIGIN = 'http://127.0.0.1:3333';
/** Signs the links. */
export const SECRET = new Uint8Array(32).fill(7);

export interface TestServer {
  app: Hono;
  blobs: FolderBlobs;
  links: LocalLinks;
  launcher: ScriptedLauncher;
  folder: string;
  blobsFolder: string;
  scratchFolder: string;
  /** Sentences and facts of every error that was logged. */
  errors: { facts: object; sentence: string }[];
  /** The same of every warning. */
  warnings: { facts: object; sentence: string }[];
  /** How many requests came through to MCP. */
  mcpRequests(): number;
  fetch(url: string | URL, init?: RequestInit): Promise<Response>;
  /** The same server behind a Function URL, asked by a principal. */
  as(caller: Caller): Pick<TestServer, 'fetch'>;
}

export interface TestServerOptions {
  script?: Script;
  clock?: Clock;
  images?: ImageSources;
  /** The links that tools return instead of links to this server. */
  links?: Links;
  deployment?: string;
  models?: ModelOffer;
  detectors?: Detectors;
  costUsdMax?: number;
  views?: ViewPolicy;
  copiedBytesMax?: number;
  quotas?: Quotas;
  isolation?: Isolation;
  /** For the instructions: what `image` may be. */
  imageNames?: string;
}

const systemClock: Clock = { now: () => new Date() };
const models: ModelOffer = {
  defaults: { moderation: 'onnx:nsfw', detection: ['onnx:nanodet'], verification: null, synthesis: 'rules:counts' },
  allowed: [],
  moderationMayBeOff: false,
};

export async function testServer(options: TestServerOptions = {}): Promise<TestServer> {
  const clock = options.clock ?? systemClock;
  const folder = await temporaryFolder();
  const [blobsFolder, scratchFolder] = [join(folder, 'blobs'), join(folder, 'scratch')];
  await mkdir(scratchFolder);
  const errors: TestServer['errors'] = [];
  const warnings: TestServer['warnings'] = [];
  const quiet = () => {};
  const log: Log = {
    debug: quiet,
    info: quiet,
    warn: (facts, sentence) => void warnings.push({ facts, sentence }),
    error: (facts, sentence) => void errors.push({ facts, sentence }),
  };
  const blobs = fsBlobs(blobsFolder);
  const links = localLinks(SECRET, () => ORIGIN, clock);
  const launcher = scriptedLauncher({ blobs, clock, log }, options.script ?? (async () => {}));
  const sources = openSources(SOURCES.local, { ...readConfig({}), ALLOWED_FOLDERS: [folder] });
  const shared: SharedDeps = {
    removal: fsRemoval(blobsFolder),
    ...{ blobs, links: options.links ?? links, launcher, clock, log },
    callbacks: NO_CALLBACKS,
    imagesIn: (seen) => options.images ?? sources.imagesIn(seen),
    deployment: options.deployment ?? null,
    models: options.models ?? models,
    detectors: options.detectors ?? detectorsInFolder(folder),
    costUsdMax: options.costUsdMax ?? null,
    views: options.views ?? viewPolicy(readConfig({})),
    scratchFolder,
    copiedBytesMax: options.copiedBytesMax ?? null,
    quotas: options.quotas ?? null,
    limits: sizeLimits(readConfig({})),
    cores: { each: 2, areShared: true },
  };
  const depsOf = depsByCaller(shared, options.isolation ?? 'account');
  const about = { version: '0.0.0-test', log, images: options.imageNames };
  const mcp = mcpHandler(depsOf, { ...about, streams: true });
  const buffered = mcpHandler(depsOf, about);
  let mcpRequests = 0;
  const counted = (request: Request) => {
    mcpRequests++;
    return mcp.fetch(request, null);
  };
  const app = httpApp({ mcp: counted, blobs, links, scratchFolder, log });
  onTestFinished(async () => {
    await mcp.close();
    await buffered.close();
    await Promise.all(launcher.runs.map(({ progress }) => progress.close()));
  });
  return {
    ...{ app, blobs, links, launcher, folder, blobsFolder, scratchFolder, errors, warnings },
    mcpRequests: () => mcpRequests,
    fetch: async (url, init) => await app.fetch(new Request(url, init)),
    as: (caller) => ({ fetch: functionUrlFetch(functionUrlHandler({ mcp: buffered.fetch, log }), caller) }),
  };
}
