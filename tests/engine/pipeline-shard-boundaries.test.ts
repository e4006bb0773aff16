// An execution keeps the shards that it began with, whatever the size of shards is when it resumes.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeAll, describe, expect, test } from 'vitest';
import { AnswerError } from '../../pipeline/contract/errors.ts';
import { STEPS } from '../../pipeline/contract/protocol.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import type { PipelineDeps } from '../../pipeline/ports.ts';
import { progressReader } from '../../pipeline/progress/progress-reader.ts';
import { temporaryFolder } from '../support/folder.ts';
import { greyNoise } from '../support/grey-image.ts';
import { type PipelineStage, pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

let small: Buffer;
let large: Buffer;
beforeAll(async () => {
  small = await greyNoise(700, 600);
  large = await greyNoise(2_700, 2_500);
});

async function requestOf(image: Buffer): Promise<AnalysisRequest> {
  const path = join(await temporaryFolder(), 'noise.jpg');
  await writeFile(path, image);
  return requestFor(path, { detail: 'max', tile_size: 128, overlap: 32 });
}

/** What a run is watched for: the tiles that it analyzes, and the most that its progress was beyond the total. */
function watched(shardTilesMax: number) {
  const analyzed: string[] = [];
  let mostBeyondTotal = Number.NEGATIVE_INFINITY;
  const around = (deps: PipelineDeps): PipelineDeps => {
    const launcher = { describe: async () => null };
    const { stored } = progressReader({ blobs: deps.blobs, launcher, clock: deps.clock });
    const debug = (facts: object, sentence: string) => {
      if (sentence === 'Analyzing a tile.' && 'tile' in facts) analyzed.push(String(facts.tile));
    };
    return {
      ...deps,
      log: { ...deps.log, debug },
      limits: { ...deps.limits, shardTilesMax },
      blobs: {
        ...deps.blobs,
        async put(key, bytes) {
          await deps.blobs.put(key, bytes);
          const [, id, name] = /^executions\/([^/]+)\/progress(.*)\.json$/.exec(key) ?? [];
          const tiles = id !== undefined && name !== undefined ? (await stored(id))?.tiles : undefined;
          if (tiles && tiles.total > 0)
            mostBeyondTotal = Math.max(mostBeyondTotal, tiles.done + tiles.failed + tiles.blank - tiles.total);
        },
      },
    };
  };
  return { around, analyzed, mostBeyondTotal: () => mostBeyondTotal };
}

/** The tiles whose analysis is stored, of every execution so far. */
function storedTiles(stage: PipelineStage): string[] {
  if (!existsSync(stage.file)) return [];
  return stage.operations().flatMap(({ Name, Type, Status }) => {
    const isStored = Type === 'STEP' && Status === 'SUCCEEDED' && Name?.startsWith('tile-');
    return isStored ? [String(Name)] : [];
  });
}

/** Removes the boundaries from the result of a step: version 0.1 did not store them. */
function forgetShards({ file }: PipelineStage, step: string): void {
  const database = new DatabaseSync(file);
  const row = database.prepare("select arn, id, json from operations where json ->> 'Name' = ?").get(step);
  const operation = JSON.parse(String(row?.json));
  const result = JSON.parse(operation.StepDetails.Result);
  const inspected = result.inspected ?? result;
  expect(inspected.shards.length).toBeGreaterThan(1);
  delete inspected.shards;
  operation.StepDetails.Result = JSON.stringify(result);
  const update = database.prepare('update operations set json = ? where arn = ? and id = ?');
  update.run(JSON.stringify(operation), String(row?.arn), String(row?.id));
  database.close();
}

/** Kills an execution after `callsBeforeKill` calls, resumes it with another size of shards, and watches both lives. */
async function killedAndResumed(
  stage: PipelineStage,
  request: AnalysisRequest,
  {
    callsBeforeKill,
    before,
    after,
    meanwhile,
  }: { callsBeforeKill: number; before: number; after: number; meanwhile?: () => void },
) {
  const earlier = storedTiles(stage).length;
  const { promise: killed, resolve: kill } = Promise.withResolvers<void>();
  const mortal = scriptedVision({
    detect(_, call) {
      if (call < callsBeforeKill) return detections;
      kill();
      return new Promise(() => {});
    },
  });
  const first = watched(before);
  await stage.runUntil(killed, request, mortal, first.around);
  const kept = storedTiles(stage).slice(earlier);
  meanwhile?.();
  const second = watched(after);
  const run = await stage.run(request, scriptedVision({ detect: () => detections }), second.around);
  return { run, kept, analyzed: second.analyzed, beyondTotal: [first.mostBeyondTotal(), second.mostBeyondTotal()] };
}

const detections = [detectionOf('cat', [10, 10, 50, 50])];

async function undisturbed(request: AnalysisRequest) {
  const stage = await pipelineStage();
  return await stage.run(request, scriptedVision({ detect: () => detections }));
}

describe('an execution that is killed keeps its shards', () => {
  test.each([
    ['smaller', 16, 7],
    ['larger', 10, 24],
    ['so large that one execution would hold all tiles', 16, 850],
  ])('when a restart makes shards %s', async (_, before, after) => {
    const request = await requestOf(small);
    const stage = await pipelineStage();
    const { run, kept, analyzed, beyondTotal } = await killedAndResumed(stage, request, { callsBeforeKill: 30, before, after });
    const total = run.document?.tiles.total ?? 0;
    expect(run.progress).toMatchObject({ status: 'SUCCEEDED', tiles: { total, done: total, failed: 0, blank: 0 } });
    expect(beyondTotal).toEqual([expect.any(Number), 0]);
    expect(Math.max(...beyondTotal)).toBe(0);
    expect(kept.length).toBeGreaterThan(before);
    expect(analyzed.filter((tile) => kept.includes(tile))).toEqual([]);
    expect([...kept, ...analyzed].sort()).toEqual([...new Set([...kept, ...analyzed])].sort());
    expect(kept.length + analyzed.length).toBe(total);
    expect(run.document?.findings).toEqual((await undisturbed(request)).document?.findings);
  });

  test('when version 0.1 began it and did not store them', async () => {
    const request = await requestOf(large);
    const stage = await pipelineStage();
    const { run, kept, analyzed, beyondTotal } = await killedAndResumed(stage, request, {
      callsBeforeKill: 600,
      before: 850,
      after: 300,
      meanwhile: () => forgetShards(stage, STEPS.inspect),
    });
    const total = run.document?.tiles.total ?? 0;
    expect(total).toBeGreaterThan(850);
    expect(run.progress).toMatchObject({ status: 'SUCCEEDED', tiles: { total, done: total, failed: 0, blank: 0 } });
    expect(Math.max(...beyondTotal)).toBe(0);
    expect(analyzed.filter((tile) => kept.includes(tile))).toEqual([]);
    expect(kept.length + analyzed.length).toBe(total);
  });

  test('when it resumes the failed tiles of an earlier execution', async () => {
    const request = await requestOf(small);
    const stage = await pipelineStage();
    const failing = scriptedVision({
      detect(_, call) {
        if (call % 4 !== 0) throw new AnswerError('The model refused.');
        return detections;
      },
    });
    const { document } = await stage.run(request, failing);
    const failed = document?.tiles.failed.length ?? 0;
    const retry = { ...request, execution_id: 'run-2', retry_of: { execution_id: 'run-1', pyramid_of: 'run-1' } };
    const { run, kept, analyzed, beyondTotal } = await killedAndResumed(stage, retry, {
      callsBeforeKill: 25,
      before: 12,
      after: 7,
    });
    expect(run.progress.status).toBe('SUCCEEDED');
    expect(Math.max(...beyondTotal)).toBe(0);
    expect(analyzed.filter((tile) => kept.includes(tile))).toEqual([]);
    expect(kept.length + analyzed.length).toBe(failed);
    expect(run.document?.findings).toEqual((await undisturbed(request)).document?.findings);
  });
});
