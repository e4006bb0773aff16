// Where the command line keeps an analysis that was interrupted: private, found again by the same command, and given up after a week.
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { keptAnalysis } from '../../cli/analyze/kept-analysis.ts';
import { temporaryFolder } from '../support/folder.ts';

const DAY_S = 24 * 3_600;

async function imageIn(folder: string): Promise<string> {
  const path = join(folder, 'plan (1).jpg');
  await writeFile(path, 'x');
  return path;
}

test('the same command continues an interrupted analysis; another request or a changed file does not', async () => {
  const home = await temporaryFolder();
  const image = await imageIn(await temporaryFolder());
  const first = await keptAnalysis(home, image, { look_for: 'cups' });
  expect(first.executionId).toBeNull();
  await first.keep('plan-1');
  expect((await stat(first.folder)).mode & 0o077).toBe(0);
  expect(await keptAnalysis(home, image, { look_for: 'cups' })).toMatchObject({ folder: first.folder, executionId: 'plan-1' });
  expect((await keptAnalysis(home, image, { look_for: 'cats' })).executionId).toBeNull();
  await writeFile(image, 'changed');
  expect((await keptAnalysis(home, image, { look_for: 'cups' })).executionId).toBeNull();
});

test('an analysis that is not continued for a week is deleted by the next command, also after a kill', async () => {
  const home = await temporaryFolder();
  const image = await imageIn(await temporaryFolder());
  const aged = async (days: number) => {
    const { folder } = await keptAnalysis(home, image, { days });
    await mkdir(join(folder, 'blobs/uploads'), { recursive: true });
    await writeFile(join(folder, 'blobs/uploads/image'), 'x');
    const at = Date.now() / 1_000 - days * DAY_S;
    await utimes(folder, at, at);
    return basename(folder);
  };
  const [recent, old] = [await aged(6), await aged(8)];
  const next = basename((await keptAnalysis(home, image, 'another')).folder);
  const left = await readdir(join(home, 'analyses'));
  expect(left.toSorted()).toEqual([recent, next].toSorted());
  expect(left).not.toContain(old);
});
