// Step 8: the findings document, its exports, the overlay, the report, and the last word of the progress. Writing them twice is harmless.

import { keys } from '../contract/keys.ts';
import type { AnalysisRequest, Status, Usage } from '../contract/schemas.ts';
import { totalUsage } from '../contract/usage.ts';
import { documents, readExisting, writeDocument } from '../documents.ts';
import { findingsDocument, reasonOf } from '../findings/document.ts';
import { indexed } from '../findings/index-entry.ts';
import { summaryByRules } from '../findings/rules-summary.ts';
import { isRejected, type Verdict, withVerdicts } from '../findings/verification.ts';
import { drawOverlay } from '../imaging/overlay.ts';
import type { Inspected } from '../planning/inspected.ts';
import type { PipelineDeps } from '../ports.ts';
import type { ProgressReport } from '../progress/progress-writer.ts';
import type { ImageInHand } from './source-image.ts';
import { measureUsage } from './store-tile-results.ts';
import { materialOf, type Synthesis } from './synthesize.ts';
import { writeExports } from './write-exports.ts';
import { writeReport } from './write-report.ts';

export interface Stored {
  status: Status;
  findings: number;
}

export async function store(
  request: AnalysisRequest,
  results: { inspected: Inspected; verdicts: ReadonlyMap<string, Verdict>; synthesis: Synthesis; otherUsage: readonly Usage[] },
  { image, progress }: { image: ImageInHand; progress: ProgressReport },
  deps: PipelineDeps,
): Promise<Stored> {
  const { inspected, synthesis } = results;
  const { blobs } = deps;
  const merged = await readExisting(documents.merged(request.execution_id), blobs);
  const { findings, notes } = withVerdicts(merged.findings, results.verdicts);
  const summary = synthesis.summary ?? summaryByRules(materialOf(inspected.plan, merged, findings));
  const looked = {
    ...merged,
    ...{ done: merged.tiles.done, blank: merged.tiles.blank, failed: merged.tiles.failed, findings },
    usage: totalUsage([merged.usage, ...results.otherUsage, synthesis.usage]),
    notes: [...merged.notes, ...notes, ...synthesis.notes],
  };
  const document = findingsDocument(request, inspected, looked, summary);
  const shown = findings.filter((finding) => !isRejected(finding));
  const overview = await image.overview();
  const overlay = await drawOverlay(overview.bytes, document.image, shown);
  await blobs.put(keys.overlay(request.execution_id), overlay);
  await writeDocument(documents.findings(request.execution_id), document, blobs);
  await writeExports({ document, startedAt: inspected.startedAt, imageUrl: null }, deps);
  const { sources } = merged;
  await writeReport(request, { document, inspected, reason: reasonOf(looked), sources, overview: overview.bytes, overlay }, deps);
  const { entry, keys: indexKeys } = indexed(document, inspected.startedAt, request.owner);
  for (const key of indexKeys) await writeDocument(documents.indexEntry(key), entry, blobs);
  await progress.end(document, reasonOf(looked));
  measureUsage(totalUsage([...results.otherUsage, synthesis.usage]), deps.metrics); // that of the tiles was told by their shards
  deps.metrics?.add('Findings', findings.length);
  measureEnd(document.status, deps);
  return { status: document.status, findings: document.findings.length };
}

/** Also of an analysis that ends without having stored anything. */
export function measureEnd(status: Status, { metrics }: Pick<PipelineDeps, 'metrics'>): void {
  metrics?.add('AnalysesEnded', 1);
  metrics?.add('AnalysesFailed', status === 'FAILED' ? 1 : 0);
  metrics?.flush();
}
