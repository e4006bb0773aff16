// What an execution can do without never costs its result, and findings and status agree after any failure.
import { describe, expect, test } from 'vitest';
import { queryExecutions } from '../../mcp-server/executions/search.ts';
import { TransientError, UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import type { PipelineDeps } from '../../pipeline/ports.ts';
import { greyImage } from '../support/grey-image.ts';
import { pipelineStage, requestFor, runPipeline } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';
import { type Random, seededRandom } from '../support/seeded-random.ts';

const EXECUTIONS = 10;
const LABELS_EACH = 50; // as many as the list of executions keeps for one
const LABEL_CHARACTERS_MAX = 100; // of a detection's label
const SEED = 20_261_127;

/** First and last code points. */
const SCRIPTS: [[number, number], ...[number, number][]] = [
  [0x20, 0x7e], // ASCII with / . % and space
  [0x00, 0x1f], // control characters
  [0x410, 0x44f], // Cyrillic
  [0x4e00, 0x9fa5], // CJK
  [0xac00, 0xd7a3], // Hangul
  [0x600, 0x6ff], // Arabic
  [0x300, 0x36f], // combining marks
  [0xd800, 0xdfff], // halves of characters
  [0x1f300, 0x1f5ff], // pictographs
];

function randomLabel(random: Random): string {
  const [first, last] = random.oneOf(SCRIPTS);
  const length = random.oneOf([1, LABEL_CHARACTERS_MAX, random.between(1, LABEL_CHARACTERS_MAX)]);
  let label = '';
  while (label.length < length) label += String.fromCodePoint(random.between(first, last));
  return label.slice(0, length);
}

describe('labels of any script and length', () => {
  test(`500 of them: every execution succeeds, and the list finds it by each of its labels (seed ${SEED})`, async () => {
    const random = seededRandom(SEED);
    const [stage, image] = [await pipelineStage(), await greyImage(250, 250)];
    for (let number = 0; number < EXECUTIONS; number++) {
      const labels = Array.from({ length: LABELS_EACH }, () => randomLabel(random));
      const detections = labels.map((label, index) =>
        detectionOf(label, [(index % 10) * 22, Math.floor(index / 10) * 40, 15, 15]),
      );
      const request = { ...requestFor(image), execution_id: `run-${number}` };
      const { progress, document, state } = await stage.run(request, scriptedVision({ detect: () => detections }));
      expect([number, state?.state, progress.status, document?.status]).toEqual([number, 'succeeded', 'SUCCEEDED', 'SUCCEEDED']);
      expect(document?.notes.filter((note) => note.includes('could not be written'))).toEqual([]);
      for (const { label } of document?.findings ?? []) {
        const query = { labels: [label], image: null, since: null, limit: 20, cursor: null };
        const { executions } = await queryExecutions(query, { blobs: stage.deps.blobs, owner: null });
        expect([label, executions[0]]).toEqual([label, expect.objectContaining({ execution_id: `run-${number}` })]);
        expect(executions[0]).toMatchObject({ status: 'SUCCEEDED', findings: document?.findings.length });
      }
    }
  });
});

/** Every write of a key that fits fails; with `lastWord`, only the writes of progress that end it. */
function failing(pattern: RegExp, { lastWord = false, times = Number.POSITIVE_INFINITY } = {}) {
  let left = times;
  const refuse = (key: string, bytes?: Uint8Array) => {
    const ends =
      !lastWord ||
      !Buffer.from(bytes ?? [])
        .toString()
        .includes('"RUNNING"');
    if (pattern.test(key) && ends && left-- > 0) throw Object.assign(new Error('No room.'), { code: 'ENOSPC' });
  };
  return (deps: PipelineDeps): PipelineDeps => ({
    ...deps,
    blobs: {
      ...deps.blobs,
      async put(key, bytes) {
        refuse(key, bytes);
        await deps.blobs.put(key, bytes);
      },
      async putFile(key, path) {
        refuse(key);
        await deps.blobs.putFile(key, path);
      },
    },
  });
}

describe('after a write that fails, findings and status agree:', () => {
  const vision = () => scriptedVision({ detect: () => [detectionOf('cat', [10, 10, 50, 50])] });

  test.each([
    ['overlay.jpg', /overlay\.jpg$/, true],
    ['an export', /exports\/.*csv$/, true],
    ['every export', /exports\//, true],
    ['report.html', /report\.html$/, true],
    ['the keys of the index', /run-1\/index\.json$/, false],
    ['every index entry', /^index\//, false],
  ])('without %s an execution succeeds', async (_, pattern, noted) => {
    const { progress, document, state } = await runPipeline(
      await greyImage(250, 250),
      vision(),
      {},
      { around: failing(pattern) },
    );
    expect([state?.state, progress.status, document?.status]).toEqual(['succeeded', 'SUCCEEDED', 'SUCCEEDED']);
    expect(document?.findings).toHaveLength(progress.findings);
    expect(document?.notes.some((note) => note.includes('could not be written'))).toBe(noted);
  });

  test('without findings an execution fails, and has no entry in the list', async () => {
    const { progress, document, files } = await runPipeline(
      await greyImage(250, 250),
      vision(),
      {},
      { around: failing(/findings\.json$/) },
    );
    expect([progress.status, document]).toEqual(['FAILED', null]);
    expect(files.filter((file) => file.startsWith('blobs/index/'))).toEqual([]);
  });

  test('if only the last progress could not be written, the findings count', async () => {
    const key = new RegExp(`${keys.progress('run-1')}$`);
    const around = failing(key, { lastWord: true, times: 1 });
    const { progress, document, state } = await runPipeline(await greyImage(250, 250), vision(), {}, { around });
    expect([state?.state, progress.status, document?.status]).toEqual(['succeeded', 'SUCCEEDED', 'SUCCEEDED']);
    expect(progress.summary).toBe(document?.summary);
  });
});

describe('an analysis that fails', () => {
  /** Every write of a progress that says so fails, up to `times` times. */
  const refusingTheEnd = (error: () => Error, times: number) => {
    const calls = { refused: 0 };
    const around = (deps: PipelineDeps): PipelineDeps => ({
      ...deps,
      blobs: {
        ...deps.blobs,
        async put(key, bytes) {
          if (key === keys.progress('run-1') && Buffer.from(bytes).includes('"FAILED"') && calls.refused < times) {
            calls.refused++;
            throw error();
          }
          await deps.blobs.put(key, bytes);
        },
      },
    });
    return { calls, around };
  };
  const blocked = () =>
    scriptedVision({
      moderate: () => {
        throw new UserError('The model test:eyes cannot be used.');
      },
    });

  test('stores its end with a later attempt if the store fails temporarily', async () => {
    const { calls, around } = refusingTheEnd(() => new TransientError('The store is busy.'), 2);
    const { state, progress } = await runPipeline(await greyImage(250, 250), blocked(), {}, { around });
    expect(calls.refused).toBe(2);
    expect(state?.state).toBe('failed');
    expect(progress).toMatchObject({ status: 'FAILED', reason: 'The model test:eyes cannot be used.' });
  });

  test('ends after one attempt if the store refuses, with the reason of the store', async () => {
    const { calls, around } = refusingTheEnd(() => new UserError('The store refused access.'), Number.POSITIVE_INFINITY);
    const { state, progress } = await runPipeline(await greyImage(250, 250), blocked(), {}, { around });
    expect(calls.refused).toBe(1);
    expect([state?.state, progress.status]).toEqual(['failed', 'RUNNING']);
  });
});
