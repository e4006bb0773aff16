import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../../pipeline/contract/errors.ts';
import type { FindingsDocument, Progress } from '../../../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../../../pipeline/contract/usage.ts';
import { documents, readDocument, writeDocument } from '../../../pipeline/documents.ts';
import type { ExecutionState } from '../../../pipeline/ports.ts';
import { progressReader } from '../../../pipeline/progress/progress-reader.ts';
import { reportProgress } from '../../../pipeline/progress/progress-writer.ts';
import { endOfFindings } from '../../../pipeline/progress/stored-end.ts';
import { fsBlobs } from '../../../pipeline/storage/folder-blobs.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { pipelineDeps, requestFor } from '../../support/pipeline-run.ts';
import { scriptedVision } from '../../support/scripted-vision.ts';
import { finding } from '../../support/tool-calls.ts';

const request = requestFor('/image.png');
const { execution_id } = request;
const STARTED = '2026-11-21T06:00:00.000Z';
const ENDED = '2026-11-21T06:10:00.000Z';
const WRITES_LATE_MS = 500; // after the end is stored
const times = { startedAt: new Date(STARTED), endedAt: new Date(ENDED) };
const stopped = (state: 'failed' | 'stopped' | 'timed-out', type: string, message: string): ExecutionState => ({
  state,
  ...times,
  error: { type, message },
});

const RUNNING: Progress = {
  execution_id,
  status: 'RUNNING',
  phase: 'detect',
  tiles: { total: 9, done: 2, failed: 0, blank: 0, not_analyzed: 0 },
  findings: 1,
  usage: NO_USAGE,
  started_at: STARTED,
  updated_at: STARTED,
  running_shards: [0],
  reason: null,
  summary: null,
  failed_tiles: [],
  notes: [],
};

const FINDINGS: FindingsDocument = {
  execution_id,
  status: 'PARTIAL',
  image: { uri: 'file:///image.png', width: 900, height: 900, format: 'png', version: '1' },
  request: { ask: request.ask, plan: request.plan },
  models: request.models,
  tiles: {
    total: 9,
    done: 8,
    blank: 0,
    failed: [{ tile: 3, box: [0, 0, 9, 9], reason: 'The model failed on this tile.' }],
    not_analyzed: [],
  },
  usage: NO_USAGE,
  summary: 'Nothing was found.',
  notes: [],
  findings: [],
};

describe('the progress of an execution that has ended', () => {
  test('never goes back to RUNNING, even if another process writes late', async () => {
    const deps = await pipelineDeps(await temporaryFolder(), scriptedVision());
    const frozen = reportProgress(request, { ...deps, limits: { ...deps.limits, progressEveryMs: WRITES_LATE_MS } });
    frozen.inspected({ startedAt: STARTED }, 9);
    frozen.phase('detect');
    const resumed = reportProgress(request, deps);
    resumed.inspected({ startedAt: STARTED }, 9);
    await resumed.end(FINDINGS, null);
    frozen.phase('merge');
    resumed.changed();
    await sleep(2 * WRITES_LATE_MS);
    await frozen.close();
    expect(await readDocument(documents.progress(execution_id), deps.blobs)).toMatchObject({ status: 'PARTIAL', phase: 'done' });
  });

  test('counts the findings that list_findings counts: those that a judge or a verification rejected are left out', () => {
    const rejected = finding(2, { verified: 'rejected' });
    expect(endOfFindings({ ...FINDINGS, findings: [finding(1), rejected, finding(3)] }, null).findings).toBe(2);
  });

  test('does not keep a later execution with the same id from reporting', async () => {
    const deps = await pipelineDeps(await temporaryFolder(), scriptedVision());
    const end: Progress = { ...RUNNING, status: 'FAILED', phase: 'done', updated_at: ENDED };
    await writeDocument(documents.progress(execution_id), end, deps.blobs);
    const later = reportProgress(request, deps);
    later.inspected({ startedAt: '2026-11-21T06:10:00.001Z' }, 9);
    later.phase('detect');
    await expect
      .poll(() => readDocument(documents.progress(execution_id), deps.blobs))
      .toMatchObject({ status: 'RUNNING', phase: 'detect' });
    await later.close();
  });
});

describe('a stored RUNNING of an execution that has ended', () => {
  const current = async (state: ExecutionState, document: FindingsDocument | null) => {
    const blobs = fsBlobs(join(await temporaryFolder(), 'blobs'));
    await writeDocument(documents.progress(execution_id), RUNNING, blobs);
    if (document) await writeDocument(documents.findings(execution_id), document, blobs);
    return await progressReader({ blobs, clock: { now: () => new Date() }, launcher: { describe: async () => state } }).current(
      execution_id,
    );
  };

  test.each<ExecutionState>([
    { state: 'succeeded', ...times },
    stopped('failed', 'Error', 'ENOSPC'),
    stopped('stopped', 'Error', ''),
    stopped('timed-out', 'Error', ''),
  ])('reads as the status of its findings, although it is $state', async (state) => {
    expect(await current(state, FINDINGS)).toMatchObject({
      status: 'PARTIAL',
      phase: 'done',
      tiles: { total: 9, done: 8, failed: 1, blank: 0, not_analyzed: 0 },
      failed_tiles: FINDINGS.tiles.failed,
      reason: '1 of 9 tiles failed. Reason of the first: The model failed on this tile.',
      summary: 'Nothing was found.',
      running_shards: [],
      started_at: STARTED,
      updated_at: ENDED,
    });
  });

  test.each([
    [
      stopped('stopped', 'Error', 'by arn:aws:iam::1:user/x'),
      'CANCELLED',
      'The execution was stopped from outside, before its findings were stored.',
    ],
    [stopped('timed-out', 'Error', 'x'), 'TIMED_OUT', 'The execution reached its time limit before its findings were stored.'],
    [stopped('failed', 'Error', 'ENOSPC'), 'FAILED', 'Internal error. See the server log for the cause.'],
    [stopped('stopped', 'UserError', 'The analysis was cancelled.'), 'CANCELLED', 'The analysis was cancelled.'],
  ])('gives the reason why it ended without findings', async (state, status, reason) => {
    expect(await current(state, null)).toMatchObject({ status, reason, phase: 'done' });
  });

  test('reads as BLOCKED if it succeeded without findings', async () => {
    expect(await current({ state: 'succeeded', ...times }, null)).toMatchObject({
      status: 'BLOCKED',
      reason: 'The image was blocked by moderation. It was not analyzed.',
    });
  });

  test('reads as the end that is stored while the service is asked', async () => {
    const blobs = fsBlobs(join(await temporaryFolder(), 'blobs'));
    await writeDocument(documents.progress(execution_id), RUNNING, blobs);
    const end: Progress = { ...RUNNING, status: 'BLOCKED', phase: 'done', reason: 'The image was blocked: violence.' };
    const describe = async (): Promise<ExecutionState> => {
      await writeDocument(documents.progress(execution_id), end, blobs);
      return { state: 'succeeded', ...times };
    };
    const reader = progressReader({ blobs, clock: { now: () => new Date() }, launcher: { describe } });
    expect(await reader.current(execution_id)).toMatchObject({ status: 'BLOCKED', reason: 'The image was blocked: violence.' });
    const unknown = progressReader({ blobs, clock: { now: () => new Date() }, launcher: { describe: async () => null } });
    await expect(unknown.current('another')).rejects.toThrow(UserError);
  });
});
