// How often a model is asked until its calibration ends.
import { expect, test } from 'vitest';
import { calibrate } from '../../../pipeline/calibration/calibrate.ts';
import { NO_USAGE } from '../../../pipeline/contract/usage.ts';
import type { MarkSeen } from '../../../pipeline/ports.ts';
import { profileOf } from '../../../pipeline/providers/profile-of.ts';
import { scriptedVision } from '../../support/scripted-vision.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const MODEL = 'openai:eyes';

async function callsFor(marks: () => MarkSeen[]) {
  let calls = 0;
  const locate = async () => {
    calls++;
    return { marks: marks(), usage: NO_USAGE };
  };
  const { measured } = await calibrate({ ...scriptedVision(), locate }, MODEL, profileOf(MODEL));
  return { calls, measured };
}

test('a model that sees no marks is asked six times, not in all twelve conventions', async () => {
  expect(await callsFor(() => [])).toEqual({ calls: 6, measured: null });
});

test('so is one that names the marks and places them at random', async () => {
  const random = seededRandom(3);
  const guess = () =>
    ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'].flatMap((column) =>
      [1, 2, 3, 4, 5, 6].map((row): MarkSeen => {
        const [left, top] = [random.next() * 900, random.next() * 900];
        return { label: `${column}${row}`, text: null, edges: { left, top, right: left + 100, bottom: top + 100 } };
      }),
    );
  const { calls, measured } = await callsFor(guess);
  expect(measured?.isFit).toBe(false);
  expect(measured?.meanError).toBeGreaterThan(25);
  expect(calls).toBeLessThanOrEqual(8);
});
