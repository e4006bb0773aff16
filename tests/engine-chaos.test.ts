// 50 random workflows of every operation, killed at random checkpoints: the results are those of an oracle that knows no kills.
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chaosRun } from './support/chaos.ts';

const SEEDS = 50;
const MEMORY = '/dev/shm'; // what a disk keeps over a kill is tested elsewhere; here it would only be waited for

test.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))('seed %i ends as if it had not been killed', async (seed) => {
  const folder = existsSync(MEMORY) ? MEMORY : tmpdir();
  const { result, expected, repeated } = await chaosRun(seed, join(folder, `tilesight-chaos-${process.pid}.db`));
  expect({ seed, result }).toEqual({ seed, result: expected });
  expect({ seed, repeated }).toEqual({ seed, repeated: [] });
});
