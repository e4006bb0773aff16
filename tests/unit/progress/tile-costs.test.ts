// The cost of calls about a tile whose answers were of no use.
import { expect, test } from 'vitest';
import { AnswerError, TransientError, UserError, withPaid } from '../../../pipeline/contract/errors.ts';
import { NO_USAGE } from '../../../pipeline/contract/usage.ts';
import { TileStepResult } from '../../../pipeline/planning/tile-result.ts';
import { tileCosts } from '../../../pipeline/steps/tile-costs.ts';

const PAID = { input_tokens: 1_000, output_tokens: 100, cost_usd: 0.01 };
const ANALYZED = { blank: false, detections: [], usage: PAID, clipped: 0, notes: [] };
const fails = (error: unknown) => () => Promise.reject(error);

test('is that of all attempts, and each counts once', async () => {
  const logged: unknown[] = [];
  const costed = tileCosts((facts, error) => logged.push([facts, error.message]));
  await expect(costed('a', {}, fails(withPaid(new TransientError('Busy.'), PAID)))).rejects.toThrow('Busy.');
  await expect(costed('a', {}, fails(withPaid(new TransientError('Busy.'), PAID)))).rejects.toThrow('Busy.');
  expect(await costed('b', {}, async () => ANALYZED)).toEqual(ANALYZED);
  const ended = await costed('a', { tile: 'a' }, fails(withPaid(new AnswerError('No answer.'), PAID)));
  expect(ended).toEqual({ unusable: 'No answer.', usage: { input_tokens: 3_000, output_tokens: 300, cost_usd: 0.03 } });
  expect(TileStepResult.parse(ended)).toEqual(ended);
  expect(logged).toEqual([[{ tile: 'a' }, 'No answer.']]);
});

test('is unknown if a part of it is', async () => {
  const costed = tileCosts(() => {});
  await costed('a', {}, fails(withPaid(new TransientError('Busy.'), { ...PAID, cost_usd: null }))).catch(() => null);
  expect(await costed('a', {}, async () => ANALYZED)).toMatchObject({ usage: { input_tokens: 2_000, cost_usd: null } });
});

test('is no reason to hide an error that the caller must fix, or one that cost nothing', async () => {
  const costed = tileCosts(() => {});
  await expect(costed('a', {}, fails(withPaid(new UserError('No access.'), PAID)))).rejects.toThrow('No access.');
  await expect(costed('a', {}, fails(withPaid(new AnswerError('Refused.'), NO_USAGE)))).rejects.toThrow('Refused.');
});
