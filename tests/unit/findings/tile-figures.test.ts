import { describe, expect, test } from 'vitest';
import { findingsTable } from '../../../cli/terminal-table.ts';
import { FindingsDocument, Progress } from '../../../pipeline/contract/schemas.ts';
import { NO_USAGE, totalUsage } from '../../../pipeline/contract/usage.ts';
import { type AnalysisResult, reasonOf, statusOf } from '../../../pipeline/findings/document.ts';
import { Merged } from '../../../pipeline/findings/merged.ts';
import { sentenceOnGaps } from '../../../pipeline/findings/rules-summary.ts';
import { ShardResult } from '../../../pipeline/planning/shard-messages.ts';
import { ShardProgress } from '../../../pipeline/planning/shards.ts';

const missing = (count: number, reason: string) =>
  Array.from({ length: count }, (_, tile) => ({ tile, box: [0, 0, 9, 9] as [number, number, number, number], reason }));

function result(changed: Partial<AnalysisResult>): AnalysisResult {
  const counts = { done: 4, blank: 1, failed: [], not_analyzed: [], stopped: null };
  return { ...counts, findings: [], unsure: 0, clipped: 0, usage: NO_USAGE, notes: [], ...changed };
}

describe('tiles that were never started', () => {
  const cancelled = result({ stopped: 'cancelled', not_analyzed: missing(5, 'Not analyzed: the analysis was cancelled.') });
  const overBudget = result({
    stopped: 'budget',
    not_analyzed: missing(5, 'Not analyzed: the budget of the request was spent.'),
  });

  test('are no failures, and the reason counts them', () => {
    expect(statusOf(cancelled)).toBe('CANCELLED');
    expect(reasonOf(cancelled)).toBe('The analysis was cancelled after 5 of 10 tiles. Their findings are kept.');
    expect(statusOf(overBudget)).toBe('PARTIAL');
    expect(reasonOf(overBudget)).toMatch(/^The budget of the request was spent after 5 of 10 tiles\./);
  });

  test('stand beside failed ones in the reason and in the summary', () => {
    const failed = result({ failed: missing(2, 'The model failed on this tile.') });
    expect(reasonOf(failed)).toBe('2 of 7 tiles failed. Reason of the first: The model failed on this tile.');
    const counts = { total: 12, done: 4, blank: 1 };
    expect(sentenceOnGaps({ ...counts, failed: 2, not_analyzed: 5 })).toEqual([
      'Not analyzed: 2 of 12 tiles failed, 5 of 12 tiles were not started, so objects that lie only in them are missing.',
    ]);
    expect(sentenceOnGaps({ ...counts, failed: 2, not_analyzed: 0 })).toEqual([
      'Not analyzed: 2 of 12 tiles failed, so objects that lie only in them are missing.',
    ]);
  });
});

const FAILED = missing(7, 'Not analyzed: the analysis was cancelled.');
const OLD_COUNTS = { total: 9, done: 2, failed: 7, blank: 0 };
const USAGE = { input_tokens: 1, output_tokens: 1, cost_usd: 0 };

/** As version 0.1 stored them. */
const STORED = {
  progress: {
    execution_id: 'run-1',
    status: 'CANCELLED',
    phase: 'done',
    tiles: OLD_COUNTS,
    findings: 0,
    usage: USAGE,
    started_at: '2026-11-21T06:00:00.000Z',
    updated_at: '2026-11-21T06:00:09.000Z',
    running_shards: [],
    reason: 'The analysis was cancelled after 2 of 9 tiles. Their findings are kept.',
    summary: 'Nothing was found.',
    failed_tiles: FAILED,
  },
  findings: {
    execution_id: 'run-1',
    status: 'CANCELLED',
    image: { uri: 'file:///image.png', width: 900, height: 900, format: 'png', version: '1' },
    request: {
      ask: { look_for: null, labels: [] },
      plan: { detail: 'max', tile_size: null, overlap: null, grid: null, region: null, max_tiles: null, skip_blank: true },
    },
    models: { moderation: null, detection: ['onnx:nanodet'], verification: null, synthesis: 'rules:summary' },
    tiles: { total: 9, done: 2, blank: 0, failed: FAILED },
    usage: USAGE,
    summary: 'Nothing was found.',
    notes: ['One note.'],
    findings: [],
  },
  merged: {
    findings: [],
    unsure: 0,
    tiles: { total: 9, done: 2, blank: 0, failed: FAILED },
    clipped: 0,
    usage: USAGE,
    notes: [],
    stopped: 'cancelled',
    sources: [],
  },
  shardResult: {
    shard: { number: 0, from: 0, to: 9 },
    key: 'executions/run-1/looks/0.json',
    reason: null,
    tiles: { done: 2, failed: 7, blank: 0 },
    detections: 0,
    usage: USAGE,
    stopped: 'cancelled',
  },
  shardProgress: {
    tiles: { done: 2, failed: 7, blank: 0 },
    detections: 0,
    usage: USAGE,
    updated_at: '2026-11-21T06:00:09.000Z',
  },
};

describe('a document of version 0.1', () => {
  test('is read with no note and no tile that is counted as not analyzed: its failed tiles have them', () => {
    const progress = Progress.parse(STORED.progress);
    expect(progress).toEqual({ ...STORED.progress, notes: [], tiles: { ...OLD_COUNTS, not_analyzed: 0 } });
    for (const { tiles } of [FindingsDocument.parse(STORED.findings), Merged.parse(STORED.merged)])
      expect(tiles).toEqual({ ...STORED.findings.tiles, not_analyzed: [] });
    for (const { tiles, notes } of [ShardResult.parse(STORED.shardResult), ShardProgress.parse(STORED.shardProgress)])
      expect({ tiles, notes }).toEqual({ tiles: { done: 2, failed: 7, blank: 0, not_analyzed: 0 }, notes: [] });
  });

  test('keeps its status and its reason', () => {
    const { tiles } = FindingsDocument.parse(STORED.findings);
    expect(reasonOf({ ...tiles, stopped: 'cancelled' })).toBe(STORED.progress.reason);
  });
});

test('a table of findings counts analyzed, blank, failed and not analyzed tiles each on its own', () => {
  const document = FindingsDocument.parse({
    ...STORED.findings,
    tiles: { total: 12, done: 4, blank: 1, failed: missing(2, 'No answer.'), not_analyzed: missing(5, 'Cancelled.') },
  });
  expect(findingsTable(document)).toBe('0 findings in 900 x 900 px, 4 of 12 tiles analyzed, 1 blank, 2 failed, 5 not analyzed.');
});

test('a sum of costs with an unknown part is unknown, and its tokens are counted', () => {
  const known = { input_tokens: 10, output_tokens: 1, cost_usd: 0.5 };
  expect(totalUsage([known, known])).toEqual({ input_tokens: 20, output_tokens: 2, cost_usd: 1 });
  for (const order of [
    [known, { ...known, cost_usd: null }],
    [{ ...known, cost_usd: null }, known],
  ])
    expect(totalUsage(order)).toEqual({ input_tokens: 20, output_tokens: 2, cost_usd: null });
  expect(totalUsage([])).toEqual(NO_USAGE);
});
