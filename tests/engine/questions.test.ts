// Questions about an image: the search of a scripted model, on the real pipeline and engine.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AnswerError, UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import type { Question } from '../../pipeline/contract/questions/question.ts';
import type { Action } from '../../pipeline/contract/questions/search-turn.ts';
import type { AnalysisRequest, Box } from '../../pipeline/contract/schemas.ts';
import { readDocument } from '../../pipeline/documents.ts';
import type { SearchMaterial, Vision } from '../../pipeline/ports.ts';
import { stepDocuments } from '../../pipeline/step-documents.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

const COST_USD = 0.01;
const WIDTH = 4_000;
const HEIGHT = 3_000;
let image = '';

let folder = '';
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilesight-questions-'));
  image = join(folder, 'field.jpg');
  const noise = { type: 'gaussian', mean: 128, sigma: 20 } as const;
  await sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: '#777', noise } })
    .jpeg()
    .toFile(image);
});

type Step = Action | ((material: SearchMaterial) => Action | Promise<Action>);

interface Asker extends Vision {
  asked: SearchMaterial[];
}

/** The last step over and over. */
function asker(...steps: Step[]): Asker {
  const asked: SearchMaterial[] = [];
  const vision = scriptedVision({ detect: () => [detectionOf('crane', [10, 10, 40, 30], { text: 'B7' })] });
  return {
    ...vision,
    detect: vision.detect.bind({ ...vision, detectCalls: 0 }),
    asked,
    async nextAction(_model, material) {
      asked.push(material);
      const step = steps[Math.min(asked.length, steps.length) - 1];
      if (step === undefined) throw new Error('Expected a step.');
      const action = typeof step === 'function' ? await step(material) : step;
      return { action, usage: { input_tokens: 1_000, output_tokens: 50, cost_usd: COST_USD }, notes: [] };
    },
  };
}

const zoom = (box: Box | null, more: Partial<Extract<Action, { tool: 'zoom' }>> = {}): Action => ({
  tool: 'zoom',
  note: '',
  image: 0,
  box,
  regions: [],
  ...more,
});
const answer = (more: Partial<Extract<Action, { tool: 'answer' }>> = {}): Action => ({
  tool: 'answer',
  note: '',
  text: 'It is red.',
  found: true,
  confidence: 0.9,
  evidence: [{ label: 'valve', text: null, image: 1, box: [1_100, 1_100, 60, 60] }],
  outside: 0,
  ...more,
});
const NOT_FOUND = answer({ found: false, text: 'There is no valve.', evidence: [], confidence: 0.7 });

function questionOf(more: Partial<Question> = {}, request: Partial<AnalysisRequest> = {}): AnalysisRequest {
  const base = requestFor(image, { tile_size: 1_024 });
  return {
    ...base,
    purpose: 'ask',
    ask: { look_for: 'Which color has the valve?', labels: [] },
    models: { moderation: null, detection: ['onnx:test'], verification: null, synthesis: 'rules:summary' },
    question: { text: 'Which color has the valve?', model: 'test:eyes', looks_max: 6, about: null, ...more },
    ...request,
  };
}

async function ask(vision: Vision, question: Partial<Question> = {}, request: Partial<AnalysisRequest> = {}) {
  const stage = await pipelineStage();
  const run = await stage.run(questionOf(question, request), vision);
  const trace = await readDocument(stepDocuments.trace('run-1'), stage.deps.blobs);
  return { ...run, stage, trace };
}

