// The HTTP application of the local deployment: MCP, and single objects by signed link. Checks Host and Origin, and with a gate also
// signatures. Must not know what MCP messages hold.
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline as streamPipeline } from 'node:stream/promises';
import { Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { BODY_TOO_LARGE, MCP_BODY_BYTES_MAX } from '../../mcp-server/access/http-limits.ts';
import { causesOf } from '../../pipeline/contract/causes.ts';
import { withDiskAdvice } from '../../pipeline/contract/disk-errors.ts';
import { sentenceOf } from '../../pipeline/contract/errors.ts';
import { contentTypeOf } from '../../pipeline/findings/content-type.ts';
import type { Blobs, Log } from '../../pipeline/ports.ts';
import type { IamGate } from './iam-gate.ts';
import type { LocalLinks } from './local-links.ts';

const INSUFFICIENT_STORAGE = 507; // RFC 4918: the server cannot store what the request needs, for now
const SHOWN_CHARACTERS_MAX = 100;
const REMOVAL_RETRIES_MAX = 10; // with too many files open, after 0.1 s, 0.2 s and so on
const ALREADY_SENT =
  'The file of this link has already arrived: use its upload_id. To send another file, get a new link from create_upload.';
const LOOPBACK_NAMES = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Takes the file of an upload, unless the key has one. */
export interface UploadStore {
  putNewFile(key: string, path: string): Promise<boolean>;
}

export interface HttpDeps {
  /** `principal` signed the request; `null` without a gate. */
  mcp: (request: Request, principal: string | null) => Promise<Response>;
  blobs: Blobs & UploadStore;
  links: LocalLinks;
  /** Holds uploads until they are complete. */
  scratchFolder: string;
  /** Throws a UserError if the owner of the key may store no more. Counts the upload until the returned function is called. */
  admitUpload?: (key: string, bytes: number) => Promise<(isStored: boolean) => void>;
  /** Checks every request to MCP; links carry their own signature. Without a gate, loopback is the only protection. */
  gate?: IamGate | undefined;
  /** Lets only some callers use anything but links. */
  access?: MiddlewareHandler | undefined;
  /** The response to a challenge of a process that looks for the server of its data folder; `null` if it is not a challenge. */
  prove?: (challenge: string) => string | null;
  /** A host name of this server besides those of loopback, as in a URL. */
  host?: string | undefined;
  /** The origin of the page, if callers reach it by another address: behind a proxy with TLS, requests arrive without it. */
  origin?: string | undefined;
  /** The routes of the local page. The check of Host and Origin applies to them too. */
  routes?: readonly Routes[];
  log: Log;
}

export type Routes = (app: Hono) => void;

export function httpApp(deps: HttpDeps): Hono {
  const { mcp, gate, access, prove, host, origin, routes = [], log } = deps;
  const app = new Hono();
  const hostNames = new Set(host ? [...LOOPBACK_NAMES, host] : LOOPBACK_NAMES);

  app.use(async (context, next) => {
    const foreign = foreignHeader(context.req.raw, hostNames, origin ?? null);
    if (foreign) {
      const advice = `Use http://${host ?? '127.0.0.1'} with the port.`;
      throw refusal(403, `This server answers only requests to and from itself, not ${foreign}. ${advice}`);
    }
    await next();
  });
  if (access) app.use(access);

  const tooLarge = () => {
    throw refusal(413, BODY_TOO_LARGE);
  };
  app.all('/mcp', bodyLimit({ maxSize: MCP_BODY_BYTES_MAX, onError: tooLarge }), async (context) => {
    if (!gate) return await mcp(context.req.raw, null);
    const verdict = await gate(context.req.raw);
    return 'refusal' in verdict ? verdict.refusal : await mcp(verdict.request, verdict.caller.principal);
  });

  addLinkRoutes(app, deps);
  app.get('/healthz', (context) => {
    const challenge = context.req.query('challenge');
    const proof = challenge === undefined ? null : prove?.(challenge);
    return context.text(`${proof ?? 'ok'}\n`);
  });
  for (const add of routes) add(app);

  app.notFound((context) => context.text('Not found. Use /mcp, or a link that a tool returned.\n', 404));
  app.onError((error, context) => {
    if (error instanceof HTTPException) return context.text(`${error.message}\n`, error.status);
    const advised = withDiskAdvice(error);
    const sentence = sentenceOf(advised);
    if (sentence !== null) {
      log.error({ causes: causesOf(advised), path: context.req.routePath }, 'A request failed: the disk refused it.');
      return context.text(`${sentence}\n`, INSUFFICIENT_STORAGE);
    }
    log.error({ error, path: context.req.routePath }, 'A request failed unexpectedly.');
    return context.text('Internal error. See the server log for the cause.\n', 500);
  });
  return app;
}

type LinkDeps = Pick<HttpDeps, 'blobs' | 'links' | 'scratchFolder' | 'admitUpload'>;

function addLinkRoutes(app: Hono, { blobs, links, scratchFolder, admitUpload }: LinkDeps): void {
  app.put('/blobs/:token', async (context) => {
    const { key, bytesMax } = await claimsFor(context.req.param('token'), 'PUT', links);
    // An analysis may be reading what was sent first: it must not become another image.
    if (await blobs.head(key)) throw refusal(409, ALREADY_SENT);
    // Links may be made first and used later, all at once.
    const ended = await admitUpload?.(key, bytesMax).catch((error) => {
      throw refusal(413, sentenceOf(error) ?? 'This server takes no more uploads for now.', error);
    });
    let isStored = false;
    try {
      await receive(context.req.raw, bytesMax, scratchFolder, async (path) => {
        isStored = await blobs.putNewFile(key, path);
        if (!isStored) throw refusal(409, ALREADY_SENT);
      });
    } finally {
      ended?.(isStored);
    }
    return context.body(null, 204);
  });

  app.get('/blobs/:token', async (context) => {
    const { key } = await claimsFor(context.req.param('token'), 'GET', links);
    const file = await blobs.materialize(key).catch(() => null);
    if (!file) throw refusal(404, 'The object of this link does not exist. Ask for a new link.');
    const { size } = await stat(file.path);
    const headers = {
      'content-type': contentTypeOf(key),
      'content-length': String(size),
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox allow-scripts', // a report is a page with scripts: it must not act as a page of this server
      'cache-control': 'private',
    };
    if (context.req.method === 'HEAD') {
      await file.release();
      return new Response(null, { headers }); // a stream would be neither read nor closed
    }
    const stream = createReadStream(file.path).once('close', () => void file.release());
    return new Response(Readable.toWeb(stream) as ReadableStream, { headers });
  });
}

/**
 * The header that names another server, or `null`: a foreign Host is a sign of DNS rebinding, a foreign Origin is a page of another
 * site. Other ports of this machine are foreign too, or every site under development could use this server. Agents send no Origin.
 */
function foreignHeader(request: Request, hostNames: ReadonlySet<string>, publicOrigin: string | null): string | null {
  const host = request.headers.get('host') ?? new URL(request.url).host;
  const ours = URL.parse(`http://${host}`);
  if (!ours || !hostNames.has(ours.hostname)) return `Host ${host.slice(0, SHOWN_CHARACTERS_MAX)}`;
  const origin = request.headers.get('origin');
  const isOurs = origin === null || origin === publicOrigin || URL.parse(origin)?.origin === ours.origin;
  return isOurs ? null : `Origin ${origin.slice(0, SHOWN_CHARACTERS_MAX)}`;
}

async function claimsFor<M extends 'GET' | 'PUT'>(token: string, method: M, links: LocalLinks) {
  try {
    return await links.claimsOf(token, method);
  } catch (error) {
    throw refusal(403, sentenceOf(error) ?? 'This link cannot be used. Ask for a new one.');
  }
}

/** Streams a body to disk and passes the complete file on. Deletes it in every other case. */
async function receive(
  request: Request,
  bytesMax: number,
  scratchFolder: string,
  accept: (path: string) => Promise<void>,
): Promise<void> {
  const announced = Number(request.headers.get('content-length') ?? 0);
  if (announced > bytesMax) throw tooMany(bytesMax);
  const folder = await mkdtemp(join(scratchFolder, 'upload-'));
  try {
    const path = join(folder, 'body');
    const bytes = request.body ? await saveBody(request.body, path, bytesMax) : 0;
    if (bytes === 0) throw refusal(400, 'The body is empty. Send the bytes of the file with PUT.');
    if (bytes < bytesMax)
      throw refusal(400, `The body has ${bytes} of the ${bytesMax} bytes passed to create_upload. Send the whole file.`);
    await accept(path);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: REMOVAL_RETRIES_MAX });
  }
}

async function saveBody(body: ReadableStream<Uint8Array>, path: string, bytesMax: number): Promise<number> {
  let bytes = 0;
  const counted = async function* () {
    for await (const chunk of chunksOf(body)) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooMany(bytesMax);
      yield chunk;
    }
  };
  await streamPipeline(counted, createWriteStream(path, { mode: 0o600 }));
  return bytes;
}

/** An error in this loop is the client's connection. An error elsewhere is the server's, such as a full disk. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    throw refusal(400, 'The connection broke before the whole file arrived. Send it again.', cause);
  }
}

function tooMany(bytesMax: number): HTTPException {
  return refusal(413, `The body has more than the ${bytesMax} bytes passed to create_upload. Call it again with the right size.`);
}

function refusal(status: 400 | 403 | 404 | 409 | 413, message: string, cause?: unknown): HTTPException {
  return new HTTPException(status, { message, cause });
}
