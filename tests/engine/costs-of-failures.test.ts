// The cost of unusable answers: it is in the cost of the analysis and of each of its steps, and counts against their budgets.
import { describe, expect, test } from 'vitest';
import { openaiVision } from '../../pipeline/vision/llm/openai-vision.ts';
import { greyImage } from '../support/grey-image.ts';
import { completion, openaiServer } from '../support/openai-server.ts';
import { requestFor, runPipeline } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

const MODEL = 'openai:gpt-4o';
const NONSENSE = completion({ content: 'I see nothing that I could say.' });
/** 1,000 tokens of input and 100 of output, at 2.5 and 10 USD a million. */
const CALL_USD = 0.0035;

async function answering(...script: Parameters<typeof openaiServer>) {
  const { baseUrl, requests } = await openaiServer(...script);
  return { vision: openaiVision({ baseUrl, apiKey: null }), requests };
}

function requestOf(models: object, more: object = {}) {
  return { request: { ...more, models: { ...requestFor('').models, moderation: null, ...models } } };
}

describe('an answer that cannot be used costs what it costs', () => {
  test('in a tile, with the request for a correction', async () => {
    const { vision, requests } = await answering(NONSENSE);
    const { summarize } = scriptedVision();
    const given = requestOf({ detection: [MODEL] });
    const { progress, document } = await runPipeline(await greyImage(700, 400), { ...vision, summarize }, {}, given);
    expect(requests.length).toBe(2 * (document?.tiles.total ?? 0));
    expect(document?.tiles.failed).toHaveLength(document?.tiles.total ?? 0);
    const usage = { input_tokens: requests.length * 1_000, output_tokens: requests.length * 100 };
    expect(document?.usage).toMatchObject({ ...usage, cost_usd: expect.closeTo(requests.length * CALL_USD, 6) });
    expect(progress.usage).toMatchObject(usage);
  });

  test('against the budget of the request: tiles are left out once it is spent', async () => {
    const { vision, requests } = await answering(NONSENSE);
    const { summarize } = scriptedVision();
    const given = requestOf({ detection: [MODEL] }, { max_cost_usd: 5 * CALL_USD });
    const { document } = await runPipeline(await greyImage(3_000, 2_000), { ...vision, summarize }, {}, given);
    expect(document?.tiles.not_analyzed.length).toBeGreaterThan(0);
    expect(requests.length).toBeLessThan(20);
  });

  test('in a tile that a second model has analyzed', async () => {
    const { vision } = await answering(completion({ content: '{"detections":[]}' }));
    const { vision: other } = await answering(NONSENSE);
    const both = {
      ...scriptedVision(),
      detect: async (model: string, ...asked: [never, never]) => (model === MODEL ? vision : other).detect(model, ...asked),
    };
    const given = requestOf({ detection: [MODEL, 'openai:gpt-4.1-mini'] });
    const { document } = await runPipeline(await greyImage(700, 400), both, {}, given);
    const total = document?.tiles.total ?? 0;
    expect(document?.tiles.failed).toHaveLength(total);
    expect(document?.usage.input_tokens).toBe(total * 3_000);
  });

  test('in verification and summary', async () => {
    const { vision, requests } = await answering(NONSENSE);
    const { detect } = scriptedVision({ detect: () => [detectionOf('cup', [20, 20, 40, 40], { score: 0.4 })] });
    const given = requestOf({ verification: MODEL, synthesis: MODEL }, { verify: true });
    const mixed = { ...vision, detect, detectCalls: 0 };
    const { document } = await runPipeline(await greyImage(700, 400), mixed, {}, given);
    expect(requests.length).toBeGreaterThan(4);
    expect(document?.findings.every(({ verified }) => verified === null)).toBe(true);
    expect(document?.notes.join(' ')).toMatch(/not verified: No verification from openai:gpt-4o: the answer was invalid twice/);
    expect(document?.notes.join(' ')).toMatch(/The summary follows fixed rules/);
    expect(document?.usage.input_tokens).toBe(requests.length * 1_000 + 10 * (document?.tiles.done ?? 0));
  });
});
