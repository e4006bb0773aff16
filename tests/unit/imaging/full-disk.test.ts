// A disk that is full while an image is decoded: /dev/full takes no byte.
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { TransientError } from '../../../pipeline/contract/errors.ts';
import { decodeImage } from '../../../pipeline/imaging/image-reader.ts';
import { DEFAULT_LIMITS } from '../../../pipeline/planning/image-limits.ts';
import { loggingFailure } from '../../../pipeline/telemetry/log-context.ts';
import { temporaryFolder } from '../../support/folder.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const FULL = new TransientError(
  'The disk of the server is full. Free some space, for example with delete_execution, then try again.',
);

test.skipIf(!existsSync('/dev/full'))('a full disk is named, and is no damage of the image', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'image.png');
  await sharp({ create: { width: 300, height: 300, channels: 3, background: 'red' } })
    .png()
    .toFile(path);
  const file = { path, page: 0, bands: undefined, limits: DEFAULT_LIMITS };
  const decoded = decodeImage(file, { level: 0 }, folder, (image) => image.png().toFile('/dev/full'));
  await expect(decoded).rejects.toThrow(FULL);
});

test.skipIf(!existsSync('/dev/full'))('in a step, a full disk is a temporary failure', async () => {
  const body = loggingFailure(SILENT, {}, async () => {
    await using file = await open('/dev/full', 'w');
    await file.writeFile('x').catch((cause) => {
      throw new Error('Cannot write.', { cause });
    });
  });
  await expect(body()).rejects.toMatchObject({ name: 'TransientError', message: FULL.message });
});
