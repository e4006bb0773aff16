// The learned pace of calls, on a clock of its own.
import { expect, test } from 'vitest';
import { callRate } from '../../../pipeline/vision/call-rate.ts';

test('a throttled call that began before the window takes no newer call out of it', () => {
  let now = 0;
  const rate = callRate({ now: () => now });
  rate.started();
  now = 70_000;
  for (let call = 0; call < 4; call++) rate.started();
  rate.throttled(now, true); // learns the pace, and so drops the first call, which has left the window
  expect(rate.nextAt() - now).toBeCloseTo(1_000 / 3);
  for (let answer = 0; answer < 100; answer++) rate.answered();
  expect(rate.nextAt()).toBe(now);
  rate.throttled(0, true);
  expect(rate.nextAt() - now).toBeCloseTo(1_000 / 3);
});
