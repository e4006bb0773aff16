// What an agent is told of an execution, wherever it asks. Reads the progress object; asks the launcher only when that is missing or old.
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
// How often somebody who waits looks: soon for what is short, seldom enough for a store that counts reads.
const FIRST_LOOK_MS = 250;
const LATER_LOOKS_MS = 1_000;
/** The control plane of an account answers 30 of these a second, for all who ask. */
const ASK_EVERY_MS = 5_000;

export const ExecutionView = z.object({
  execution_id: z.string(),
  status: Status,
  phase: Phase,
  tiles: Progress.shape.tiles,
  findings_so_far: z.number().int().describe('Detections while it runs; findings once it has ended.'),
  usage: Usage,
  started_at: z.string().nullable(),
  elapsed_seconds: z.number().int(),
  eta_seconds: z.number().int().nullable().describe('Seconds left by the rate so far; null when unknown.'),
  reason: z.string().nullable().describe('Why it did not succeed, in a sentence.'),
  summary: z.string().nullable(),
  failed_tiles: z.array(FailedTile).describe('At most 20: tiles.failed counts all, findings.json holds all.'),
  poll_after_seconds: z.number().int().describe('0 when it has ended.'),
  next_step: z.string(),
});
export type ExecutionView = z.infer<typeof ExecutionView>;

/**
 * Waits up to `waitSeconds` for another status or phase, then tells the state. Tiles are no news: an agent would be told of
 * them every two seconds, and pay a call for each.
 */
export async function viewExecution(executionId: string, waitSeconds: number, deps: ToolDeps): Promise<ExecutionView> {
  const before = await readProgress(executionId, deps);
  return await viewWhen((progress) => progress.phase !== before.phase, before, waitSeconds, deps);
}

/** Waits up to `waitSeconds` for the end, then tells the state. */
export async function viewEnd(executionId: string, waitSeconds: number, deps: ToolDeps): Promise<ExecutionView> {
  return await viewWhen(() => false, await readProgress(executionId, deps), waitSeconds, deps);
}

/** An end is always news. */
async function viewWhen(
  isNews: (progress: Progress) => boolean,
  before: Progress,
  waitSeconds: number,
  deps: ToolDeps,
): Promise<ExecutionView> {
  const nowMs = () => deps.clock.now().getTime();
  const deadline = nowMs() + waitSeconds * 1_000;
  let [latest, askedMs, pauseMs] = [before, nowMs(), FIRST_LOOK_MS];
  while (latest.status === 'RUNNING' && !isNews(latest) && nowMs() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, deadline - nowMs())));
    pauseMs = Math.min(pauseMs * 1.5, LATER_LOOKS_MS);
    const mayAsk = nowMs() - askedMs >= ASK_EVERY_MS;
    if (mayAsk) askedMs = nowMs();
    latest = mayAsk
      ? await readProgress(before.execution_id, deps)
      : ((await storedProgress(before.execution_id, deps)) ?? latest);
  }
  return viewOf(latest, deps);
}

/** Throws a UserError when no execution has that id. */
export async function readProgress(executionId: string, deps: ToolDeps): Promise<Progress> {
  const progress = await storedProgress(executionId, deps);
  if (progress && progress.status !== 'RUNNING') return progress;
  // One that is being cancelled may have ended without a last word of its own.
  const fresh = progress && ageMs(progress, deps) < STALE_MS && !(await deps.blobs.head(keys.cancel(executionId)));
  if (fresh) return progress;
  const state = await deps.launcher.describe(executionId);
  if (!state) {
    throw new UserError(
      `Expected the id of an execution, got ${executionId}, which this server does not know. ` +
        'Use an execution_id that analyze_image returned; list_findings without one names those that have findings.',
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

/** An execution that ended without a last word of its own. */
function endOf(state: ExecutionState): Partial<Progress> {
  if (state.state === 'running' || state.state === 'succeeded') return {};
  const status = ({ failed: 'FAILED', stopped: 'CANCELLED', 'timed-out': 'TIMED_OUT' } as const)[state.state];
  const ours = state.error.type === 'UserError';
  const reason = ours ? state.error.message : 'Something inside failed. The log of this server says what.';
  return { status, phase: 'done', reason, updated_at: state.endedAt.toISOString() };
}

function viewOf(progress: Progress, { clock }: ToolDeps): ExecutionView {
  const { execution_id, status, phase, tiles, usage, started_at, reason, summary, failed_tiles } = progress;
  const running = status === 'RUNNING';
  const until = running ? clock.now().getTime() : Date.parse(progress.updated_at);
  const elapsed_seconds = Math.max(0, Math.round((until - Date.parse(started_at)) / 1_000));
  const eta_seconds = running ? etaOf(progress, elapsed_seconds) : null;
  return whole({
    ...{
      execution_id,
      status,
      phase,
      tiles,
      findings_so_far: progress.findings,
      usage,
      started_at,
      elapsed_seconds,
      eta_seconds,
    },
    ...{ reason, summary, failed_tiles },
    poll_after_seconds: running ? pollAfter(eta_seconds) : 0,
    next_step: nextStep(progress),
  });
}

function etaOf({ tiles, phase }: Progress, elapsed: number): number | null {
  const looked = tiles.done + tiles.failed + tiles.blank;
  return phase === 'detect' && looked > 0 ? Math.ceil((elapsed / looked) * (tiles.total - looked)) : null;
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
      return `Call list_findings with execution_id ${execution_id}; what lies only in failed_tiles is missing there: retry_failed_tiles looks again.`;
    case 'CANCELLED':
      return `Call list_findings with execution_id ${execution_id} for what was found until then, or retry_failed_tiles to go on.`;
    case 'BLOCKED':
      return 'Choose another image: this one is not looked at.';
    default:
      return 'Read reason, correct what it names, and call analyze_image again with a new idempotency_key.';
  }
}
