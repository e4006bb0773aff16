// Names by which executions in flight resume and stored executions are found. A change here breaks them: it needs an old reader.
import { describe, expect, test } from 'vitest';
import { agentDocuments } from '../../../pipeline/agent-documents.ts';
import { SHARD_TILES_MAX_OF_0_1, STEPS } from '../../../pipeline/contract/protocol.ts';
import { documents } from '../../../pipeline/documents.ts';
import { storedShards } from '../../../pipeline/planning/shards.ts';
import { stepDocuments } from '../../../pipeline/step-documents.ts';

describe('what is stored keeps its name', () => {
  test('in steps', () => {
    const {
      runShard,
      checkShard,
      detectTile,
      detectTileAgain,
      waitForQuota,
      waitForAgent,
      collectReports,
      judgeFindings,
      verifyFinding,
      think,
      lookCloser,
      askPerson,
      ...steps
    } = STEPS;
    expect(Object.values(steps)).toEqual([
      'fetch',
      'inspect',
      'moderate',
      'store-verdict',
      'tile',
      'take-up',
      'shards',
      'detect',
      'keep-looks',
      'merge',
      'judge',
      'verify',
      'synthesize',
      'store',
      'store-failure',
      'open-tiles',
      'store-answer',
      'end-look',
      'calibrate',
    ]);
    expect([runShard(3), checkShard(3), detectTile(0, 12, 7), judgeFindings('f4'), verifyFinding('f4')]).toEqual([
      'shard-3',
      'begin-3',
      'tile-0-r12-c7',
      'judge-f4',
      'verify-f4',
    ]);
    expect([think(0), lookCloser(3), askPerson(1)]).toEqual(['think-0', 'look-3', 'ask-person-1']);
    expect([waitForAgent('0', 2), collectReports('verify', 2)]).toEqual(['agent-0-wait-2', 'agent-verify-collect-2']);
    const tile = detectTile(0, 12, 7);
    expect([detectTileAgain(tile, 0), detectTileAgain(tile, 2), waitForQuota(tile, 2)]).toEqual([
      'tile-0-r12-c7',
      'tile-0-r12-c7-again-2',
      'tile-0-r12-c7-wait-2',
    ]);
  });

  test('in documents', () => {
    const {
      wait,
      waitAt,
      shardProgress,
      indexEntry,
      tileStates,
      tileResults,
      blankTiles,
      tileStepResult,
      thought,
      look,
      ...ofExecution
    } = {
      ...documents,
      ...stepDocuments,
    };
    expect(Object.fromEntries(Object.entries(ofExecution).map(([name, document]) => [name, document('e1').key]))).toEqual({
      calibration: 'calibration/e1.json',
      pace: 'calibration/pace/e1.json',
      plan: 'executions/e1/plan.json',
      findings: 'executions/e1/findings.json',
      progress: 'executions/e1/progress.json',
      merged: 'executions/e1/merged.json',
      startedBy: 'executions/e1/started-by.json',
      launched: 'executions/e1/launched.json',
      cancellation: 'executions/e1/cancel.json',
      indexKeys: 'executions/e1/index.json',
      mergeResult: 'executions/e1/doubtful.json',
      resumedTiles: 'executions/e1/todo.json',
      trace: 'executions/e1/trace.json',
    });
    expect(shardProgress('e1', 2).key).toBe('executions/e1/progress/2.json');
    expect([wait('e1', 'agent-0').key, waitAt('any/key').key]).toEqual(['executions/e1/waits/agent-0.json', 'any/key']);
    const { board, boardAt, lease, report, round } = agentDocuments;
    const ofAgents = [board('e1', '0'), boardAt('any/key'), lease('e1', '0', 12, 1), report('e1', '0', 12), round('e1', '0', 3)];
    expect(ofAgents.map(({ key }) => key)).toEqual([
      'executions/e1/agent/boards/0.json',
      'any/key',
      'executions/e1/agent/leases-0/12-1.json',
      'executions/e1/agent/reports-0/12.json',
      'executions/e1/agent/rounds-0/3.json',
    ]);
    expect(tileStepResult('e1', 'tile-0-r0-c0').key).toBe('executions/e1/detections/tile-0-r0-c0.json');
    for (const document of [thought, look]) expect(document('e1', 'think-2').key).toBe('executions/e1/search/think-2.json');
    for (const document of [tileStates, tileResults, blankTiles, indexEntry]) expect(document('any/key').key).toBe('any/key');
  });
});

test('boundaries of shards that version 0.1 did not store are computed as it did', () => {
  expect(SHARD_TILES_MAX_OF_0_1).toBe(850);
  expect(storedShards(undefined, 850)).toEqual([{ number: 0, from: 0, to: 850 }]);
  expect(storedShards(undefined, 1_701)).toEqual([
    { number: 0, from: 0, to: 567 },
    { number: 1, from: 567, to: 1_134 },
    { number: 2, from: 1_134, to: 1_701 },
  ]);
  const stored = [{ number: 0, from: 0, to: 1_701 }];
  expect(storedShards(stored, 1_701)).toBe(stored);
});
