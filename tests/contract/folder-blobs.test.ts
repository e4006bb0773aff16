import { expect, test } from 'vitest';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { fsRemoval } from '../../pipeline/storage/folder-removal.ts';
import { blobsContract, leftovers } from '../support/blobs-contract.ts';
import { temporaryFolder } from '../support/folder.ts';
import { removalContract } from '../support/removal-contract.ts';

blobsContract('fsBlobs', async () => fsBlobs(await temporaryFolder()));

removalContract('fsRemoval', async () => {
  const folder = await temporaryFolder();
  return { blobs: fsBlobs(folder), removal: fsRemoval(folder) };
});

test('a put that fails leaves nothing behind', async () => {
  const folder = await temporaryFolder();
  const blobs = fsBlobs(folder);
  await blobs.put('taken/by-a-folder', Buffer.from('x'));
  await expect(blobs.put('taken', Buffer.from('y'))).rejects.toThrow();
  expect(await leftovers(folder)).toEqual([]);
});
