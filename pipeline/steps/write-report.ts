// Part of step 8: the report that people look at, as one file. An execution never fails for want of it.
import { keys } from '../contract/keys.ts';
import type { AnalysisRequest, Finding, FindingsDocument } from '../contract/schemas.ts';
import { documents, readExisting } from '../documents.ts';
import { reportCopy, reportCrop } from '../imaging/report-images.ts';
import { cachedSzi } from '../imaging/szi/szi.ts';
import type { Inspected } from '../planning/inspected.ts';
import { pyramidOf } from '../planning/stored-plan.ts';
import type { Jpeg, PipelineDeps } from '../ports.ts';
import { byImportance, type Embedded } from '../report/material.ts';
import { reportPage } from '../report/report-page.ts';

/** 14 KB each: what a person scrolls through, and a fifth of the report at most. */
const CROPS_MAX = 60;
const CROPS_AT_ONCE = 4;

export interface Reported {
  document: FindingsDocument;
  inspected: Inspected;
  reason: string | null;
  /** Keys of the looks, also of earlier executions. */
  sources: readonly string[];
  /** Stored copies as JPEG. */
  overview: Uint8Array;
  overlay: Uint8Array;
}

/** What cannot be drawn is left out, and when nothing works, the report is: the log says why. */
export async function writeReport(request: AnalysisRequest, reported: Reported, deps: PipelineDeps): Promise<void> {
  try {
    const { document, inspected, reason } = reported;
    const attempt = <T>(what: Promise<T>) => what.catch((error) => leftOut(error, request, deps));
    const [blankTiles, overlay, thumbnail, crops] = await Promise.all([
      document.tiles.blank === 0 ? [] : attempt(blankTilesIn(reported.sources, deps)),
      attempt(reportCopy(reported.overlay, 'overlay')),
      attempt(reportCopy(reported.overview, 'thumbnail')),
      attempt(cropsOf(request, reported, deps)),
    ]);
    const { plan, startedAt } = inspected;
    const images = {
      overlay: overlay && embedded(overlay),
      thumbnail: thumbnail && embedded(thumbnail),
      crops: crops ?? new Map(),
    };
    const page = reportPage({ document, plan, startedAt, reason, blankTiles, images });
    await deps.blobs.put(keys.report(request.execution_id), Buffer.from(page));
  } catch (error) {
    deps.log.warn({ error, execution: request.execution_id }, 'The report could not be made.');
  }
}

function leftOut(error: unknown, { execution_id }: AnalysisRequest, { log }: PipelineDeps): null {
  log.warn({ error, execution: execution_id }, 'A part of the report could not be made.');
  return null;
}

/** Of the most important findings; a crop that cannot be cut is left out. */
async function cropsOf(
  request: AnalysisRequest,
  { document, inspected }: Reported,
  deps: PipelineDeps,
): Promise<Map<string, Embedded>> {
  const wanted = byImportance(document.findings).slice(0, CROPS_MAX);
  const crops = new Map<string, Embedded>();
  if (wanted.length === 0) return crops;
  const szi = await cachedSzi(deps.blobs, keys.pyramid(pyramidOf(request)), inspected.plan);
  const cut = async (finding: Finding) => {
    const crop = await reportCrop(szi, inspected.plan, finding).catch((error) => leftOut(error, request, deps));
    if (crop) crops.set(finding.id, embedded(crop));
  };
  const next = wanted.values();
  const cutAll = async () => {
    for (const finding of next) await cut(finding);
  };
  await Promise.all(Array.from({ length: CROPS_AT_ONCE }, cutAll));
  return crops;
}

/** One shard at a time. A retry never analyzes a blank tile again, so an earlier result is the last one. */
async function blankTilesIn(sources: readonly string[], { blobs }: PipelineDeps): Promise<number[]> {
  const blank: number[] = [];
  for (const key of sources) {
    for (const { tile, outcome } of await readExisting(documents.blankTiles(key), blobs)) if (outcome.blank) blank.push(tile);
  }
  return blank;
}

function embedded({ bytes, width, height }: Jpeg): Embedded {
  return { base64: Buffer.from(bytes).toString('base64'), width, height };
}
