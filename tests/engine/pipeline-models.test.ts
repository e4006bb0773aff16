// How the pipeline handles the answers of models: failures of every kind, verification, summaries.
import { describe, expect, test } from 'vitest';
import { AnswerError, TransientError, UserError } from '../../pipeline/contract/errors.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import { shardsOf } from '../../pipeline/planning/shards.ts';
import type { PipelineDeps, SummaryMaterial, VerificationQuestion } from '../../pipeline/ports.ts';
import { greyImage } from '../support/grey-image.ts';
import { runPipeline } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

const CONCURRENCY = 4; // of tests/support/pipeline-run.ts
const usage = (cost_usd: number) => ({ input_tokens: 1, output_tokens: 1, cost_usd });

describe('a model that', () => {
  test('gives no usable answer for some tiles loses only those, each reported with its box and the reason', async () => {
    const reason = 'Expected detections, got an answer that was cut off. Choose smaller tiles.';
    const vision = scriptedVision({
      detect(tile, call) {
        if (call % 3 === 0) throw new AnswerError(reason);
        return [detectionOf('cat', [10, 10, tile.width / 2, 50])];
      },
    });
    const { progress, document } = await runPipeline(await greyImage(), vision);
    expect(progress.status).toBe('PARTIAL');
    const tiles = document?.tiles;
    expect(tiles?.failed).toHaveLength(Math.ceil(vision.detectCalls / 3));
    expect(tiles?.done).toBe(vision.detectCalls - Math.ceil(vision.detectCalls / 3));
    expect(new Set(tiles?.failed.map((failed) => failed.reason))).toEqual(new Set([reason]));
    expect(tiles?.failed.every(({ box }) => box[2] > 0 && box[3] > 0)).toBe(true);
    expect(document?.summary).toContain(`${tiles?.failed.length} of ${tiles?.total} tiles failed`);
  });

  test('gives no usable answer for any tile fails the analysis', async () => {
    const vision = scriptedVision({ detect: () => Promise.reject(new AnswerError('Expected detections, got a refusal.')) });
    const { progress, document } = await runPipeline(await greyImage(), vision);
    expect(progress).toMatchObject({ status: 'FAILED', tiles: { done: 0, failed: document?.tiles.total } });
    expect(document?.findings).toEqual([]);
  });

  test('may not be used fails the analysis at once, after at most as many calls as run concurrently', async () => {
    const refusal = 'Expected access to bedrock:nova, got none. Give this role bedrock:InvokeModel.';
    const vision = scriptedVision({
      async detect() {
        await new Promise((resolve) => setTimeout(resolve, 20));
        throw new UserError(refusal);
      },
    });
    const { progress, state, files } = await runPipeline(await greyImage(), vision);
    expect(progress).toMatchObject({ status: 'FAILED', reason: refusal });
    expect(state).toMatchObject({ state: 'failed', error: { type: 'UserError', message: refusal } });
    expect(vision.detectCalls).toBeLessThanOrEqual(CONCURRENCY);
    expect(files).not.toContain('blobs/executions/run-1/findings.json');
  });

  test('refuses a tile after it has analyzed another loses only that tile, and a replay decides the same', async () => {
    const refusal = 'The model test:eyes cannot be used: the request was refused.';
    const vision = scriptedVision({
      detect(_tile, call) {
        if (call === 2 * CONCURRENCY) throw new UserError(refusal);
        return [];
      },
    });
    const { progress, document, operations } = await runPipeline(await greyImage(), vision);
    expect(progress.status).toBe('PARTIAL');
    expect(document?.tiles.failed.map(({ reason }) => reason)).toEqual([refusal]);
    expect(document?.tiles.done).toBe(vision.detectCalls - 1);
    const stored = operations.flatMap(({ StepDetails }) => StepDetails?.Error ?? []);
    expect(stored).toMatchObject([{ ErrorType: 'AnswerError', ErrorMessage: refusal }]);
  });

  test('has used up its quota of the day is not called again, and the tiles before keep their detections', async () => {
    const refusal = "The model test:eyes cannot be used: the account's quota of the day is used up.";
    const vision = scriptedVision({
      detect(_tile, call) {
        if (call >= 2 * CONCURRENCY) throw new UserError(refusal, { usedUp: true });
        return [];
      },
    });
    const { progress, document } = await runPipeline(await greyImage(), vision);
    expect(progress).toMatchObject({ status: 'PARTIAL', tiles: { done: 2 * CONCURRENCY } });
    expect(new Set(document?.tiles.failed.map(({ reason }) => reason))).toEqual(new Set([refusal]));
    expect(document?.tiles.failed.length).toBeGreaterThan(2 * CONCURRENCY);
    expect(vision.detectCalls).toBeLessThanOrEqual(3 * CONCURRENCY); // those that ran at the same time
  });

  test('refuses the image of the first tile loses only that tile', async () => {
    const refusal = 'No detections from test:eyes: its service could not read the image. Choose another model.';
    const vision = scriptedVision({
      detect(_tile, call) {
        if (call === 1) throw new AnswerError(refusal);
        return [];
      },
    });
    const { progress, document } = await runPipeline(await greyImage(), vision);
    expect(progress.status).toBe('PARTIAL');
    expect(document?.tiles.failed.map(({ reason }) => reason)).toEqual([refusal]);
  });

  test('refuses every tile from a later shard on keeps what earlier shards found', async () => {
    const refusal = "The model test:eyes cannot be used: the account's quota of the day is used up.";
    const vision = scriptedVision({
      detect(_tile, call) {
        if (call >= 4) throw new UserError(refusal);
        return [];
      },
    });
    const around = (deps: PipelineDeps): PipelineDeps => ({
      ...deps,
      limits: { ...deps.limits, shardTilesMax: 4, shardConcurrency: 1 },
    });
    const { progress, document } = await runPipeline(await greyImage(), vision, {}, { around });
    expect(progress).toMatchObject({ status: 'PARTIAL', tiles: { done: 4 } });
    expect(new Set(document?.tiles.failed.map(({ reason }) => reason))).toEqual(new Set([refusal]));
    const total = document?.tiles.total ?? 0;
    expect(shardsOf(total, 4)[1]?.from).toBe(4); // the refusals begin with the second shard
    expect(document?.tiles.failed).toHaveLength(total - 4);
  });

  test('gives no verdict in moderation fails the analysis', async () => {
    const vision = scriptedVision({
      moderate() {
        throw new AnswerError('Expected a verdict, got words.');
      },
    });
    const { progress } = await runPipeline(await greyImage(), vision);
    expect(progress).toMatchObject({ status: 'FAILED', reason: 'Expected a verdict, got words.' });
    expect(vision.detectCalls).toBe(0);
  });
});

