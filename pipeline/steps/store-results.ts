// Step 8: stores the findings document, exports, overlay, report and index entries, and ends the progress. Storing twice is harmless.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keys } from '../contract/keys.ts';
import type { AnalysisRequest, Status, Usage } from '../contract/schemas.ts';
import { totalUsage } from '../contract/usage.ts';
import { documents, readExisting, writeDocument } from '../documents.ts';
import { findingsDocument, reasonOf } from '../findings/document.ts';
import type { ExportSource } from '../findings/exports/export-source.ts';
import { EXPORT_FILES, pathFor } from '../findings/exports/index.ts';
import { indexed } from '../findings/index-entry.ts';
import { summaryByRules } from '../findings/rules-summary.ts';
import { isRejected, type Verdict, withVerdicts } from '../findings/verification.ts';
import { drawOverlay } from '../imaging/overlay.ts';
import type { Inspected } from '../planning/inspected.ts';
import type { PipelineDeps } from '../ports.ts';
import type { ProgressReport } from '../progress/progress-writer.ts';
import type { SourceImage } from './source-image.ts';
import { measureUsage } from './store-tile-results.ts';
import { materialOf, type Synthesis } from './synthesize.ts';
import { writeReport } from './write-report.ts';

export interface StoredResults {
  status: Status;
  findings: number;
}

/** What the steps before this one returned. The merged findings are stored. */
export interface StepResults {
  inspected: Inspected;
  verdicts: ReadonlyMap<string, Verdict>;
  synthesis: Synthesis;
  /** Usage of moderation and verification. */
  otherUsage: readonly Usage[];
}

export async function storeResults(
  request: AnalysisRequest,
  { inspected, verdicts, synthesis, otherUsage }: StepResults,
  { image, progress }: { image: SourceImage; progress: ProgressReport },
  deps: PipelineDeps,
): Promise<StoredResults> {
  const { blobs, metrics } = deps;
  const { execution_id } = request;
  const merged = await readExisting(documents.merged(execution_id), blobs);
  const { findings, notes } = withVerdicts(merged.findings, verdicts);
  const analysis = {
    findings,
    unsure: merged.unsure,
    done: merged.tiles.done,
    blank: merged.tiles.blank,
    failed: merged.tiles.failed,
    clipped: merged.clipped,
    stopped: merged.stopped,
    usage: totalUsage([merged.usage, ...otherUsage, synthesis.usage]),
    notes: [...merged.notes, ...notes, ...synthesis.notes],
  };
  const summary = synthesis.summary ?? summaryByRules(materialOf(inspected.plan, merged, findings));
  const document = findingsDocument(request, inspected, analysis, summary);
  const reason = reasonOf(analysis);

  const { bytes: overview } = await image.overview();
  const shown = findings.filter((finding) => !isRejected(finding));
  const overlay = await drawOverlay(overview, document.image, shown);
  await blobs.put(keys.overlay(execution_id), overlay);
  await writeDocument(documents.findings(execution_id), document, blobs);
  await writeExports({ document, startedAt: inspected.startedAt, imageUrl: null }, deps);
  await writeReport(request, { document, inspected, reason, sources: merged.sources, overview, overlay }, deps);
  const { entry, keys: indexKeys } = indexed(document, inspected.startedAt, request.owner);
  for (const key of indexKeys) await writeDocument(documents.indexEntry(key), entry, blobs);
  await progress.end(document, reason);

  measureUsage(totalUsage([...otherUsage, synthesis.usage]), metrics); // each shard has measured its own usage
  metrics?.add('Findings', findings.length);
  measureEnd(document.status, deps);
  return { status: document.status, findings: findings.length };
}

/** Written through a file, so that no export is whole in memory. */
async function writeExports(source: ExportSource, { blobs, scratchFolder }: PipelineDeps): Promise<void> {
  const { document } = source;
  const folder = await mkdtemp(join(scratchFolder, 'exports-'));
  try {
    for (const { storedAs, pieces } of EXPORT_FILES) {
      const path = join(folder, 'export');
      await writeFile(path, pieces(source));
      await blobs.putFile(keys.export(document.execution_id, pathFor(storedAs, document)), path);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Measures every end of an execution, also without stored results. */
export function measureEnd(status: Status, { metrics }: Pick<PipelineDeps, 'metrics'>): void {
  metrics?.add('AnalysesEnded', 1);
  metrics?.add('AnalysesFailed', status === 'FAILED' ? 1 : 0);
  metrics?.flush();
}
