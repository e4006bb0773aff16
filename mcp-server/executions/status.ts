// The state of an execution, the same in every tool and resource. Reads the progress document; asks the launcher only if the document
// is missing or old.
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { FailedTile, Phase, Progress, Status, Usage } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import { sumOfCounts } from '../../pipeline/planning/shards.ts';
import type { Blobs, ExecutionState } from '../../pipeline/ports.ts';
import type { ToolDeps } from '../access/deps.ts';
import { whole } from './token-budget.ts';

const STALE_MS = 10_000; // progress is written every 2 s at the latest, so five were missed
// Pauses between reads while a caller waits: short at first for short analyses, then longer, since a store charges for reads.
const FIRST_PAUSE_MS = 250;
const PAUSE_MAX_MS = 1_000;
const DESCRIBE_EVERY_MS = 5_000; // the control plane answers 30 of these calls a second for the whole account

export const ExecutionView = z.object({
  execution_id: z.string(),
  status: Status.describe('RUNNING until the analysis has ended.'),
  phase: Phase.describe('The current step of a running analysis.'),
  tiles: Progress.shape.tiles.describe('Number of planned, analyzed (done), failed and blank tiles.'),
  findings_so_far: z.number().int().describe('Detections while the analysis runs, findings once it has ended.'),
  usage: Usage.describe('Tokens and cost of the model calls.'),
  started_at: z.string().nullable().describe('ISO 8601.'),
  elapsed_seconds: z.number().int(),
  eta_seconds: z.number().int().nullable().describe('Estimated seconds left; null if unknown.'),
  reason: z.string().nullable().describe('Why the analysis did not succeed, in a sentence.'),
  summary: z.string().nullable().describe('Written at the end; cites findings by id.'),
  failed_tiles: z.array(FailedTile).describe('At most 20. tiles.failed counts all of them, findings.json lists all of them.'),
  poll_after_seconds: z.number().int().describe('Seconds to wait before the next call; 0 once the analysis has ended.'),
  next_step: z.string().describe('Which tool to call next.'),
});
export type ExecutionView = z.infer<typeof ExecutionView>;

/**
 * Waits up to `waitSeconds` for another status or phase, then returns the state. Does not return for every tile: an agent would
 * pay for a call every two seconds.
 */
export async function viewExecution(executionId: string, waitSeconds: number, deps: ToolDeps): Promise<ExecutionView> {
  const before = await readProgress(executionId, deps);
  return await viewWhen((progress) => progress.phase !== before.phase, before, waitSeconds, deps);
}

/** Waits up to `waitSeconds` for the end of the execution, then returns the state. */
export async function viewEnd(executionId: string, waitSeconds: number, deps: ToolDeps): Promise<ExecutionView> {
  return await viewWhen(() => false, await readProgress(executionId, deps), waitSeconds, deps);
}

/** Waits until `hasChanged`, the end of the execution, or the deadline. */
async function viewWhen(
  hasChanged: (progress: Progress) => boolean,
  before: Progress,
  waitSeconds: number,
  deps: ToolDeps,
): Promise<ExecutionView> {
  const nowMs = () => deps.clock.now().getTime();
  const deadline = nowMs() + waitSeconds * 1_000;
  let [latest, describedMs, pauseMs] = [before, nowMs(), FIRST_PAUSE_MS];
  while (latest.status === 'RUNNING' && !hasChanged(latest) && nowMs() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, deadline - nowMs())));
    pauseMs = Math.min(pauseMs * 1.5, PAUSE_MAX_MS);
    const mayDescribe = nowMs() - describedMs >= DESCRIBE_EVERY_MS;
    if (mayDescribe) describedMs = nowMs();
    latest = mayDescribe
      ? await readProgress(before.execution_id, deps)
      : ((await storedProgress(before.execution_id, deps)) ?? latest);
  }
  return viewOf(latest, deps);
}

/** Throws a UserError if no execution has that id. */
export async function readProgress(executionId: string, deps: ToolDeps): Promise<Progress> {
  const progress = await storedProgress(executionId, deps);
  if (progress && progress.status !== 'RUNNING') return progress;
  // A cancelled execution may have ended without storing its last state.
  const isFresh = progress && ageMs(progress, deps) < STALE_MS && !(await deps.blobs.head(keys.cancel(executionId)));
  if (isFresh) return progress;
  const state = await deps.launcher.describe(executionId);
  if (!state) {
    throw new UserError(
      `This server has no execution ${executionId}. ` +
        'Use an execution_id that analyze_image returned; list_findings without execution_id lists executions with findings.',
    );
  }
  return { ...(progress ?? notYetStarted(executionId, state)), ...endOf(state) };
}

