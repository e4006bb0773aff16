// `npm run bench stdio-kills` does the same a hundred times.
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { stdioKills } from '../support/stdio-kills.ts';

const KILLS = 9;
/** Twice what the benchmark asserts: other tests use the processors, too. */
const ENDED_AFTER_MS_MAX = 4_000;

test('clients of tilesight mcp that are killed leave no process and lose no analysis', { timeout: 180_000 }, async () => {
  const folder = await temporaryFolder();
  const image = join(folder, 'people.jpg');
  await sharp('examples/lawn.jpg').extract({ left: 2_600, top: 150, width: 1_000, height: 700 }).toFile(image);
  const seed = Date.now();
  const result = await stdioKills(KILLS, folder, image, seededRandom(seed).next);
  expect({ seed, ...result }).toMatchObject({ kills: KILLS, lost: [] });
  expect(result.acknowledged).toBeGreaterThan(0);
  expect({ seed, ...result }.endedAfterMs).toBeLessThan(ENDED_AFTER_MS_MAX);
});
