// Random workflows in virtual time, so that a seed fails the same way twice: the engine, a process or an invocation is lost
// before or after a checkpoint, and the result is that of an oracle that knows no kills.
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chaosRun } from '../support/chaos.ts';

const SEEDS = 50;
const MEMORY = '/dev/shm'; // what a disk keeps over a kill is tested elsewhere; here it would only be waited for

test.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))('seed %i ends as if it had not been killed', async (seed) => {
  const folder = existsSync(MEMORY) ? MEMORY : tmpdir();
  const { result, expected, repeated } = await chaosRun(seed, join(folder, `tilesight-kills-${process.pid}.db`));
  expect({ seed, result }).toEqual({ seed, result: expected });
  expect({ seed, repeated }).toEqual({ seed, repeated: [] });
});
