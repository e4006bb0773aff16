// Screenshots of pages that are drawn for the measurement, through the command line: every thing that is found on them is wrong.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../../pipeline/contract/schemas.ts';
import { drawnPage, PAGES } from '../../tests/support/drawn-pages.ts';

type Found = Pick<Finding, 'label' | 'text'>;

/** The tests draw pages of seed 1. */
const SEEDS = [3, 4];

export async function thingsOnPages(
  analyze: (image: string) => Promise<readonly Found[]>,
): Promise<{ pages: number; things: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-pages-'));
  const counted = { pages: 0, things: 0 };
  try {
    for (const seed of SEEDS) {
      for (const page of Object.keys(PAGES)) {
        const path = join(folder, `${page}-${seed}.png`);
        await writeFile(path, await drawnPage(page, seed));
        const found = await analyze(path);
        const things = found.filter(({ text }) => text === null).map(({ label }) => label);
        console.log(JSON.stringify({ page, seed, texts: found.length - things.length, things }));
        counted.pages += 1;
        counted.things += things.length;
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return counted;
}