describe('a search', () => {
  test('ends with an answer whose evidence are findings, and keeps every turn as a step of its own', async () => {
    const vision = asker(zoom([1_000, 1_000, 400, 400], { note: 'Something red.' }), answer());
    const { document, progress, operations, files, trace, state, stage } = await ask(vision);
    expect(state).toMatchObject({ state: 'succeeded' });
    expect(document?.answer).toEqual({
      question: 'Which color has the valve?',
      text: 'It is red.',
      found: true,
      confidence: 0.9,
      evidence: ['f1'],
      reason: null,
      looks: 1,
      looked_at: [[1_000, 1_000, 400, 400]],
    });
    expect(document?.findings).toMatchObject([{ id: 'f1', label: 'valve', box: [1_100, 1_100, 60, 60], score: 0.9, level: 0 }]);
    expect(progress).toMatchObject({
      status: 'SUCCEEDED',
      summary: 'It is red. [f1] Confidence 0.90, after 1 look.',
      findings: 1,
      search: { looks: 1, looks_max: 6 },
      usage: { cost_usd: 2 * COST_USD },
    });
    expect(operations.flatMap(({ Type, Name }) => (Type === 'STEP' ? (Name ?? []) : []))).toEqual([
      ...['inspect', 'tile', 'think-0', 'look-0', 'think-1', 'store-answer'],
    ]);
    expect(files).toEqual(
      expect.arrayContaining(['report.html', 'trace.json', 'search/1.jpg'].map((name) => `blobs/executions/run-1/${name}`)),
    );
    expect(trace?.turns).toMatchObject([
      { action: { tool: 'zoom', note: 'Something red.' }, look: { number: 1 } },
      { action: { tool: 'answer' } },
    ]);
    const report = Buffer.from((await stage.deps.blobs.get(keys.report('run-1'))) ?? []).toString();
    expect(report).toContain('How the answer was found');
    expect(report).toContain('Something red.');
    // The model was shown what it asked for, at full resolution.
    expect(vision.asked[1]?.turns).toMatchObject([
      { look: { box: [1_000, 1_000, 400, 400], jpeg: { width: 400, height: 400 } } },
    ]);
  });

  test('shows the evidence again where the model saw it too small, before the answer counts', async () => {
    const small = answer({
      evidence: [{ label: 'valve', text: null, image: 0, box: [1_100, 1_100, 40, 40] }],
      text: 'It is green.',
    });
    const vision = asker(small, answer());
    const { document, trace } = await ask(vision);
    expect(document?.answer?.text).toBe('It is red.');
    expect(trace?.turns[0]).toMatchObject({ reply: 'check', look: { box: [992, 992, 256, 256] } });
  });

  test('shows the regions that the model ranked before "not found" counts, and says where it looked', async () => {
    const regions = [
      { box: [3_000, 0, 500, 500] satisfies Box as Box, likelihood: 0.2 },
      { box: [0, 2_000, 500, 500] satisfies Box as Box, likelihood: 0.6 },
    ];
    const { document, trace } = await ask(asker(zoom([1_000, 1_000, 500, 500], { regions }), NOT_FOUND));
    expect(trace?.turns.map(({ look }) => look?.box[0] ?? null)).toEqual([1_000, 0, 3_000, null]);
    expect(document?.answer).toMatchObject({ found: false, evidence: [], looks: 3 });
    expect(document?.summary).toBe(
      'There is no valve. Confidence 0.70, after 3 looks. Besides the overview, these areas were seen: [1000, 1000, 500, 500], ' +
        '[0, 2000, 500, 500], [3000, 0, 500, 500]; 6 % of the image at full resolution.',
    );
  });

  test('gives the model what detectors found in a region', async () => {
    const find: Action = { tool: 'find', note: '', image: 0, box: [0, 0, 512, 512], what: 'crane' };
    const read: Action = { tool: 'read', note: '', image: 0, box: [0, 0, 512, 512] };
    const vision = asker(find, read, answer({ evidence: [{ label: 'crane', text: 'B7', image: 1, box: [10, 10, 40, 30] }] }));
    const { document } = await ask(vision);
    const look = vision.asked[1]?.turns[0]?.look;
    expect(look).toMatchObject({ number: 1, jpeg: { width: 512 } });
    expect(look?.seen_total).toBe(1);
    expect(look?.seen?.[0]).toMatchObject({ label: 'crane', text: 'B7', score: 0.9 });
    expect(document?.findings).toMatchObject([{ label: 'crane', text: 'B7' }]);
  });

  test('about an earlier execution uses its tiles', async () => {
    const stage = await pipelineStage();
    await stage.run({ ...requestFor(image), execution_id: 'earlier' }, scriptedVision());
    const about = { execution_id: 'earlier', pyramid_of: 'earlier' };
    const { operations, files, document } = await stage.run(questionOf({ about }), asker(zoom([0, 0, 300, 300]), answer()));
    expect(document?.answer?.text).toBe('It is red.');
    expect(operations.flatMap(({ Type, Name }) => (Type === 'STEP' ? (Name ?? []) : []))[0]).toBe('open-tiles');
    expect(files.some((file) => file.endsWith('run-1/pyramid.szi'))).toBe(false);
  });
});

