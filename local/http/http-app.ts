// The HTTP face of the local deployment: MCP, and single objects by signed link. Host and Origin are checked, and signatures
// where there is a gate.
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline as streamPipeline } from 'node:stream/promises';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { BODY_TOO_LARGE, MCP_BODY_BYTES_MAX } from '../../mcp-server/access/http-limits.ts';
import { sentenceOf } from '../../pipeline/contract/errors.ts';
import { contentTypeOf } from '../../pipeline/findings/content-type.ts';
import type { Blobs, Log } from '../../pipeline/ports.ts';
import type { IamGate } from './iam-gate.ts';
import type { LocalLinks } from './local-links.ts';

const SHOWN_CHARACTERS_MAX = 100;
const LOOPBACK_NAMES = new Set(['127.0.0.1', 'localhost', '[::1]']);

export interface HttpDeps {
  /** `principal` is who signed; null without a gate. */
  mcp: (request: Request, principal: string | null) => Promise<Response>;
  blobs: Blobs;
  links: LocalLinks;
  /** For files that are being received. */
  scratchFolder: string;
  /** Every request to MCP passes it; links carry a signature of their own. None: loopback is the only guard. */
  gate?: IamGate | undefined;
  /** Another name than those of loopback under which this server is called, as in a URL. */
  host?: string | undefined;
  /** Of the local page: each adds its own, behind the check of Host and Origin. */
  routes?: readonly Routes[];
  log: Log;
}

export type Routes = (app: Hono) => void;

export function httpApp({ mcp, blobs, links, scratchFolder, gate, host, routes = [], log }: HttpDeps): Hono {
  const app = new Hono();
  const names = new Set(host ? [...LOOPBACK_NAMES, host] : LOOPBACK_NAMES);

  app.use(async (context, next) => {
    const stranger = strangerIn(context.req.raw, names);
    if (stranger)
      throw refused(
        403,
        `Expected a request to and from this machine, got ${stranger}. Use http://${host ?? '127.0.0.1'} with the port.`,
      );
    await next();
  });

  const tooLarge = () => {
    throw refused(413, BODY_TOO_LARGE);
  };
  app.all('/mcp', bodyLimit({ maxSize: MCP_BODY_BYTES_MAX, onError: tooLarge }), async (context) => {
    if (!gate) return await mcp(context.req.raw, null);
    const verdict = await gate(context.req.raw);
    return 'refusal' in verdict ? verdict.refusal : await mcp(verdict.request, verdict.caller.principal);
  });

  app.put('/blobs/:token', async (context) => {
    const { key, bytesMax = 0 } = await claimsFor(context.req.param('token'), 'PUT', links);
    await receive(context.req.raw, bytesMax, scratchFolder, (path) => blobs.putFile(key, path));
    return context.body(null, 204);
  });

  app.get('/blobs/:token', async (context) => {
    const { key } = await claimsFor(context.req.param('token'), 'GET', links);
    const file = await blobs.materialize(key).catch(() => null);
    if (!file) throw refused(404, 'Expected an object behind this link, got none. Ask for a new link.');
    const { size } = await stat(file.path);
    const headers = {
      'content-type': contentTypeOf(key),
      'content-length': String(size),
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox allow-scripts', // a report is a page of its own: it must not act as this server's
      'cache-control': 'private',
    };
    if (context.req.method === 'HEAD') {
      await file.release();
      return new Response(null, { headers }); // nobody would read, or close, the stream
    }
    const stream = createReadStream(file.path).once('close', () => void file.release());
    return new Response(Readable.toWeb(stream) as ReadableStream, { headers });
  });

  app.get('/healthz', (context) => context.text('ok\n'));
  for (const add of routes) add(app);

  app.notFound((context) => context.text('Expected /mcp, or a link that a tool gave you.\n', 404));
  app.onError((error, context) => {
    if (error instanceof HTTPException) return context.text(`${error.message}\n`, error.status);
    log.error({ error, path: context.req.routePath }, 'A request failed unexpectedly.');
    return context.text('Something inside failed. The log of this server says what.\n', 500);
  });
  return app;
}

/**
 * What makes a request one from elsewhere: another name for this machine (DNS rebinding), or a web page that this server
 * did not serve. Pages of other ports are strangers too: any site under development would be let in. Agents send no Origin.
 */
function strangerIn(request: Request, names: ReadonlySet<string>): string | null {
  const host = request.headers.get('host') ?? new URL(request.url).host;
  const ours = URL.parse(`http://${host}`);
  if (!ours || !names.has(ours.hostname)) return `Host ${host.slice(0, SHOWN_CHARACTERS_MAX)}`;
  const origin = request.headers.get('origin');
  return origin === null || URL.parse(origin)?.origin === ours.origin ? null : `Origin ${origin.slice(0, SHOWN_CHARACTERS_MAX)}`;
}

async function claimsFor(token: string, method: 'GET' | 'PUT', links: LocalLinks) {
  try {
    return await links.claimsOf(token, method);
  } catch (error) {
    throw refused(403, sentenceOf(error) ?? 'Expected a link of this server. Ask for a new one.');
  }
}

/** Streams a body to disk and hands it on whole; whatever goes wrong, nothing of it stays. */
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
    if (bytes === 0) throw refused(400, 'Expected the bytes of a file, got an empty body. Send the file with PUT.');
    if (bytes < bytesMax)
      throw refused(400, `Expected ${bytesMax} bytes as announced to create_upload, got ${bytes}. Send the whole file.`);
    await accept(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
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
  await streamPipeline(counted, createWriteStream(path));
  return bytes;
}

/** What breaks off here is the client's connection; what breaks elsewhere is ours, such as a full disk. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    throw refused(400, 'Expected the whole file, got a connection that broke off. Send it again.', cause);
  }
}

function tooMany(bytesMax: number): HTTPException {
  return refused(
    413,
    `Expected ${bytesMax} bytes as announced to create_upload, got more. Call create_upload with the right size.`,
  );
}

function refused(status: 400 | 403 | 404 | 413, message: string, cause?: unknown): HTTPException {
  return new HTTPException(status, { message, cause });
}
