import { expect, test } from 'vitest';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { blobsContract, leftovers } from '../support/blobs-contract.ts';
import { temporaryFolder } from '../support/folder.ts';

blobsContract('fsBlobs', async () => fsBlobs(await temporaryFolder()));

test('a put that fails leaves nothing behind', async () => {
  const folder = await temporaryFolder();
  const blobs = fsBlobs(folder);
  await blobs.put('taken/by-a-folder', Buffer.from('x'));
  await expect(blobs.put('taken', Buffer.from('y'))).rejects.toThrow();
  expect(await leftovers(folder)).toEqual([]);
});
