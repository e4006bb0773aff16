// A Launcher whose executions do what a test says. They write progress and findings with the pipeline's own code.

import { UserError } from '../../pipeline/contract/errors.ts';
import { nameTaken } from '../../pipeline/contract/execution-names.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import type { AnalysisRequest, Finding, FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import { findingsDocument, reasonOf } from '../../pipeline/findings/document.ts';
import { type PlannedTile, tilesOf } from '../../pipeline/planning/grid.ts';
import { DEFAULT_LIMITS } from '../../pipeline/planning/image-limits.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import { requestNotes } from '../../pipeline/planning/request-notes.ts';
import type { Blobs, CallbackAnswers, Clock, ExecutionState, Launcher, Log } from '../../pipeline/ports.ts';
import { type ProgressReport, reportProgress } from '../../pipeline/progress/progress-writer.ts';
import { tileResultCounter } from '../../pipeline/progress/tile-result-counter.ts';

const IMAGE = { width: 1_240, height: 620 }; // 2 tiles of 640 px in full resolution, and the whole
const NO_TILE_FAILED: readonly number[] = [];

export interface Run {
  request: AnalysisRequest;
  progress: ProgressReport;
  tiles: readonly PlannedTile[];
  analyze(tile: PlannedTile | undefined): Promise<void>;
  /** Stores what was found and the last word. */
  end(findings: Finding[], failedTiles?: readonly number[]): Promise<FindingsDocument>;
}

export interface ScriptedLauncher extends Launcher {
  /** One a created execution, in order. */
  runs: Run[];
  /** What the control plane says; `running` from the start. */
  states: Map<string, ExecutionState>;
}

/** A scripted execution has no callbacks. */
export const NO_CALLBACKS: CallbackAnswers = {
  succeed: async () => 'closed',
  fail: async () => 'closed',
  heartbeat: async () => 'closed',
};

export type Script = (run: Run) => Promise<void>;

export function scriptedLauncher(deps: { blobs: Blobs; clock: Clock; log: Log }, script: Script): ScriptedLauncher {
  const runs: Run[] = [];
  const states = new Map<string, ExecutionState>();
  return {
    runs,
    states,
    async start(request) {
      const before = runs.find((run) => run.request.execution_id === request.execution_id);
      if (before && JSON.stringify(before.request) !== JSON.stringify(request))
        throw new UserError(nameTaken(request.execution_id));
      if (before) return { created: false };
      const run = makeRun(request, deps);
      runs.push(run);
      states.set(request.execution_id, { state: 'running', startedAt: deps.clock.now() });
      await script(run);
      return { created: true };
    },
    describe: async (executionId) => states.get(executionId) ?? null,
    async forget(executionId) {
      if (states.get(executionId)?.state === 'running') return 'busy';
      states.delete(executionId);
      const place = runs.findIndex(({ request }) => request.execution_id === executionId);
      if (place >= 0) runs.splice(place, 1);
      return 'forgotten';
    },
    async stop(executionId, error) {
      const state = states.get(executionId);
      if (state?.state !== 'running') return state ?? null;
      const stopped = { state: 'stopped', startedAt: state.startedAt, endedAt: deps.clock.now(), error } as const;
      states.set(executionId, stopped);
      return stopped;
    },
  };
}

function makeRun(request: AnalysisRequest, { blobs, clock, log }: { blobs: Blobs; clock: Clock; log: Log }): Run {
  const nothing = () => Promise.reject(new Error('A scripted run calls no model.'));
  const vision = { moderate: nothing, detect: nothing, verify: nothing, summarize: nothing };
  const limits = {
    image: DEFAULT_LIMITS,
    tilesMax: 100,
    tileConcurrency: 1,
    shardTilesMax: 100,
    shardConcurrency: 1,
    progressEveryMs: 5,
  };
  const imageDownloads = { download: nothing };
  const progress = reportProgress(request, {
    blobs,
    imageDownloads,
    clock,
    log,
    metrics: null,
    events: null,
    vision,
    scratchFolder: '',
    limits,
    functionName: '',
  });
  const counter = tileResultCounter(log, { execution: request.execution_id }, () => progress.changed());
  progress.counting(counter);
  const plan = planTiles(IMAGE, request.plan, { edgePx: 640, overlapPx: 40 });
  const tiles = tilesOf(plan);
  const inspected = { format: 'jpeg', plan, startedAt: clock.now().toISOString() };
  progress.inspected(inspected, tiles.length);
  return {
    request,
    progress,
    tiles,
    async analyze(tile) {
      if (!tile) throw new Error('Expected a tile of the plan.');
      await counter.follow(tile, Promise.resolve({ blank: false, detections: [], usage: NO_USAGE, clipped: 0, notes: [] }));
    },
    async end(findings, failedTiles = NO_TILE_FAILED) {
      const failed = tiles
        .filter(({ index }) => failedTiles.includes(index))
        .map(({ index, box }) => ({ tile: index, box, reason: 'The model failed on this tile.' }));
      const merged = {
        findings,
        unsure: 0,
        done: tiles.length - failed.length,
        blank: 0,
        failed,
        not_analyzed: [],
        clipped: 0,
        stopped: null,
        usage: NO_USAGE,
        notes: requestNotes(request),
      };
      const document = findingsDocument(request, inspected, merged, `Found ${findings.length}.`);
      await blobs.put(keys.overlay(request.execution_id), Buffer.from('overlay'));
      await blobs.put(keys.findings(request.execution_id), Buffer.from(JSON.stringify(document, null, 1)));
      await progress.end(document, reasonOf(merged));
      await progress.close();
      return document;
    },
  };
}
