// Images that are viewed without an analysis: an execution of the pipeline that only cuts the image into tiles, the same for every view of
// the same image. Until it has ended, a view of an image that is at hand is decoded for itself.
import { sentenceOf, UserError } from '../../pipeline/contract/errors.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import type { FileView, ImageHeader } from '../../pipeline/imaging/decoding/decoder-messages.ts';
import type { WantedView } from '../../pipeline/imaging/views/view.ts';
import type { StoredPlan } from '../../pipeline/planning/stored-plan.ts';
import type { ToolDeps } from '../access/deps.ts';
import { executionName } from './execution-name.ts';
import { startExecution } from './start.ts';
import { viewEnd } from './status.ts';

/** Below it, decoding the image takes no longer than reading its tiles. */
const TILED_PIXELS_MIN = 4_000_000;
/** Several boxes are several decodes. */
const DECODED_BOXES_MAX = 4;
const WAIT_S = 20; // below the 30 s after which clients give up
const TILE_EDGE_PX = 512;

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
    plan: {
      detail: 'standard',
      tile_size: TILE_EDGE_PX,
      overlap: 0,
      grid: null,
      region: null,
      max_tiles: null,
      skip_blank: true,
    },
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
 * Throws a UserError if the image cannot be read, was blocked by moderation, or is still being cut into tiles after WAIT_S.
 */
export async function lookAt(named: NamedPage, view: WantedView, deps: ToolDeps): Promise<Look> {
  const request = lookRequest(named, deps);
  const execution_id = await executionName(request, null, deps.deployment);
  const stored = await readDocument(documents.plan(execution_id), deps.blobs);
  if (stored) return { stored };
  const start = async () => await startExecution({ execution_id, ...request }, deps);
  if (await isAtHand(request, view, deps)) {
    const decoded = await decodedView({ execution_id, ...request }, view, deps);
    if (pixelsOf(decoded.header) >= TILED_PIXELS_MIN) await start().catch(ignoreRefusal);
    return { decoded };
  }
  await start();
  const end = await viewEnd(execution_id, WAIT_S, deps);
  if (end.status === 'RUNNING') {
    throw new UserError(
      'The image is being cut into tiles, which takes longer than usual. Call view_region again in a few seconds.',
    );
  }
  const tiled = await readDocument(documents.plan(execution_id), deps.blobs);
  if (tiled) return { stored: tiled };
  throw new UserError(end.reason ?? `The image could not be cut into tiles: ${execution_id} ended as ${end.status}.`);
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

async function decodedView(request: AnalysisRequest, view: WantedView, deps: ToolDeps): Promise<FileView> {
  const [{ localFile }, { viewFileInTime }] = await Promise.all([
    import('../../pipeline/steps/image/local-copy.ts'),
    import('../../pipeline/imaging/decoding/view-in-time.ts'),
  ]);
  const { path, release } = await localFile(request, deps);
  try {
    const file = { path, page: request.page - 1, bands: request.bands, limits: deps.limits.image };
    return await viewFileInTime(file, view, deps.scratchFolder);
  } finally {
    await release();
  }
}
