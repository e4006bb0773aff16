// A calibration as an execution of the deployed pipeline: docs/models.md shows the call.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openEngine } from '../../local/engine/engine.ts';
import { chartOf } from '../../pipeline/calibration/chart.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import { durablePipeline } from '../../pipeline/durable-pipeline.ts';
import type { MarkSeen, Vision } from '../../pipeline/ports.ts';
import { temporaryFolder } from '../support/folder.ts';
import { pipelineDeps } from '../support/pipeline-run.ts';
import { scriptedVision } from '../support/scripted-vision.ts';

const MODEL = 'bedrock:us.meta.llama4-maverick-17b-instruct-v1:0';
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** Sees every mark, in fractions whatever it is asked for. */
const locate: Vision['locate'] = async (_model, { width, height }) => ({
  marks: chartOf({ width, height }).marks.map(({ code, box: [left, top, w, h] }): MarkSeen => {
    const edges = { left: left / width, top: top / height, right: (left + w) / width, bottom: (top + h) / height };
    return { label: 'mark', text: code, edges };
  }),
  usage: { ...NO_USAGE, input_tokens: 1_000 },
});

async function executed(vision: Vision) {
  const folder = await temporaryFolder();
  const deps = await pipelineDeps(folder, vision);
  const engine = openEngine({
    file: join(folder, 'engine.db'),
    clock: deps.clock,
    log: SILENT,
    invoke: async (event, client, timeoutMs) => {
      const context = { awsRequestId: 'test', getRemainingTimeInMillis: () => timeoutMs };
      const handler = durablePipeline(deps, { durableExecutionClient: client });
      return await handler(event, context as Parameters<typeof handler>[1]);
    },
  });
  engine.start();
  engine.startExecution('calibration-1', JSON.stringify({ kind: 'calibrate', model: MODEL }));
  await engine.ended('calibration-1');
  const row = engine.describe('calibration-1');
  engine.close();
  return { row, stored: join(folder, 'blobs/calibration', `${encodeURIComponent(MODEL)}.json`) };
}

describe('an execution that calibrates a model', () => {
  test('stores what it measured, and returns it', async () => {
    const { row, stored } = await executed({ ...scriptedVision(), locate });
    const expected = { model: MODEL, coordinates: 'fractions', fit_for_boxes: true, marks: 96, marks_missed: 0 };
    expect(JSON.parse(await readFile(stored, 'utf8'))).toMatchObject(expected);
    expect(JSON.parse(row?.result ?? 'null')).toMatchObject(expected);
  });

  test('fails with a sentence if the model finds nothing', async () => {
    const { row } = await executed({ ...scriptedVision(), locate: async () => ({ marks: [], usage: NO_USAGE }) });
    expect(row?.status).toBe('FAILED');
    expect(JSON.stringify(row)).toContain('found none of the marks of the chart');
  });
});
