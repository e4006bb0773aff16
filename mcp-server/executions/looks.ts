// Images that are viewed without an analysis: an execution of the pipeline that only cuts the image into tiles, the same for every view of
// the same image. Until it has ended, a view of an image that is at hand is decoded for itself.
import { causesOf } from '../../pipeline/contract/causes.ts';
import { sentenceOf, TransientError, UserError } from '../../pipeline/contract/errors.ts';
import { lru } from '../../pipeline/contract/lru.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import type { FileView, ImageHeader } from '../../pipeline/imaging/decoding/decoder-messages.ts';
import type { WantedView } from '../../pipeline/imaging/views/view.ts';
import type { StoredPlan } from '../../pipeline/planning/stored-plan.ts';
import type { ToolDeps } from '../access/deps.ts';
import { executionName } from './execution-name.ts';
import { startExecution, WHOLE_IMAGE } from './start.ts';
import { pause, viewEnd } from './status.ts';

/** Below it, decoding the image takes no longer than reading its tiles. */
const TILED_PIXELS_MIN = 4_000_000;
/** Several boxes are several decodes. */
const DECODED_BOXES_MAX = 4;
/** After `decoding`, the look is started beside the decoder; after `answer`, the caller is asked to call again. */
export const TIMES_MS = { decoding: 8_000, answer: 20_000 }; // below the 30 s after which clients give up
const TILE_EDGE_PX = 512;
const UNDECODED_MAX = 1_000;
const NOT_DECODED = 'A view was not decoded, so it waits for the tiles of its image.';

export type LookRequest = Omit<AnalysisRequest, 'execution_id'> & { purpose: 'look' };

/** A look detects nothing. The same whatever models a deployment has: they must not decide the name of a look. */
const NO_MODELS = { detection: ['rules:none'], verification: null, synthesis: 'rules:none' };

/** A page of an image, or a frame; and the bands to show. */
export type NamedPage = Pick<AnalysisRequest, 'image' | 'page' | 'bands'>;

export function lookRequest({ image, page, bands }: NamedPage, { models, views, owner }: ToolDeps): LookRequest {
  return {
    purpose: 'look',
    image,
    page,
    bands,
    ask: { look_for: null, labels: [] },
    plan: { ...WHOLE_IMAGE, tile_size: TILE_EDGE_PX, overlap: 0 },
    max_cost_usd: null,
    retry_of: null,
    owner,
    verify: false,
    models: { ...NO_MODELS, moderation: views.moderated ? models.defaults.moderation : null },
  };
}

/** The tiles of an image, or one view of it. */
export type Look = { stored: StoredPlan } | { decoded: FileView };

/**
 * Throws a UserError if the image cannot be read, was blocked by moderation, or is still being cut into tiles when the caller has waited
 * long enough. Then the look goes on without the caller, who is asked to call again.
 */
export async function lookAt(named: NamedPage, view: WantedView, deps: ToolDeps): Promise<Look> {
  const request = lookRequest(named, deps);
  const execution_id = await executionName(request, null, deps.deployment);
  const stored = await readDocument(documents.plan(execution_id), deps.blobs);
  if (stored) return { stored };
  const look = { execution_id, ...request };
  if (undecoded.get(execution_id) === undefined && (await isAtHand(request, view, deps))) {
    return await decodedOrTiled(look, view, deps);
  }
  await startAgain(look, deps);
  return { stored: await tiled(execution_id, TIMES_MS.answer, deps) };
}

/** A look has one name for ever, and what made it fail may have passed. On AWS, a name is kept until the service forgets it. */
async function startAgain(look: AnalysisRequest, deps: ToolDeps): Promise<void> {
  const before = await deps.launcher.describe(look.execution_id);
  if (before && before.state !== 'running' && before.state !== 'succeeded') await deps.launcher.forget(look.execution_id);
  await startExecution(look, deps);
}

/** Looks whose image could not be decoded in time: another attempt would end the same way. */
const undecoded = lru<string, true>(UNDECODED_MAX);

