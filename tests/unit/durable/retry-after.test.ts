// A service that is throttled states for how long: no tile and no step tries again earlier.

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { expect, test } from 'vitest';
import { TransientError } from '../../../pipeline/contract/errors.ts';
import { quotaWaits } from '../../../pipeline/durable/quota-waits.ts';
import { retryThrottled } from '../../../pipeline/durable/retry-policy.ts';
import { anthropicError } from '../../../pipeline/vision/llm/anthropic-errors.ts';
import { openaiError } from '../../../pipeline/vision/llm/openai-errors.ts';
import { retryAfterS } from '../../../pipeline/vision/llm/requests/retry-after.ts';

test.each([
  [{}, 0],
  [{ 'retry-after': '20' }, 20],
  [{ 'retry-after': ' 1.2 ' }, 2],
  [{ 'retry-after': 'Sat, 28 Nov 2026 12:01:30 GMT', date: 'Sat, 28 Nov 2026 12:00:00 GMT' }, 90],
  [{ 'retry-after': 'Sat, 28 Nov 2026 11:00:00 GMT', date: 'Sat, 28 Nov 2026 12:00:00 GMT' }, 0],
  [{ 'retry-after': 'Sat, 28 Nov 2026 12:01:30 GMT' }, 0],
  [{ 'retry-after': '-5' }, 0],
  [{ 'retry-after': 'soon' }, 0],
])('%j is %i seconds', (headers, seconds) => {
  expect(retryAfterS(new Headers(headers))).toBe(seconds);
});

const HEADERS = new Headers({ 'retry-after': '40' });

test.each([
  ['OpenAI', openaiError(OpenAI.APIError.generate(429, {}, 'busy', HEADERS), 'openai:a')],
  ['Anthropic', anthropicError(Anthropic.APIError.generate(429, {}, 'busy', HEADERS), 'anthropic:a')],
])('the error of %s has it', (_, error) => {
  expect(error).toMatchObject({ name: 'TransientError', throttled: true, retryAfterS: 40 });
});

test('the first tile in line waits at least as long, and at most a minute for a service that asks for more', () => {
  const waitOf = (leastS: number) => quotaWaits(100, () => {}).afterCall('t1', 0, 'Throttled.', leastS).wait_s;
  expect([0, 3, 40, 90_000].map(waitOf)).toEqual([5, 5, 40, 60]);
});

test('so does a step that is the only one of its kind', () => {
  const delayOf = (retryAfterS: number, attempt: number) =>
    retryThrottled(new TransientError('Throttled.', { throttled: true, retryAfterS }), attempt);
  expect(delayOf(0, 1)).toEqual({ shouldRetry: true, delay: { seconds: 5 } });
  expect(delayOf(40, 1)).toEqual({ shouldRetry: true, delay: { seconds: 40 } });
  expect(delayOf(40, 4)).toEqual({ shouldRetry: true, delay: { seconds: 120 } });
  expect(delayOf(90_000, 1)).toEqual({ shouldRetry: true, delay: { seconds: 300 } });
});