test('without moderation the image is analyzed, and a note states that it was not moderated', async () => {
  const vision = scriptedVision({ moderate: () => ({ allowed: false, category: 'x', score: 1, usage: NO_USAGE }) });
  const models = { moderation: null, detection: ['test:eyes'], verification: null, synthesis: 'test:eyes' };
  const { document } = await runPipeline(await greyImage(300, 300), vision, {}, { request: { models } });
  expect(document?.status).toBe('SUCCEEDED');
  expect(document?.notes).toContain('The image is not moderated.');
});

test('boxes that extend beyond their tile are counted in a note', async () => {
  const vision = scriptedVision();
  const clipping = { ...vision, detect: async () => ({ detections: [], usage: NO_USAGE, clipped: 2, notes: [] }) };
  const { document } = await runPipeline(await greyImage(300, 200), clipping);
  expect(document?.notes).toContainEqual(
    expect.stringMatching(/^\d+ boxes extended beyond their tiles or had no area\. They were clipped or left out\.$/),
  );
});

describe('verification', () => {
  /** In the first tile: one with a high score, one with a low score, one severe. */
  const detect = (_: unknown, call: number) =>
    call > 0
      ? []
      : [
          detectionOf('cat', [10, 10, 40, 40], { score: 0.95 }),
          detectionOf('dog', [80, 10, 40, 40], { score: 0.5 }),
          detectionOf('crack', [10, 80, 40, 40], { score: 0.9, severity: 'high' }),
        ];
  const asked = (questions: VerificationQuestion[]) => questions.map(({ finding }) => finding.label).sort();

  test('checks only low-scoring and severe findings, and confirms, rejects or corrects them', async () => {
    const questions: VerificationQuestion[] = [];
    const vision = scriptedVision({
      detect,
      verify(_crop, question) {
        questions.push(question);
        if (question.finding.label === 'dog') return { verdict: 'rejected', usage: usage(0.01) };
        const [left, top, width, height] = question.boxInCrop;
        const instead = { label: 'scratch', description: 'A scratch.', severity: 'low', text: null } as const;
        return { verdict: 'corrected', instead, boxInCrop: [left, top, width / 2, height], usage: usage(0.01) };
      },
    });
    const { document, operations } = await runPipeline(await greyImage(), vision, {}, { request: { verify: true } });
    expect(asked(questions)).toEqual(['crack', 'dog']);
    const byLabel = Object.fromEntries(document?.findings.map((finding) => [finding.label, finding]) ?? []);
    expect(byLabel.cat?.verified).toBeNull();
    expect(byLabel.dog?.verified).toBe('rejected');
    expect(byLabel.scratch).toMatchObject({ verified: 'corrected', severity: 'low', box: [10, 80, 20, 40] });
    expect(document?.usage.cost_usd).toBeCloseTo(0.02);
    expect(operations.filter(({ Name }) => Name?.startsWith('verify-'))).toHaveLength(2);
  });

  test('runs only if requested', async () => {
    const questions: VerificationQuestion[] = [];
    const vision = scriptedVision({ detect, verify: (_, question) => void questions.push(question) as never });
    await runPipeline(await greyImage(), vision);
    expect(questions).toEqual([]);
  });

  test('that fails keeps the finding, and a note gives the reason', async () => {
    const vision = scriptedVision({ detect, verify: () => Promise.reject(new AnswerError('Expected a verdict, got words.')) });
    const { document } = await runPipeline(await greyImage(), vision, {}, { request: { verify: true } });
    expect(document?.status).toBe('SUCCEEDED');
    expect(document?.findings.map(({ verified }) => verified)).toEqual([null, null, null]);
    expect(document?.notes).toContain('2 findings were not verified: Expected a verdict, got words.');
  });

  test('ends once it has cost a dollar', async () => {
    const many = Array.from({ length: 40 }, (_, index) =>
      detectionOf(`thing ${index}`, [(index % 8) * 30, Math.floor(index / 8) * 30, 20, 20], { score: 0.5 }),
    );
    let verifyCalls = 0;
    const vision = scriptedVision({
      detect: (_, call) => (call === 0 ? many : []),
      verify() {
        verifyCalls++;
        return { verdict: 'confirmed', usage: usage(0.125) };
      },
    });
    const { document } = await runPipeline(await greyImage(), vision, {}, { request: { verify: true } });
    expect(verifyCalls).toBeGreaterThanOrEqual(8);
    expect(verifyCalls).toBeLessThan(8 + CONCURRENCY);
    expect(document?.notes).toContainEqual(expect.stringMatching(/not verified: the limit of 1 USD/));
    expect(document?.findings.filter(({ verified }) => verified === 'confirmed')).toHaveLength(verifyCalls);
  });
});

