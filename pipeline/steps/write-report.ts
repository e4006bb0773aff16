// Part of step 8: the report for people, as one file. An execution can do without it.
import { keys } from '../contract/keys.ts';
import type { AnalysisRequest, Finding, FindingsDocument } from '../contract/schemas.ts';
import { readExisting } from '../documents.ts';
import { colorsOfLabels, countsByLabel } from '../findings/marks.ts';
import type { Overlay } from '../imaging/drawing/overlay.ts';
import { reportCrop, reportOverlay, reportThumbnail } from '../imaging/report-images.ts';
import { cachedSzi } from '../imaging/szi/szi.ts';
import type { Inspected } from '../planning/inspected.ts';
import { pyramidOf } from '../planning/stored-plan.ts';
import type { Jpeg, PipelineDeps } from '../ports.ts';
import { byImportance, type Embedded } from '../report/material.ts';
import { reportPage } from '../report/report-page.ts';
import { stepDocuments } from '../step-documents.ts';

/** 14 KB each: as many as a person scrolls through, and a fifth of the report at most. */
const CROPS_MAX = 60;
const CROP_CONCURRENCY = 4;

export interface ReportSource {
  document: FindingsDocument;
  inspected: Inspected;
  reason: string | null;
  /** Keys of the tile results, also of earlier executions. */
  sources: readonly string[];
  /** The overview as a JPEG; `null` if they could not be drawn. */
  images: { overview: Uint8Array; overlay: Overlay } | null;
}

/** Leaves out what cannot be drawn; the log has the reason. Throws if the whole report cannot be written. */
export async function writeReport(request: AnalysisRequest, source: ReportSource, deps: PipelineDeps): Promise<void> {
  const { document, inspected, reason, images: drawn } = source;
  const attempt = <T>(part: Promise<T>) => part.catch((error) => leaveOut(error, request, deps));
  const [blankTiles, overlay, thumbnail, crops] = await Promise.all([
    document.tiles.blank === 0 ? [] : attempt(blankTilesIn(source.sources, deps)),
    drawn && attempt(reportOverlay(drawn.overlay)),
    drawn && attempt(reportThumbnail(drawn.overview)),
    attempt(cropsOf(request, source, deps)),
  ]);
  const { plan, startedAt } = inspected;
  const trace = document.answer ? await attempt(readExisting(stepDocuments.trace(request.execution_id), deps.blobs)) : null;
  const images = {
    overlay: overlay && embedded(overlay),
    thumbnail: thumbnail && embedded(thumbnail),
    crops: crops ?? new Map(),
  };
  const page = reportPage({ document, plan, startedAt, reason, blankTiles, trace, images });
  await deps.blobs.put(keys.report(request.execution_id), Buffer.from(page));
}

function leaveOut(error: unknown, { execution_id }: AnalysisRequest, { log }: PipelineDeps): null {
  log.warn({ error, execution: execution_id }, 'A part of the report could not be drawn.');
  return null;
}

/** By finding id, of the most important findings. */
async function cropsOf(
  request: AnalysisRequest,
  { document, inspected }: ReportSource,
  deps: PipelineDeps,
): Promise<Map<string, Embedded>> {
  const important = byImportance(document.findings).slice(0, CROPS_MAX);
  const crops = new Map<string, Embedded>();
  if (important.length === 0) return crops;
  const szi = await cachedSzi(deps.blobs, keys.pyramid(pyramidOf(request)), inspected.plan);
  const colorOf = colorsOfLabels(countsByLabel(document.findings));
  const cut = async (finding: Finding) => {
    const crop = await reportCrop(szi, inspected.plan, { finding, colorOf }).catch((error) => leaveOut(error, request, deps));
    if (crop) crops.set(finding.id, embedded(crop));
  };
  const next = important.values();
  const cutAll = async () => {
    for (const finding of next) await cut(finding);
  };
  await Promise.all(Array.from({ length: CROP_CONCURRENCY }, cutAll));
  return crops;
}

/** One shard at a time. A retry never analyzes a blank tile again, so an earlier result is the last one. */
async function blankTilesIn(sources: readonly string[], { blobs }: PipelineDeps): Promise<number[]> {
  const blank: number[] = [];
  for (const key of sources) {
    for (const { tile, outcome } of await readExisting(stepDocuments.blankTiles(key), blobs)) if (outcome.blank) blank.push(tile);
  }
  return blank;
}

function embedded({ bytes, width, height }: Jpeg): Embedded {
  return { base64: Buffer.from(bytes).toString('base64'), width, height };
}
