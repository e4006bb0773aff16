import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { writePyramid } from '../../pipeline/imaging/pyramid.ts';
import { DEFAULT_LIMITS } from '../../pipeline/planning/image-limits.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import { temporaryFolder } from '../support/folder.ts';
import { requestFor } from '../support/pipeline-run.ts';

test('an image that takes longer to decode than the limit is refused, and the sentence names the limit', async () => {
  const path = join(await temporaryFolder(), 'image.jpg');
  const size = { width: 20_000, height: 20_000 }; // three times what two cores do in a second, and more
  await sharp({ create: { ...size, channels: 3, background: '#777777' }, limitInputPixels: false })
    .jpeg()
    .toFile(path);
  const file = { path, page: 0, limits: { ...DEFAULT_LIMITS, decodeSecondsMax: 1 } };
  const plan = planTiles(size, requestFor(path).plan, { edgePx: 640, overlapPx: 160 });
  await expect(writePyramid(file, `${path}.szi`, plan)).rejects.toThrow('Decoding the image takes longer than the limit of 1 s.');
});
