// Images of gray noise: no tile of one is blank, and no two are alike.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { temporaryFolder } from './folder.ts';

/** As a JPEG. */
export async function greyNoise(width: number, height: number): Promise<Buffer> {
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  return await sharp({ create: { width, height, channels: 3, background: '#777', noise } })
    .jpeg()
    .toBuffer();
}

/** The path of such an image, about 30 tiles of 256 px. It is removed when the test ends. */
export async function greyImage(width = 1_000, height = 800): Promise<string> {
  const path = join(await temporaryFolder(), 'grey.jpg');
  await writeFile(path, await greyNoise(width, height));
  return path;
}