describe('a model that', () => {
  test('zooms for ever gets no more looks than allowed, and then must answer', async () => {
    const vision = asker(({ tools, turns }) => (tools.includes('zoom') ? zoom([turns.length * 500, 0, 300, 300]) : NOT_FOUND));
    const { document } = await ask(vision, { looks_max: 4 });
    expect(document?.answer).toMatchObject({ looks: 4, text: 'There is no valve.' });
    expect(vision.asked.map(({ looksLeft }) => looksLeft)).toEqual([4, 3, 2, 1, 0]);
    expect(vision.asked.at(-1)?.tools).toEqual(['answer']);
  });

  test('never answers ends as PARTIAL with a sentence', async () => {
    const vision = asker(({ tools, turns }) => {
      if (tools.includes('zoom')) return zoom([turns.length * 500, 0, 300, 300]);
      throw Object.assign(new AnswerError('No next step from test:eyes: the answer was invalid twice.'), {
        paid: { input_tokens: 10, output_tokens: 1, cost_usd: COST_USD },
      });
    });
    const { progress, document } = await ask(vision, { looks_max: 2 });
    expect(progress).toMatchObject({
      status: 'PARTIAL',
      reason:
        'test:eyes gave no answer after 2 looks, although no look was left. Ask again with more max_looks, a narrower question or another model.',
    });
    expect(document?.summary).toMatch(
      /^The question was not answered\. Besides the overview, these areas were seen: \[0, 0, 300, 300\]/,
    );
    expect(vision.asked).toHaveLength(4);
  });

  test('looks off the image or at the same place again gets a sentence, and must answer after three such turns', async () => {
    const vision = asker(zoom([0, 0, 400, 400]), zoom([0, 0, 410, 400]), zoom(null), zoom(null, { image: 99 }), NOT_FOUND);
    const { trace, document } = await ask(vision);
    expect(trace?.turns.map(({ reply }) => reply)).toEqual([null, 'repeated', 'outside', 'outside', null]);
    expect(vision.asked.at(-1)?.tools).toEqual(['answer']);
    expect(document?.notes).toContain(
      'The model repeated itself or asked for nothing that could be shown, so it had to answer early.',
    );
  });

  test('repeats itself and then never answers is not said to have used up its looks', async () => {
    const vision = asker(({ tools }) => {
      if (tools.includes('zoom')) return zoom([0, 0, 400, 400]);
      throw Object.assign(new AnswerError('No next step from test:eyes: the answer was invalid twice.'), {
        paid: { input_tokens: 10, output_tokens: 1, cost_usd: COST_USD },
      });
    });
    const { progress } = await ask(vision);
    expect(progress).toMatchObject({
      status: 'PARTIAL',
      reason:
        'test:eyes gave no answer after 1 look: it repeated itself or asked for nothing that could be shown. Ask again with a narrower question or another model.',
    });
  });

  test('cites no evidence is asked for it once, and the note says so', async () => {
    const vision = asker(zoom([0, 0, 400, 400]), answer({ evidence: [], outside: 2 }));
    const { trace, document } = await ask(vision);
    expect(trace?.turns.map(({ reply }) => reply)).toEqual([null, 'no-evidence', null]);
    expect(document?.notes).toEqual(
      expect.arrayContaining([
        'The model cites no evidence for its answer, also when asked again. Check it.',
        '2 of the cited boxes lie outside of the image and were left out.',
      ]),
    );
  });

  test('costs more than the budget is asked no further', async () => {
    const vision = asker(({ turns }) => zoom([turns.length * 500, 0, 300, 300]));
    const { progress } = await ask(vision, {}, { max_cost_usd: 2.5 * COST_USD });
    expect(progress).toMatchObject({
      status: 'PARTIAL',
      reason:
        'The budget of 0.025 USD was spent after 3 looks, before the question was answered. Ask again with a larger max_cost_usd.',
      usage: { cost_usd: 3 * COST_USD },
    });
    expect(vision.asked).toHaveLength(3);
  });

  test('cannot be used ends the question with the sentence of its provider', async () => {
    const vision = asker(() => {
      throw new UserError('The model test:eyes cannot be used: it does not accept images.');
    });
    const { progress } = await ask(vision);
    expect(progress).toMatchObject({
      status: 'FAILED',
      reason: 'The model test:eyes cannot be used: it does not accept images.',
    });
  });
});

test('a cancelled question asks no further model and keeps what it has seen', async () => {
  const stage = await pipelineStage();
  const vision = asker(async ({ turns }) => {
    if (turns.length === 1) await stage.deps.blobs.put(keys.cancel('run-1'), Buffer.from('{"cancelled_at":"now"}'));
    return zoom([turns.length * 500, 0, 300, 300]);
  });
  const { progress } = await stage.run(questionOf(), vision);
  expect(progress).toMatchObject({ status: 'CANCELLED', reason: 'The question was cancelled after 2 looks.' });
  expect(vision.asked).toHaveLength(2);
});

test('kills in the search change no answer, and no call of the model whose step was kept is made again', async () => {
  const actions: Action[] = [
    zoom([1_000, 1_000, 800, 800], { regions: [{ box: [0, 0, 700, 700], likelihood: 0.4 }] }),
    { tool: 'find', note: 'x'.repeat(400), image: 1, box: [1_000, 1_000, 600, 600], what: 'crane' },
    zoom([1_200, 1_200, 300, 300]),
    answer(),
  ];
  const stage = await pipelineStage();
  const calls: number[] = [];
  const vision = (killedIn: number | null, kill: () => void): Vision =>
    asker(async ({ turns: { length: turn } }) => {
      calls.push(turn);
      if (turn === killedIn) {
        kill();
        await new Promise(() => {});
      }
      return actions[turn] ?? answer();
    });
  for (const killedIn of actions.keys()) {
    const { promise: killed, resolve } = Promise.withResolvers<void>();
    await stage.runUntil(killed, questionOf(), vision(killedIn, resolve));
  }
  const { document } = await stage.run(
    questionOf(),
    vision(null, () => {}),
  );
  expect(document?.answer).toMatchObject({ text: 'It is red.', looks: 3 });
  expect(document?.usage.cost_usd).toBeCloseTo(4 * COST_USD);
  // Each call that was killed, and the one that was kept.
  expect(calls).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
});
