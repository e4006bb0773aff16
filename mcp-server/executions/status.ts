// The state of an execution as agents read it, the same in every tool and resource.
import { z } from 'zod';
import { keys } from '../../pipeline/contract/keys.ts';
import { FailedTile, Phase, Progress, Status, Usage } from '../../pipeline/contract/schemas.ts';
import { endedTiles } from '../../pipeline/planning/shards.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import { waitsForAgent } from '../../pipeline/progress/waiting-note.ts';
import type { ToolDeps } from '../access/deps.ts';
import { whole } from './token-budget.ts';

// Pauses between reads while a caller waits: short at first for short analyses, then longer, since a store charges for reads.
const FIRST_PAUSE_MS = 250;
const PAUSE_MAX_MS = 1_000;
const DESCRIBE_EVERY_MS = 5_000; // the control plane answers 30 of these calls a second for the whole account

const CONTINUES = ' If this client closes first, the analysis continues when it starts again.';

export const ExecutionView = z.object({
  execution_id: z.string(),
  status: Status.describe('RUNNING until the analysis has ended.'),
  phase: Phase.describe('The current step of a running analysis.'),
  tiles: Progress.shape.tiles.describe('Number of planned, analyzed (done), failed, blank and not started tiles.'),
  findings_so_far: z.number().int().describe('Detections while the analysis runs, findings once it has ended.'),
  usage: Usage.describe('Tokens and cost of the model calls; cost_usd is null if the price of a model is unknown.'),
  started_at: z.string().nullable().describe('ISO 8601.'),
  elapsed_seconds: z.number().int(),
  eta_seconds: z.number().int().nullable().describe('Estimated seconds left; null if unknown.'),
  reason: z.string().nullable().describe('Why the analysis did not succeed, in a sentence.'),
  summary: z.string().nullable().describe('Written at the end; cites findings by id.'),
  failed_tiles: z.array(FailedTile).describe('At most 20. tiles.failed counts all of them, findings.json lists all of them.'),
  notes: z.array(z.string()).describe('How the request was understood, and what the result leaves out.'),
  poll_after_seconds: z.number().int().describe('Seconds to wait before the next call; 0 once the analysis has ended.'),
  next_step: z.string().describe('Which tool to call next.'),
});
export type ExecutionView = z.infer<typeof ExecutionView>;

/**
 * Waits up to `waitSeconds` for another status or phase, then returns the state. Does not return for every tile: an agent would
 * pay for a call every two seconds.
 */
export async function viewExecution(executionId: string, waitSeconds: number, deps: ToolDeps): Promise<ExecutionView> {
  const before = await deps.progress.current(executionId);
  return await viewWhen((progress) => progress.phase !== before.phase, before, waitSeconds, deps);
}

/** Waits up to `waitSeconds` for the end of the execution, then returns the state. */
export async function viewEnd(executionId: string, waitSeconds: number, deps: ToolDeps): Promise<ExecutionView> {
  return await viewWhen(() => false, await deps.progress.current(executionId), waitSeconds, deps);
}

/** Waits until `hasChanged`, the end of the execution, or the deadline. */
async function viewWhen(
  hasChanged: (progress: Progress) => boolean,
  before: Progress,
  waitSeconds: number,
  deps: ToolDeps,
): Promise<ExecutionView> {
  const { signal, onProgress } = deps;
  const nowMs = () => deps.clock.now().getTime();
  const deadline = nowMs() + waitSeconds * 1_000;
  let [latest, describedMs, pauseMs] = [before, nowMs(), FIRST_PAUSE_MS];
  // An agent that has just started the analysis would wait for itself.
  const beginsToWait = () => (waitsForAgent(latest.notes) && !waitsForAgent(before.notes)) || latest.search?.asks !== undefined;
  while (latest.status === 'RUNNING' && !hasChanged(latest) && !beginsToWait() && nowMs() < deadline) {
    await onProgress?.(latest); // before a pause: clients no longer expect it once they have read the answer
    await pause(Math.min(pauseMs, deadline - nowMs()), signal);
    if (signal?.aborted) break; // the stores may be closed
    pauseMs = Math.min(pauseMs * 1.5, PAUSE_MAX_MS);
    const mayDescribe = nowMs() - describedMs >= DESCRIBE_EVERY_MS;
    if (mayDescribe) describedMs = nowMs();
    latest = mayDescribe
      ? await deps.progress.current(before.execution_id)
      : ((await deps.progress.stored(before.execution_id)) ?? latest);
  }
  const hasEndedEarly = latest.status !== 'RUNNING' && latest.summary === null;
  const view = viewOf(latest, hasEndedEarly && (await hasTileResults(latest.execution_id, deps.blobs)), deps);
  if (latest.status !== 'RUNNING' || !waitsForAgent(latest.notes)) return view;
  const { waitingView } = await import('./agent/boards.ts'); // not at a cold start
  return await waitingView(view, deps);
}

