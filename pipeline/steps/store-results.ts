// Step 8: stores the findings document, exports, overlay, report and index entries, and ends the progress. Storing twice is harmless.
import { keys } from '../contract/keys.ts';
import type { AnalysisRequest, FindingsDocument, Status, Usage } from '../contract/schemas.ts';
import { totalUsage } from '../contract/usage.ts';
import { documents, readDocument, readExisting, writeDocument } from '../documents.ts';
import { findingsDocument, reasonOf } from '../findings/document.ts';
import { indexed } from '../findings/index-entry.ts';
import { sentenceOnBlank, sentenceOnKnowledge, summaryByRules } from '../findings/rules-summary.ts';
import { isRejected, type Verdict, withVerdicts } from '../findings/verification.ts';
import { drawOverlay } from '../imaging/drawing/overlay.ts';
import type { Inspected } from '../planning/inspected.ts';
import { requestNotes } from '../planning/request-notes.ts';
import type { PipelineDeps } from '../ports.ts';
import type { ProgressReport } from '../progress/progress-writer.ts';
import { stepDocuments } from '../step-documents.ts';
import { type Attempt, optionalWrites } from './optional-writes.ts';
import type { SourceImage } from './source-image.ts';
import { measureUsage } from './store-tile-results.ts';
import { materialOf, type Synthesis } from './synthesize.ts';
import { writeExports } from './write-exports.ts';
import { type ReportSource, writeReport } from './write-report.ts';

export interface StoredResults {
  status: Status;
  findings: number;
}

/** What the steps before this one returned. The merged findings are stored. */
export interface StepResults {
  inspected: Inspected;
  verdicts: ReadonlyMap<string, Verdict>;
  /** How the models that gave the verdicts had to be asked. */
  verdictNotes: readonly string[];
  synthesis: Synthesis;
  /** Usage of moderation and verification. */
  otherUsage: readonly Usage[];
}

export async function storeResults(
  request: AnalysisRequest,
  { inspected, verdicts, verdictNotes, synthesis, otherUsage }: StepResults,
  { image, progress }: { image: SourceImage; progress: ProgressReport },
  deps: PipelineDeps,
): Promise<StoredResults> {
  const merged = await readExisting(stepDocuments.merged(request.execution_id), deps.blobs);
  const { findings, notes } = withVerdicts(merged.findings, verdicts);
  const material = materialOf(inspected.plan, merged, findings);
  const blank = sentenceOnBlank(material.tiles, inspected.plan.notes);
  const analysis = {
    findings,
    unsure: merged.unsure,
    done: merged.tiles.done,
    blank: merged.tiles.blank,
    failed: merged.tiles.failed,
    not_analyzed: merged.tiles.not_analyzed,
    clipped: merged.clipped,
    unreadable: merged.unreadable,
    stopped: merged.stopped,
    usage: totalUsage([merged.usage, ...otherUsage, synthesis.usage]),
    notes: [
      ...requestNotes(request),
      ...blank.filter((sentence) => !inspected.plan.notes.includes(sentence)),
      ...merged.notes,
      ...notes,
      ...verdictNotes,
      ...synthesis.notes,
    ],
  };
  const words = synthesis.summary ?? summaryByRules(material);
  const summary = [...blank, words, ...sentenceOnKnowledge(request.models.detection)].join(' ');
  const document = findingsDocument(request, inspected, analysis, summary);
  const stored = { document, inspected, reason: reasonOf(analysis), sources: merged.sources };
  // Each shard has measured its own usage.
  return await storeDocument(request, stored, totalUsage([...otherUsage, synthesis.usage]), { image, progress }, deps);
}

/** Everything that callers read of an execution with findings. `usage` is what no other step has measured. */
export async function storeDocument(
  request: AnalysisRequest,
  { document, inspected, reason, sources }: Omit<ReportSource, 'images'>,
  usage: Usage,
  { image, progress }: { image: SourceImage; progress: ProgressReport },
  deps: PipelineDeps,
): Promise<StoredResults> {
  const { execution_id } = request;
  // Files that an execution can do without come first, and the status last: whatever fails, findings and status agree.
  const { attempt, leftOut } = optionalWrites(request, deps);
  const images = await attempt('overlay.jpg', () => writeOverlay(document, image, deps));
  await writeExports({ document, startedAt: inspected.startedAt, imageUrl: null }, attempt, deps);
  await attempt('report.html', () => writeReport(request, { document, inspected, reason, sources, images }, deps));
  const stored = { ...document, notes: [...document.notes, ...leftOut()] };
  await writeDocument(documents.findings(execution_id), stored, deps.blobs);
  await writeIndex(document, inspected.startedAt, request, attempt, deps);
  await progress.end(stored, reason);

  measureUsage(usage, deps.metrics);
  deps.metrics?.add('Findings', document.findings.length);
  measureEnd(document.status, deps);
  return { status: document.status, findings: document.findings.length };
}

/** The overview, and the same with a box around every finding that was not rejected. */
async function writeOverlay(
  document: FindingsDocument,
  image: SourceImage,
  { blobs }: PipelineDeps,
): Promise<ReportSource['images']> {
  const { bytes: overview } = await image.overview();
  const shown = document.findings.filter((finding) => !isRejected(finding));
  const overlay = await drawOverlay(overview, document.image, { shown, all: document.findings });
  await blobs.put(keys.overlay(document.execution_id), overlay.bytes);
  return { overview, overlay };
}

/** The keys are stored first, so that each entry can be found again from its execution. */
async function writeIndex(
  document: FindingsDocument,
  startedAt: string,
  { execution_id, owner }: AnalysisRequest,
  attempt: Attempt,
  { blobs }: PipelineDeps,
): Promise<void> {
  const { entry, keys: indexKeys } = indexed(document, startedAt, owner);
  await attempt('index.json', () => writeDocument(documents.indexKeys(execution_id), { keys: indexKeys }, blobs));
  for (const key of indexKeys) await attempt(key, () => writeDocument(documents.indexEntry(key), entry, blobs));
}

/**
 * Ends the progress of an execution that failed. If its findings are stored, only a later write failed: they are complete, and
 * their status counts. `null` if there are none.
 */
export async function storeFailure(
  { execution_id }: AnalysisRequest,
  sentence: string,
  progress: ProgressReport,
  deps: PipelineDeps,
): Promise<StoredResults | null> {
  const document = await readDocument(documents.findings(execution_id), deps.blobs);
  if (document === null) {
    await progress.fail(sentence);
    measureEnd('FAILED', deps);
    return null;
  }
  await progress.end(document, await reasonFor(document, deps));
  measureEnd(document.status, deps);
  return { status: document.status, findings: document.findings.length };
}

/** Why stored findings are not complete. An answer needed no merge. */
async function reasonFor({ execution_id, tiles, answer }: FindingsDocument, { blobs }: PipelineDeps): Promise<string | null> {
  if (answer) return answer.reason;
  const { stopped } = await readExisting(stepDocuments.merged(execution_id), blobs);
  return reasonOf({ ...tiles, stopped });
}

/** Measures every end of an execution, also without stored results. */
export function measureEnd(status: Status, { metrics }: Pick<PipelineDeps, 'metrics'>): void {
  metrics?.add('AnalysesEnded', 1);
  metrics?.add('AnalysesFailed', status === 'FAILED' ? 1 : 0);
  metrics?.flush();
}
