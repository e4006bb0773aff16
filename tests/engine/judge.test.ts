// Several detection models and a judge that decides where they differ, on the real pipeline and engine.
import { describe, expect, test } from 'vitest';
import { AnswerError } from '../../pipeline/contract/errors.ts';
import type { AnalysisRequest, ModelId } from '../../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import { drawScene, type Errors, erringVision, figuresOf } from '../support/judged-scene.ts';
import { pipelineStage, requestFor, runPipeline } from '../support/pipeline-run.ts';

const MODELS = {
  'test:careless': { misses: 0.12, mislabels: 0.1, invents: 0.3 },
  'test:shy': { misses: 0.3, mislabels: 0.04, invents: 0.1 },
  'test:bold': { misses: 0.1, mislabels: 0.15, invents: 0.5 },
} satisfies Record<ModelId, Errors>;
const ALL = Object.keys(MODELS);
const JUDGE_ERRORS = 0.05;

const modelsOf = (detection: string[], judge?: string): AnalysisRequest['models'] => ({
  moderation: null,
  detection,
  verification: 'test:second',
  synthesis: 'test:words',
  ...(judge !== undefined && { judge }),
});

async function analyzed(
  path: string,
  detection: string[],
  judge?: string,
  more: { vision?: ReturnType<typeof erringVision>; verify?: boolean } = {},
) {
  const vision = more.vision ?? erringVision(MODELS, JUDGE_ERRORS);
  const request = { models: modelsOf(detection, judge), verify: more.verify ?? false };
  return { ...(await runPipeline(path, vision, { tile_size: 512 }, { request })), vision };
}

describe('a judge over three models with known errors', () => {
  test.each([1, 2, 3])('has a higher recall and precision than the best of them, in scene %i', async (seed) => {
    const { path, objects } = await drawScene(seed);
    const alone = [];
    for (const model of ALL) alone.push(figuresOf((await analyzed(path, [model])).document, objects));
    const together = figuresOf((await analyzed(path, ALL)).document, objects);
    const judged = figuresOf((await analyzed(path, ALL, 'test:judge')).document, objects);
    expect(judged.recall).toBeGreaterThan(Math.max(...alone.map(({ recall }) => recall)));
    expect(judged.precision).toBeGreaterThan(Math.max(...alone.map(({ precision }) => precision)));
    expect(judged.precision).toBeGreaterThan(together.precision);
  });

  test('is asked only where they differ, once for several findings, each a durable step whose cost counts', async () => {
    const { path } = await drawScene(1);
    const { document, operations, vision } = await analyzed(path, ALL, 'test:judge');
    const findings = document?.findings ?? [];
    const agreed = findings.filter(({ said_by }) => said_by?.length === ALL.length);
    const disputed = findings.filter(({ said_by }) => said_by !== undefined && said_by.length < ALL.length);
    expect(agreed.length).toBeGreaterThan(10);
    expect(disputed.length).toBeGreaterThan(10);
    expect(agreed.length + disputed.length).toBe(findings.length);
    expect(agreed.every(({ judged, verified }) => judged === undefined && verified === null)).toBe(true);
    expect(disputed.every(({ judged, verified }) => judged?.by === 'test:judge' && judged.verdict === verified)).toBe(true);
    expect(new Set(disputed.map(({ verified }) => verified))).toEqual(new Set(['confirmed', 'rejected']));
    const steps = operations.filter(({ Name, Type }) => Type === 'STEP' && Name?.startsWith('judge-f'));
    expect(steps).toHaveLength(vision.questions.length);
    expect(vision.questions.length).toBeLessThan(disputed.length / 2);
    expect(vision.questions.flatMap(({ claims }) => claims)).toHaveLength(disputed.length);
    expect(vision.questions.every(({ models, claims }) => models === 3 && claims.length <= 8)).toBe(true);
    const detection = (await analyzed(path, ALL)).document?.usage.cost_usd ?? Number.NaN;
    expect((document?.usage.cost_usd ?? Number.NaN) - detection).toBeCloseTo(0.01 * steps.length);
  });

  test('leaves the findings that it judges out of verification', async () => {
    const { path } = await drawScene(2);
    const { document, operations } = await analyzed(path, ALL, 'test:judge', { verify: true });
    const judged = document?.findings.filter((finding) => finding.judged !== undefined).map(({ id }) => `verify-${id}`) ?? [];
    expect(judged.length).toBeGreaterThan(10);
    expect(operations.filter(({ Name }) => Name !== undefined && judged.includes(Name))).toEqual([]);
  });
});