/** Reads under way, by execution: of many who ask at once, one reads for all. */
const underWay = new WeakMap<Blobs, Map<string, Promise<Progress | null>>>();

async function storedProgress(executionId: string, { blobs }: ToolDeps): Promise<Progress | null> {
  const reads = underWay.get(blobs) ?? new Map<string, Promise<Progress | null>>();
  underWay.set(blobs, reads);
  const read = reads.get(executionId) ?? progressIn(blobs, executionId).finally(() => reads.delete(executionId));
  reads.set(executionId, read);
  return await read;
}

/** With what the shards that run now have done: each says so in an object of its own. */
async function progressIn(blobs: Blobs, executionId: string): Promise<Progress | null> {
  const progress = await readDocument(documents.progress(executionId), blobs);
  if (!progress) return null;
  const reports = await Promise.all(
    progress.running_shards.map((shard) => readDocument(documents.shardProgress(executionId, shard), blobs)),
  );
  const running = reports.filter((report) => report !== null);
  const { tiles, findings, usage } = progress;
  const sum = sumOfCounts([{ tiles, detections: findings, usage }, ...running]);
  const latest = [progress, ...running].map(({ updated_at }) => updated_at).sort();
  return {
    ...progress,
    tiles: { total: tiles.total, ...sum.tiles },
    findings: sum.detections,
    usage: sum.usage,
    updated_at: latest.at(-1) ?? progress.updated_at,
  };
}

function ageMs(progress: Progress, { clock }: ToolDeps): number {
  return clock.now().getTime() - Date.parse(progress.updated_at);
}

function notYetStarted(executionId: string, { startedAt }: ExecutionState): Progress {
  return {
    execution_id: executionId,
    status: 'RUNNING',
    phase: 'queued',
    tiles: { total: 0, done: 0, failed: 0, blank: 0 },
    findings: 0,
    usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0 },
    started_at: startedAt.toISOString(),
    updated_at: startedAt.toISOString(),
    reason: null,
    summary: null,
    failed_tiles: [],
    running_shards: [],
  };
}

/** The end of an execution that did not store it. */
function endOf(state: ExecutionState): Partial<Progress> {
  if (state.state === 'running' || state.state === 'succeeded') return {};
  const status = ({ failed: 'FAILED', stopped: 'CANCELLED', 'timed-out': 'TIMED_OUT' } as const)[state.state];
  const isOurs = state.error.type === 'UserError';
  const reason = isOurs ? state.error.message : 'Internal error. See the server log for the cause.';
  return { status, phase: 'done', reason, updated_at: state.endedAt.toISOString() };
}

function viewOf(progress: Progress, { clock }: ToolDeps): ExecutionView {
  const { execution_id, status, phase, tiles, usage, started_at, reason, summary, failed_tiles } = progress;
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
    poll_after_seconds: isRunning ? pollAfter(eta_seconds) : 0,
    next_step: nextStep(progress),
  });
}

function etaOf({ tiles, phase }: Progress, elapsed: number): number | null {
  const finished = tiles.done + tiles.failed + tiles.blank;
  return phase === 'detect' && finished > 0 ? Math.ceil((elapsed / finished) * (tiles.total - finished)) : null;
}

function pollAfter(etaSeconds: number | null): number {
  return etaSeconds === null ? 2 : Math.min(20, Math.max(2, Math.round(etaSeconds / 4)));
}

function nextStep({ execution_id, status }: Progress): string {
  switch (status) {
    case 'RUNNING':
      return `Call get_execution with execution_id ${execution_id} again after poll_after_seconds, or with wait_seconds 20.`;
    case 'SUCCEEDED':
      return `Call list_findings with execution_id ${execution_id}.`;
    case 'PARTIAL':
      return `Call list_findings with execution_id ${execution_id}. Objects that lie only in failed_tiles are missing: retry_failed_tiles analyzes those tiles again.`;
    case 'CANCELLED':
      return `Call list_findings with execution_id ${execution_id} for the findings so far, or retry_failed_tiles to continue.`;
    case 'BLOCKED':
      return 'Choose another image: moderation blocked this one.';
    default:
      return 'Fix the problem described in reason, then call analyze_image again with a new idempotency_key.';
  }
}
