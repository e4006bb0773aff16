// The routes of the local page: its files, and an execution's image, tiles and findings. They read and never write: the page changes
// executions through the tools, as an agent does.
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { at } from '../../pipeline/contract/at.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { lru } from '../../pipeline/contract/lru.ts';
import { ExecutionId, type FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import { columnsOf } from '../../pipeline/findings/finding-columns.ts';
import { cachedSzi } from '../../pipeline/imaging/szi/szi.ts';
import { hasTile, storedImage } from '../../pipeline/planning/pyramid-levels.ts';
import type { StoredPlan } from '../../pipeline/planning/stored-plan.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import { shownSearch } from '../../pipeline/searching/turn-words.ts';
import { stepDocuments } from '../../pipeline/step-documents.ts';
import type { Routes } from '../http/http-app.ts';

export interface PageFile {
  bytes: Uint8Array;
  contentType: string;
}

export interface PageDeps {
  blobs: Blobs;
  /** Scripts, style and documents, by name. Called at the first request for one. */
  files(): Promise<ReadonlyMap<string, PageFile>>;
  /** `null` if the execution has no findings, or none yet. */
  findingsOf(executionId: string): Promise<FindingsDocument | null>;
}

// Nothing from other origins and nothing inline: a label that becomes markup by mistake still does nothing.
const POLICY = [
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'",
  "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
].join('; ');
const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin', // a request for an image has no Origin: without this, other sites could show it
  'cross-origin-opener-policy': 'same-origin',
} as const;
const REVALIDATE = 'no-cache';
const OWN_REVALIDATE = 'private, no-cache'; // a deleted execution's id may get another image
const NOT_MODIFIED = 304;
const EXECUTION = '/executions/:id{[a-zA-Z0-9_-]{1,64}}';
const PLANS_KEPT_MAX = 16;
const COLUMNS_KEPT_MAX = 2; // up to some 20 MB each

const ExecutionParams = z.object({ id: ExecutionId });
/** `COLUMN_ROW.jpg` */
const TileName = z.string().transform((name) => {
  const numbers = name.split(/[_.]/).map(Number);
  return { column: at(numbers, 0), row: at(numbers, 1) };
});
const TileParams = ExecutionParams.extend({ level: z.coerce.number(), tile: TileName });
const FindingParams = ExecutionParams.extend({ row: z.coerce.number() });

export function pageRoutes({ blobs, files, findingsOf }: PageDeps): Routes {
  const planOf = planReader(blobs);
  const bundledFiles = once(files);
  const columnsJson = lru<FindingsDocument, string>(COLUMNS_KEPT_MAX);

  const file = async (context: Context, name: string) => {
    const found = (await bundledFiles()).get(name);
    if (!found) return notFound(context, `The page has no file ${name}.`);
    return answer(found.bytes, found.contentType, REVALIDATE);
  };

  const tile = async (context: Context) => {
    const { id, level, tile: name } = TileParams.parse(context.req.param());
    const { column, row } = name;
    const tiled = await planOf(id);
    if (!tiled || !hasTile(tiled.plan, level, column, row))
      return notFound(context, 'The image has no such tile, or has not been tiled yet.');
    const pyramid = keys.pyramid(tiled.pyramid_of);
    const stored = await blobs.head(pyramid);
    if (!stored) return notFound(context, 'The image of this execution was deleted.');
    const etag = `"${stored.version}"`;
    if (context.req.header('if-none-match') === etag) return new Response(null, { status: NOT_MODIFIED, headers: { etag } });
    const szi = await cachedSzi(blobs, pyramid, tiled.plan);
    const response = answer(await szi.readTile(level, row, column), 'image/jpeg', OWN_REVALIDATE);
    response.headers.set('etag', etag);
    return response;
  };

  const findings = async (context: Context) => {
    const document = await findingsOf(ExecutionParams.parse(context.req.param()).id);
    if (!document) return json(null);
    const text = columnsJson.get(document) ?? JSON.stringify(columnsOf(document));
    columnsJson.set(document, text);
    return answer(text, 'application/json', REVALIDATE);
  };

  const finding = async (context: Context) => {
    const { id, row } = FindingParams.parse(context.req.param());
    const found = (await findingsOf(id))?.findings[row];
    return found ? json(found) : notFound(context, 'The execution has no such finding, or has not ended yet.');
  };

  const trace = async (context: Context) => {
    const found = await readDocument(stepDocuments.trace(ExecutionParams.parse(context.req.param()).id), blobs);
    return json(found && shownSearch(found));
  };

  const image = async (context: Context) => {
    const plan = await planOf(ExecutionParams.parse(context.req.param()).id);
    const pyramid = plan && (await blobs.head(keys.pyramid(plan.pyramid_of)));
    return json(pyramid ? storedImage(plan) : null);
  };

  return (app: Hono) => {
    app.get('/', (context) => file(context, 'executions.html'));
    app.get('/page/:name', (context) => file(context, context.req.param('name')));
    app.get(EXECUTION, (context) => file(context, 'execution.html'));
    app.get(`${EXECUTION}/image`, image);
    app.get(`${EXECUTION}/pyramid/:level{[0-9]{1,2}}/:tile{[0-9]{1,6}_[0-9]{1,6}\\.jpg}`, tile);
    app.get(`${EXECUTION}/findings`, findings);
    app.get(`${EXECUTION}/trace`, trace);
    app.get(`${EXECUTION}/findings/:row{[0-9]{1,6}}`, finding);
  };
}

/** Does the work at the first call and keeps its result; after a failure, the next call tries again. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | null = null;
  return async () => {
    result ??= work();
    result.catch(() => {
      result = null;
    });
    return await result;
  };
}

/** Reads plans; `null` until the image has been tiled. A plan is kept until it is deleted, or another execution gets the id. */
function planReader(blobs: Blobs): (executionId: string) => Promise<StoredPlan | null> {
  const plans = lru<string, { version: string; plan: StoredPlan }>(PLANS_KEPT_MAX);
  return async (executionId) => {
    const head = await blobs.head(documents.plan(executionId).key);
    const known = plans.get(executionId);
    if (known && known.version === head?.version) return known.plan;
    const plan = await readDocument(documents.plan(executionId), blobs);
    if (head && plan) plans.set(executionId, { version: head.version, plan });
    return plan;
  };
}

/** `null`, and no error, for a document that does not exist yet: the page asks again. */
function json(body: object | null): Response {
  return answer(JSON.stringify(body), 'application/json', REVALIDATE);
}

function answer(body: Uint8Array | string, contentType: string, caching: string): Response {
  return new Response(body as string | Uint8Array<ArrayBuffer>, {
    headers: { ...HEADERS, 'content-type': contentType, 'cache-control': caching },
  });
}

function notFound(context: Context, message: string): Response {
  return context.text(`${message}\n`, 404, { ...HEADERS, 'cache-control': 'no-store' });
}