test('a correction of the judge replaces label and box, and keeps the reported label', async () => {
  const { path } = await drawScene(1);
  const vision = erringVision(MODELS, 0);
  const instead = (claim: string) => ({ label: `a true ${claim}`, description: claim, severity: 'low' as const, text: null });
  const correcting: typeof vision = {
    ...vision,
    judge: async (_model, _crop, { claims }) => ({
      verdicts: claims.map(({ finding, boxInCrop: [left, top, width, height] }) => ({
        verdict: 'corrected',
        instead: instead(finding.label),
        boxInCrop: [left, top, width / 2, height],
      })),
      usage: NO_USAGE,
    }),
  };
  const { document } = await analyzed(path, ALL, 'test:judge', { vision: correcting });
  // With a judge, an object under two labels remains two findings until it decides: a judge that confirms all has the same ids.
  const confirming: typeof vision = {
    ...vision,
    judge: async (_model, _crop, { claims }) => ({ verdicts: claims.map(() => ({ verdict: 'confirmed' })), usage: NO_USAGE }),
  };
  const plain = (await analyzed(path, ALL, 'test:judge', { vision: confirming })).document;
  const corrected = document?.findings.filter(({ verified }) => verified === 'corrected') ?? [];
  expect(corrected.length).toBeGreaterThan(10);
  for (const { id, label, box, judged } of corrected) {
    const before = plain?.findings.find((finding) => finding.id === id);
    expect(judged).toEqual({ by: 'test:judge', verdict: 'corrected', label: before?.label });
    expect(label).toBe(`a true ${before?.label}`);
    expect(box[0]).toBeCloseTo(before?.box[0] ?? Number.NaN, 0);
    expect(box[2]).toBeCloseTo((before?.box[2] ?? Number.NaN) / 2, 0);
  }
});

test('without a judge, findings name the models that reported them, and nothing is judged', async () => {
  const { path } = await drawScene(1);
  const { document, operations } = await analyzed(path, ALL);
  expect(document?.findings.every(({ said_by, judged }) => (said_by?.length ?? 0) > 0 && judged === undefined)).toBe(true);
  expect(operations.filter(({ Name }) => Name?.startsWith('judge'))).toEqual([]);
});

test('one model needs no names and no judge, and its findings have no further fields', async () => {
  const { path } = await drawScene(1);
  const { document, operations } = await analyzed(path, ['test:shy']);
  const fields = ['id', 'label', 'description', 'score', 'severity', 'box', 'text', 'level', 'tiles', 'verified'];
  const further = document?.findings.flatMap((finding) => Object.keys(finding).filter((key) => !fields.includes(key)));
  expect(new Set(further)).toEqual(new Set(['alternatives'])); // it mislabels some squares in some levels
  expect(document?.findings.every((finding) => fields.every((field) => field in finding))).toBe(true);
  expect(operations.filter(({ Name }) => Name?.startsWith('judge'))).toEqual([]);
});

test('a judge that fails keeps the findings as they were detected, and a note gives the reason', async () => {
  const { path } = await drawScene(1);
  const vision = erringVision(MODELS, 0);
  const failing = { ...vision, judge: () => Promise.reject(new AnswerError('Expected judgements, got words.')) };
  const { document } = await analyzed(path, ALL, 'test:judge', { vision: failing });
  expect(document?.status).toBe('SUCCEEDED');
  expect(document?.findings.every(({ verified, judged }) => verified === null && judged === undefined)).toBe(true);
  expect(document?.notes).toContainEqual(
    expect.stringMatching(/^\d+ findings were not judged: Expected judgements, got words\.$/),
  );
});

test('an execution that is killed while it judges resumes with the verdicts that it has', async () => {
  const { path } = await drawScene(1);
  const undisturbed = await analyzed(path, ALL, 'test:judge');
  const stage = await pipelineStage();
  const request = { ...requestFor(path, { tile_size: 512 }), models: modelsOf(ALL, 'test:judge') };
  const vision = erringVision(MODELS, JUDGE_ERRORS);
  const killed = Promise.withResolvers<void>();
  let answered = 0;
  const hanging: typeof vision = {
    ...vision,
    async judge(model, crop, question) {
      if (vision.questions.length >= 2) return await new Promise(() => {});
      const answer = (await vision.judge?.(model, crop, question)) ?? { verdicts: [], usage: NO_USAGE };
      if (++answered === 2) setTimeout(killed.resolve, 1_000); // both are stored meanwhile
      return answer;
    },
  };
  await stage.runUntil(killed.promise, request, hanging);
  const resumed = erringVision(MODELS, JUDGE_ERRORS);
  const { document } = await stage.run(request, resumed);
  expect(document?.findings).toEqual(undisturbed.document?.findings);
  expect(resumed.questions.length).toBe(undisturbed.vision.questions.length - 2);
}, 60_000);

test('the judge ends once it has cost a dollar', async () => {
  const { path } = await drawScene(1);
  const vision = erringVision(MODELS, 0);
  let calls = 0;
  const dear: typeof vision = {
    ...vision,
    async judge(_model, _crop, { claims }) {
      calls++;
      return {
        verdicts: claims.map(() => ({ verdict: 'confirmed' })),
        usage: { input_tokens: 1, output_tokens: 1, cost_usd: 1 },
      };
    },
  };
  const { document } = await analyzed(path, ALL, 'test:judge', { vision: dear });
  expect(calls).toBeLessThanOrEqual(4); // as many as run at once
  expect(document?.notes).toContainEqual(expect.stringMatching(/not judged: the limit of 1 USD for the judge was reached\.$/));
});
