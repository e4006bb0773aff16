// 500 random workflows of all durable operations, killed at random checkpoints in virtual time, compared with an oracle. A failing
// seed is printed and reproducible: `chaosRun(seed, file)` in tests/support/chaos.ts.
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { chaosRun } from '../tests/support/chaos.ts';
import { type BenchResult, resultOf, rounded } from './result.ts';

const SEEDS = 500;
const SEEDS_PER_LINE = 50;
const MEMORY = '/dev/shm'; // tests the engine's rules, not the disk

export async function run(): Promise<BenchResult> {
  const file = join(existsSync(MEMORY) ? MEMORY : tmpdir(), `tilesight-chaos-${process.pid}.db`);
  const figures = { workflows: 0, kills: 0, invocations: 0, operations: 0, wrong: 0, repeated_steps: 0, seconds: 0 };
  const beginMs = performance.now();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { kills, invocations, operations, result, expected, repeated } = await chaosRun(seed, file);
    const isRight = isDeepStrictEqual(result, expected);
    if (!isRight || repeated.length > 0) console.log(JSON.stringify({ seed, right: isRight, repeated }));
    figures.workflows += 1;
    figures.kills += kills;
    figures.invocations += invocations;
    figures.operations += operations;
    figures.wrong += isRight ? 0 : 1;
    figures.repeated_steps += repeated.length;
    figures.seconds = rounded((performance.now() - beginMs) / 1_000, 1);
    if (seed % SEEDS_PER_LINE === 0) console.log(JSON.stringify(figures));
  }
  return resultOf(figures, { wrong: ['=', 0], repeated_steps: ['=', 0] });
}