export function progressInWords({
  phase,
  tiles,
  findings,
  search,
}: Pick<Progress, 'phase' | 'tiles' | 'findings' | 'search'>): string {
  if (search) return `Phase ${phase}: ${search.looks} of at most ${search.looks_max} looks.`;
  return `Phase ${phase}: ${endedTiles(tiles)} of ${tiles.total} tiles, ${findings} detections so far.`;
}

/** Ends early if the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const end = () => resolve();
  signal?.addEventListener('abort', end);
  if (signal?.aborted) end();
  await promise;
  signal?.removeEventListener('abort', end);
  clearTimeout(timer);
}

/** Whether an execution that ended without findings has stored tile results: then they can be listed, and it can be resumed. */
export async function hasTileResults(executionId: string, blobs: Blobs): Promise<boolean> {
  const folders = [keys.tileResultsFolder(executionId), keys.tileResultsSoFarFolder(executionId)];
  for (const folder of folders) if ((await blobs.list(folder, { limit: 1 })).length > 0) return true;
  return false;
}

function viewOf(progress: Progress, isResumable: boolean, { clock, endsWithClient = false }: ToolDeps): ExecutionView {
  const { execution_id, status, phase, tiles, usage, started_at, reason, summary, failed_tiles, notes } = progress;
  const isRunning = status === 'RUNNING';
  const until = isRunning ? clock.now().getTime() : Date.parse(progress.updated_at);
  const elapsed_seconds = Math.max(0, Math.round((until - Date.parse(started_at)) / 1_000));
  const eta_seconds = isRunning ? etaOf(progress, elapsed_seconds) : null;
  return whole({
    execution_id,
    status,
    phase,
    tiles,
    findings_so_far: progress.findings,
    usage,
    started_at,
    elapsed_seconds,
    eta_seconds,
    reason,
    summary,
    failed_tiles,
    notes,
    poll_after_seconds: isRunning ? pollAfter(eta_seconds) : 0,
    next_step: nextStep(progress, isResumable) + (isRunning && endsWithClient ? CONTINUES : ''),
  });
}

function etaOf({ tiles, phase }: Progress, elapsed: number): number | null {
  const finished = endedTiles(tiles);
  return phase === 'detect' && finished > 0 ? Math.ceil((elapsed / finished) * (tiles.total - finished)) : null;
}

function pollAfter(etaSeconds: number | null): number {
  return etaSeconds === null ? 2 : Math.min(20, Math.max(2, Math.round(etaSeconds / 4)));
}

/** For a question: no tile is left to retry. */
function nextStepOfQuestion({ execution_id, status, search }: Progress): string | null {
  if (status === 'RUNNING' && search?.asks !== undefined) {
    return `The model asks the person who asked, and waits: notes have its question. Call ask_image with execution_id ${execution_id} and reply.`;
  }
  switch (status) {
    case 'SUCCEEDED':
      return `The summary has the answer. list_findings with execution_id ${execution_id} has its evidence; ask_image with this execution_id asks another question about the image.`;
    case 'PARTIAL':
    case 'FAILED':
    case 'CANCELLED':
      return 'Read reason, then call ask_image again with a new idempotency_key.';
    default:
      return null;
  }
}

function nextStep(progress: Progress, isResumable: boolean): string {
  const { execution_id, status, summary } = progress;
  const ofQuestion = progress.search ? nextStepOfQuestion(progress) : null;
  if (ofQuestion !== null) return ofQuestion;
  if (isResumable) {
    const first = status === 'FAILED' ? 'Fix the problem described in reason, then call' : 'Call';
    return `${first} retry_failed_tiles with execution_id ${execution_id} to continue. list_findings has the findings so far.`;
  }
  switch (status) {
    case 'RUNNING':
      return `Call get_execution with execution_id ${execution_id} again after poll_after_seconds, or with wait_seconds 20.`;
    case 'SUCCEEDED':
      return `Call list_findings with execution_id ${execution_id}.`;
    case 'PARTIAL':
      return `Call list_findings with execution_id ${execution_id}. Objects that lie only in tiles that failed or were not analyzed are missing: retry_failed_tiles analyzes those tiles.`;
    case 'CANCELLED':
      // Findings are stored with a summary. Without them, neither tool has anything to work on.
      if (summary === null) return 'No findings were stored. Call analyze_image again with a new idempotency_key.';
      return `Call list_findings with execution_id ${execution_id} for the findings so far, or retry_failed_tiles to continue.`;
    case 'TIMED_OUT':
      return 'Call analyze_image again with a new idempotency_key, and with a smaller region or fewer max_tiles.';
    case 'BLOCKED':
      return 'Choose another image: moderation blocked this one.';
    default:
      return 'Fix the problem described in reason, then call analyze_image again with a new idempotency_key.';
  }
}
