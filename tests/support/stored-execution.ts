// An execution as it lies in the store once it has ended, without having run: a drawn image with any findings. For benches, too.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { index, indexOf, keys } from '../../pipeline/contract/keys.ts';
import type { AnalysisRequest, Box, Finding, FindingsDocument, Progress } from '../../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import { indexed } from '../../pipeline/findings/index-entry.ts';
import { writePyramid } from '../../pipeline/imaging/pyramid.ts';
import { tileCount } from '../../pipeline/planning/grid.ts';
import { DEFAULT_LIMITS } from '../../pipeline/planning/image-limits.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import type { StoredPlan } from '../../pipeline/planning/stored-plan.ts';
import type { TileStates } from '../../pipeline/planning/tile-states.ts';
import type { Blobs } from '../../pipeline/ports.ts';

export interface StoredExecution {
  width: number;
  height: number;
  findings: readonly Finding[];
  wishes?: Partial<AnalysisRequest['plan']>;
  /** Squares on the gray image. */
  squares?: readonly { box: Box; colour: string }[];
  summary?: string;
  /** What the caller named. */
  uri?: string;
}

const TILE = { edgePx: 640, overlapPx: 128 };
const MODELS = { moderation: null, detection: ['onnx:nanodet'], verification: null, synthesis: 'rules:summary' };

export async function storeExecution(blobs: Blobs, executionId: string, execution: StoredExecution): Promise<void> {
  const {
    width,
    height,
    findings,
    wishes,
    uri = 'upload://drawn.png-0123456789abcdef0123',
    summary = 'Some things.',
  } = execution;
  const request: AnalysisRequest = {
    ...{
      execution_id: executionId,
      image: { source: { kind: 'blob', key: 'uploads/drawn' }, uri, version: '1' },
      page: 1,
    },
    ...{ ask: { look_for: null, labels: [] }, max_cost_usd: null, retry_of: null, owner: null, verify: false, models: MODELS },
    plan: {
      ...{ detail: 'standard', tile_size: null, overlap: null, grid: null, region: null, max_tiles: null, skip_blank: true },
      ...wishes,
    },
  };
  const plan = planTiles({ width, height }, request.plan, TILE);
  const total = tileCount(plan);
  const stored: StoredPlan = { request, plan, format: 'png', pyramid_of: executionId };
  const states: TileStates = { from: 0, indexes: null, states: 'd'.repeat(total) };
  const at = new Date().toISOString();
  const progress: Progress = {
    ...{ execution_id: executionId, status: 'SUCCEEDED', phase: 'done', findings: findings.length, usage: NO_USAGE },
    ...{
      tiles: { total, done: total, failed: 0, blank: 0, not_analyzed: 0 },
      started_at: at,
      updated_at: at,
      running_shards: [],
    },
    ...{ reason: null, summary, failed_tiles: [], notes: [] },
  };
  const document: FindingsDocument = {
    ...{
      execution_id: executionId,
      status: 'SUCCEEDED',
      image: { uri, width, height, format: 'png', version: '1' },
      models: MODELS,
    },
    ...{
      request: { ask: request.ask, plan: request.plan },
      tiles: { total, done: total, blank: 0, failed: [], not_analyzed: [] },
    },
    ...{ usage: NO_USAGE, summary, notes: [], findings: [...findings] },
  };
  const put = (key: string, body: object) => blobs.put(key, Buffer.from(JSON.stringify(body)));
  await putPyramid(blobs, executionId, execution, plan);
  await put(keys.plan(executionId), stored);
  await put(keys.tileStates(executionId, 0), states);
  await put(keys.findings(executionId), document);
  await put(keys.progress(executionId), progress);
  await put(indexOf(null).byTime + index.name(new Date(at), executionId), indexed(document, at, null).entry);
}

/** One that stands for many. */
export function someFinding(number: number, more: Partial<Finding> = {}): Finding {
  return {
    ...{ id: `f${number}`, label: 'cup', description: 'A cup.', score: 0.5, severity: 'info', box: [number, 2 * number, 30, 20] },
    ...{ text: null, level: 0, tiles: [0], verified: null },
    ...more,
  };
}

async function putPyramid(
  blobs: Blobs,
  executionId: string,
  { width, height, squares = [] }: StoredExecution,
  plan: StoredPlan['plan'],
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-stored-'));
  try {
    const drawn = squares.map(async ({ box: [left, top, across, down], colour }) => {
      const square = sharp({ create: { width: across, height: down, channels: 3, background: colour } });
      return { input: await square.png().toBuffer(), left, top };
    });
    const [image, pyramid] = [join(folder, 'image.png'), join(folder, 'pyramid.szi')];
    await sharp({ create: { width, height, channels: 3, background: '#808080' } })
      .composite(await Promise.all(drawn))
      .toFile(image);
    await writePyramid({ path: image, page: 0, limits: { ...DEFAULT_LIMITS, pixelsMax: 400_000_000 } }, pyramid, plan);
    await blobs.putFile(keys.pyramid(executionId), pyramid);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
