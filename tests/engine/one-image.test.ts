// An image is the same from the call to the last step: whatever is put in its place between two steps is never analyzed. The swapped
// image is red, the named one is green.
import { execFileSync } from 'node:child_process';
import { copyFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keys } from '../../pipeline/contract/keys.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import type { PipelineDeps } from '../../pipeline/ports.ts';
import { temporaryFolder } from '../support/folder.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { analyzedWithSwap, MOMENTS, painted } from '../support/swapped.ts';

const KEY = keys.upload('u1');
const EARLIER_S = 1_700_000_000;
const CHANGED = /^The image \S+ has changed since it was named\. Name it again to analyze its current version\.$/;
const GONE = /^The image \S+ no longer exists or may not be read\. Check the name, or upload the image\.$/;

interface Place {
  request: AnalysisRequest;
  /** A green image, as it was named. */
  path: string;
  /** A red image of the same size. */
  red: string;
}

const paintedTo = async (path: string, background: string) => {
  await writeFile(path, await painted(background));
  return path;
};

async function fileIn(): Promise<Place> {
  const folder = await temporaryFolder();
  const path = await paintedTo(join(folder, 'image.tif'), '#00ff00');
  const red = await paintedTo(join(folder, 'red.tif'), '#ff0000');
  expect((await stat(red)).size).toBe((await stat(path)).size);
  await utimes(path, EARLIER_S, EARLIER_S); // the clock of files moves in steps of some ms
  return { path, red, request: plain(requestFor(path)) };
}

async function uploadIn(deps: PipelineDeps): Promise<Place> {
  const { path: named, red, request } = await fileIn();
  const path = join(deps.scratchFolder, '..', 'blobs', KEY);
  await deps.blobs.putFile(KEY, named);
  const head = await deps.blobs.head(KEY);
  if (!head) throw new Error('The upload is not stored.');
  return {
    path,
    red,
    request: { ...request, image: { source: { kind: 'blob', key: KEY }, uri: 'upload://u1', version: head.version } },
  };
}

const plain = (request: AnalysisRequest): AnalysisRequest => ({ ...request, plan: { ...request.plan, skip_blank: false } });

/** Ways to put another image in the place of the named one. */
const SWAPS = {
  'another file is moved there': async ({ path, red }: Place) => await rename(red, path),
  'it is written over, and its time is set back': async ({ path, red }: Place) => {
    const { atime, mtime } = await stat(path);
    await copyFile(red, path);
    await utimes(path, atime, mtime);
  },
  'a link leads elsewhere': async ({ path, red }: Place) => {
    await rm(path);
    await symlink(red, path);
  },
  'a pipe is there': async ({ path }: Place) => {
    await rm(path);
    execFileSync('mkfifo', [path]);
  },
  'it is deleted': async ({ path }: Place) => await rm(path),
};
const PLACES = { file: fileIn, upload: uploadIn };
/**
 * Only this machine's user can write over a stored upload, whose link is good once. A file with the time and size of the named one is the
 * named one, until its bytes are read: then moderation sees what is analyzed.
 */
const canHappen = (place: keyof typeof PLACES, swap: keyof typeof SWAPS, moment: keyof typeof MOMENTS) =>
  swap !== 'it is written over, and its time is set back' || (place === 'file' && moment !== 'before it is inspected');

const namesOf = <T extends object>(rows: T) => Object.keys(rows) as (keyof T)[];
const cases = namesOf(PLACES).flatMap((place) =>
  namesOf(SWAPS).flatMap((swap) =>
    namesOf(MOMENTS).flatMap((moment) => (canHappen(place, swap, moment) ? [{ place, swap, moment }] : [])),
  ),
);

test.each(cases)('only the named $place is analyzed if, $moment, $swap', async ({ place, swap, moment }) => {
  const stage = await pipelineStage();
  const named = await PLACES[place](stage.deps);
  const { progress } = await analyzedWithSwap({ stage, request: named.request, moment, swap: () => SWAPS[swap](named) });
  if (progress.status === 'FAILED') expect(progress.reason).toMatch(swap === 'it is deleted' ? GONE : CHANGED);
});
