// Random workflows in virtual time, so that a seed always fails the same way: the engine, a process or an invocation is lost before or
// after a checkpoint, and the result equals that of an oracle without kills.
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chaosRun } from '../support/chaos.ts';

const SEEDS = 50;
const MEMORY = '/dev/shm'; // other tests check that a real disk survives a kill; here it would only be slow

test.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))('seed %i ends as if nothing had been killed', async (seed) => {
  const folder = existsSync(MEMORY) ? MEMORY : tmpdir();
  const { result, expected, repeated } = await chaosRun(seed, join(folder, `tilesight-kills-${process.pid}.db`));
  expect({ seed, result }).toEqual({ seed, result: expected });
  expect({ seed, repeated }).toEqual({ seed, repeated: [] });
});
