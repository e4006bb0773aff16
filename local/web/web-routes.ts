// The local page: its files, and what it shows of an execution. It reads and never writes: what changes anything goes through the
// tools, as an agent's calls do.
import type { Context, Hono } from 'hono';
import { keys } from '../../pipeline/contract/keys.ts';
import type { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import { columnsOf } from '../../pipeline/findings/finding-columns.ts';
import { cachedSzi } from '../../pipeline/imaging/szi/szi.ts';
import { hasTile, storedImage } from '../../pipeline/planning/pyramid-levels.ts';
import type { StoredPlan } from '../../pipeline/planning/stored-plan.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import type { Routes } from '../http/http-app.ts';

export interface PageFile {
  bytes: Uint8Array;
  contentType: string;
}

export interface PageDeps {
  blobs: Blobs;
  /** Scripts, style and documents, by name; made when the first is asked for. */
  files(): Promise<ReadonlyMap<string, PageFile>>;
  /** Null when there are none, or none yet. */
  findingsOf(executionId: string): Promise<FindingsDocument | null>;
}

// Nothing from elsewhere, nothing inside the document: a label that becomes markup by mistake still does nothing.
const POLICY = [
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'",
  "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
].join('; ');
const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin', // an image needs no Origin: other sites could show it
  'cross-origin-opener-policy': 'same-origin',
} as const;
const EACH_TIME = 'no-cache';
const FOR_EVER = 'private, max-age=31536000, immutable'; // an execution's image is cut once
const EXECUTION = '/executions/:id{[a-zA-Z0-9_-]{1,64}}';
const PLANS_KEPT_MAX = 16;

export function pageRoutes({ blobs, files, findingsOf }: PageDeps): Routes {
  const planOf = planReader(blobs);
  const filesMade = onceMade(files);
  const columns = new WeakMap<FindingsDocument, string>();

  const file = async (context: Context, name: string) => {
    const found = (await filesMade()).get(name);
    if (!found) return missing(context, `a file of the page, got ${name}`);
    return answer(found.bytes, found.contentType, EACH_TIME);
  };

  const tile = async (context: Context) => {
    const { id = '', level: ofLevel, tile: name = '' } = context.req.param();
    const [level, column = 0, row = 0] = [Number(ofLevel), ...name.split(/[_.]/).map(Number)];
    const cut = await planOf(id);
    if (!cut || !hasTile(cut.plan, level, column, row)) return missing(context, 'a tile of an image that has been cut');
    const szi = await cachedSzi(blobs, keys.pyramid(cut.pyramid_of), cut.plan);
    return answer(await szi.readTile(level, row, column), 'image/jpeg', FOR_EVER);
  };

  const findings = async (context: Context) => {
    const document = await findingsOf(context.req.param('id') ?? '');
    if (!document) return json(null);
    const known = columns.get(document) ?? JSON.stringify(columnsOf(document));
    columns.set(document, known);
    return answer(known, 'application/json', EACH_TIME);
  };

  const finding = async (context: Context) => {
    const document = await findingsOf(context.req.param('id') ?? '');
    const found = document?.findings[Number(context.req.param('row'))];
    return found ? json(found) : missing(context, 'a finding of an execution that has ended');
  };

  const image = async (context: Context) => {
    const plan = await planOf(context.req.param('id') ?? '');
    const isThere = plan && (await blobs.head(keys.pyramid(plan.pyramid_of)));
    return json(isThere ? storedImage(plan) : null);
  };

  return (app: Hono) => {
    app.get('/', (context) => file(context, 'executions.html'));
    app.get('/page/:name', (context) => file(context, context.req.param('name')));
    app.get(EXECUTION, (context) => file(context, 'execution.html'));
    app.get(`${EXECUTION}/image`, image);
    app.get(`${EXECUTION}/pyramid/:level{[0-9]{1,2}}/:tile{[0-9]{1,6}_[0-9]{1,6}\\.jpg}`, tile);
    app.get(`${EXECUTION}/findings`, findings);
    app.get(`${EXECUTION}/findings/:row{[0-9]{1,6}}`, finding);
  };
}

/** Made at the first request and kept; a failure is forgotten. */
function onceMade<T>(work: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return async () => {
    made ??= work();
    made.catch(() => {
      made = null;
    });
    return await made;
  };
}

/** Null until the image has been cut. A plan is written once. */
function planReader(blobs: Blobs): (executionId: string) => Promise<StoredPlan | null> {
  const plans = new Map<string, StoredPlan>();
  return async (executionId) => {
    const known = plans.get(executionId);
    if (known) return known;
    const plan = await readDocument(documents.plan(executionId), blobs);
    if (!plan) return null;
    const [oldest] = plans.keys();
    if (plans.size >= PLANS_KEPT_MAX && oldest !== undefined) plans.delete(oldest);
    plans.set(executionId, plan);
    return plan;
  };
}

/** Null, and no failure, for what is not there yet: a page asks again. */
function json(body: object | null): Response {
  return answer(JSON.stringify(body), 'application/json', EACH_TIME);
}

function answer(body: Uint8Array | string, contentType: string, caching: string): Response {
  return new Response(body as string | Uint8Array<ArrayBuffer>, {
    headers: { ...HEADERS, 'content-type': contentType, 'cache-control': caching },
  });
}

function missing(context: Context, what: string): Response {
  return context.text(`Expected ${what}, got none.\n`, 404, { ...HEADERS, 'cache-control': 'no-store' });
}
