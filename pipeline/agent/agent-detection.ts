// The agent's own eyes in one shard: its tiles wait for reports, which join what other models detected in them.
import type { DurableContext } from '@aws/durable-execution-sdk-js';
import type { AgentReport } from '../agent-documents.ts';
import { NO_USAGE } from '../contract/usage.ts';
import { recordsModels } from '../findings/disputes.ts';
import type { PlannedTile } from '../planning/grid.ts';
import { tileCount } from '../planning/grid.ts';
import type { Shard } from '../planning/shards.ts';
import type { AnalyzedTile, EndedTile, TileResult } from '../planning/tile-result.ts';
import type { TileResultCounter } from '../progress/tile-result-counter.ts';
import { AGENT_MODEL } from '../providers/agent-model.ts';
import type { DetectionRun } from '../steps/detect-tile.ts';
import { agentReports, agentWaitS } from './agent-rounds.ts';

const DAY_S = 86_400;

/** Blank tiles and those that have failed are not handed out. Adds the result of every other tile to the counter. */
export async function detectByAgent(
  context: DurableContext,
  shard: Shard,
  results: readonly { tile: PlannedTile; result: TileResult }[],
  counter: TileResultCounter,
  { request, plan, cancellation, deps }: DetectionRun,
  onChange: () => void,
): Promise<void> {
  const { execution_id: executionId, ask } = request;
  const waiting = results.flatMap(({ tile, result }) =>
    'failed' in result || result.blank ? [] : [[tile.index, { tile, own: result }] as const],
  );
  if (waiting.length === 0) return;
  const byIndex = new Map(waiting);
  const recordsModel = recordsModels(request.models);
  const waitS = waitOf(shard, tileCount(plan), deps.limits.shardConcurrency, agentWaitS(request));
  const work = { board: String(shard.number), items: [...byIndex.keys()], ask };
  const { reports, ended } = await agentReports(context, work, {
    executionId,
    cancellation,
    deps,
    waitS,
    onRound({ reports: found, waits }, pending) {
      for (const { item, report } of found) {
        const held = byIndex.get(item);
        if (held) counter.add(item, withReport(held.own, report, recordsModel));
      }
      counter.waitsForAgent(waits ? pending : null);
      onChange();
    },
  });
  for (const [index, { tile, own }] of waiting) {
    if (reports.has(index)) continue;
    const unreported: EndedTile =
      ended === 'cancelled' || ended === 'budget' ? { unseen: ended } : { unusable: tooLate(waitS), usage: own.usage };
    await counter.follow(tile, Promise.resolve(unreported));
  }
  onChange();
}

/** Shards that do not run at once wait one after another: together they wait for no longer than an execution may. */
function waitOf({ from, to }: Shard, tiles: number, shardConcurrency: number, allS: number): number {
  const turns = Math.ceil(tiles / Math.max(1, to - from) / shardConcurrency);
  return Math.floor(allS / Math.max(1, turns));
}

function tooLate(waitS: number): string {
  const days = Math.floor(waitS / DAY_S);
  const time = days >= 1 ? `${days} day${days === 1 ? '' : 's'}` : `${Math.max(1, Math.floor(waitS / 3_600))} hours`;
  return `No agent reported on this tile within ${time}.`;
}

function withReport(own: AnalyzedTile, report: AgentReport, recordsModel: boolean): AnalyzedTile {
  const unreadable = (own.unreadable ?? 0) + report.unreadable;
  return {
    blank: false,
    detections: [
      ...own.detections,
      ...report.detections.map((detection) => (recordsModel ? { ...detection, model: AGENT_MODEL } : detection)),
    ],
    usage: own.usage ?? NO_USAGE,
    clipped: own.clipped + report.clipped,
    ...(unreadable > 0 && { unreadable }),
    notes: [...own.notes, ...report.notes],
  };
}
