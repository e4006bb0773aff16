// A hundred clients of `tilesight mcp` that are killed at random moments: how long their processes outlive them, and which analyses
// are lost.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { stdioKills } from '../../tests/support/stdio-kills.ts';
import { type BenchResult, resultOf } from '../result.ts';

const KILLS = 100;
const LAWN = join(import.meta.dirname, '../../examples/lawn.jpg');

export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-stdio-kills-'));
  try {
    const image = join(folder, 'people.jpg');
    await sharp(LAWN).extract({ left: 2_600, top: 150, width: 1_000, height: 700 }).toFile(image);
    const { kills, acknowledged, lost, endedAfterMs } = await stdioKills(KILLS, folder, image, Math.random);
    for (const execution of lost) console.log(execution);
    const figures = { kills, acknowledged, lost: lost.length, ended_after_ms: endedAfterMs };
    return resultOf(figures, {
      kills: ['=', KILLS],
      acknowledged: ['>', KILLS / 10],
      lost: ['=', 0],
      ended_after_ms: ['<=', 2_000],
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