describe('the summary', () => {
  const detect = (_: unknown, call: number) => (call === 0 ? [detectionOf('cat', [10, 10, 40, 40])] : []);

  test('cites only findings that exist, and its model gets the overview', async () => {
    const given: SummaryMaterial[] = [];
    const vision = scriptedVision({
      detect,
      async summarize(material) {
        given.push(material);
        const { width } = await material.overview();
        return `A cat (f1) and a dog (f2) on ${width} px.`;
      },
    });
    const { document, progress } = await runPipeline(await greyImage(), vision);
    expect(document?.summary).toBe('A cat (f1) and a dog on 1000 px. 1 citation of a finding that does not exist was removed.');
    expect(progress.summary).toBe(document?.summary);
    expect(given[0]?.findings.map(({ id }) => id)).toEqual(['f1']);
  });

  test.each([
    ['an answer that cannot be used', new AnswerError('Expected a summary, got none.')],
    ['an unreachable provider', new TransientError('Expected an answer, got none. Try again later.')],
    ['no access', new UserError('Expected access to the model, got none. Ask for it.')],
  ])('follows fixed rules after %s, and the findings are kept', async (_, error) => {
    const vision = scriptedVision({ detect, summarize: () => Promise.reject(error) });
    const { document, progress } = await runPipeline(await greyImage(300, 300), vision);
    expect(progress.status).toBe('SUCCEEDED');
    expect(document?.summary).toContain('Counted by rules, without a language model.');
    expect(document?.notes).toContain(`The summary follows fixed rules, because the synthesis model failed: ${error.message}`);
    expect(document?.findings).toHaveLength(1);
  });
});