/** Whichever comes first, once decoding takes long. */
async function decodedOrTiled(look: AnalysisRequest, view: WantedView, deps: ToolDeps): Promise<Look> {
  const answered = new AbortController();
  const unwanted = [answered.signal, ...(deps.signal ? [deps.signal] : [])];
  const late = AbortSignal.timeout(TIMES_MS.answer);
  const decoding = decodedView(look, view, { ...deps, signal: AbortSignal.any([...unwanted, late]) });
  let isLate = false;
  try {
    const soon = await Promise.race([decoding, pause(TIMES_MS.decoding, answered.signal).then(() => null)]);
    if (soon) {
      if (pixelsOf(soon.header) >= TILED_PIXELS_MIN) await startExecution(look, deps).catch(ignoreRefusal);
      return { decoded: soon };
    }
    if (deps.signal?.aborted) throw new TransientError('The call was cancelled before its view was rendered.');
    isLate = true;
    const tiling = startAgain(look, deps).then(async (): Promise<Look> => {
      const waitMs = TIMES_MS.answer - TIMES_MS.decoding;
      return { stored: await tiled(look.execution_id, waitMs, { ...deps, signal: AbortSignal.any(unwanted) }) };
    });
    const byDecoder = decoding.then(async (decoded): Promise<Look> => (decoded ? { decoded } : await tiling));
    const first = await Promise.race([byDecoder, tiling.catch(async () => await byDecoder)]);
    isLate = 'stored' in first;
    return first;
  } finally {
    answered.abort();
    if (isLate && deps.signal?.aborted !== true) undecoded.set(look.execution_id, true);
  }
}

/** Waits for the end of a look. */
async function tiled(executionId: string, waitMs: number, deps: ToolDeps): Promise<StoredPlan> {
  const { status, phase, reason, poll_after_seconds } = await viewEnd(executionId, waitMs / 1_000, deps);
  const plan = await readDocument(documents.plan(executionId), deps.blobs);
  if (plan) return plan;
  if (status === 'RUNNING') {
    throw new UserError(
      `The image is still being cut into tiles, once for all its views (phase ${phase}). This continues without you: ` +
        `call view_region again with the same arguments in ${poll_after_seconds} s.`,
    );
  }
  throw new UserError(reason ?? `The image could not be cut into tiles: ${executionId} ended as ${status}.`);
}

const pixelsOf = ({ width, height }: ImageHeader): number => width * height;

/** Later views are slower without tiles, and this one is there. */
function ignoreRefusal(error: unknown): void {
  if (sentenceOf(error) === null) throw error;
}

/** True if this process can read the image itself, and may show it unmoderated. */
async function isAtHand({ image: { source } }: LookRequest, { boxes }: WantedView, deps: ToolDeps): Promise<boolean> {
  if (deps.views.moderated || boxes.length > DECODED_BOXES_MAX) return false;
  if (source.kind !== 'blob') return source.kind === 'file';
  const head = await deps.blobs.head(source.key);
  return deps.copiedBytesMax === null || (head !== null && head.bytes <= deps.copiedBytesMax);
}

/** `null` if the image cannot be decoded in time, or ends the decoder. */
async function decodedView(look: AnalysisRequest, view: WantedView, deps: ToolDeps): Promise<FileView | null> {
  try {
    return await decodedInTime(look, view, deps);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    if (deps.signal?.aborted !== true) deps.log.warn({ execution: look.execution_id, causes: causesOf(error) }, NOT_DECODED);
    return null;
  }
}

async function decodedInTime(request: AnalysisRequest, view: WantedView, deps: ToolDeps): Promise<FileView> {
  const [{ localFile }, { viewFileInTime }] = await Promise.all([
    import('../../pipeline/steps/image/local-copy.ts'),
    import('../../pipeline/imaging/decoding/view-in-time.ts'),
  ]);
  const { path, release } = await localFile(request, deps);
  try {
    const file = { path, page: request.page - 1, bands: request.bands, limits: deps.limits.image };
    return await viewFileInTime(file, view, deps);
  } finally {
    await release();
  }
}
