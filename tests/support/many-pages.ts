// Files with more pages or frames than a parser should count.
import { writeFile } from 'node:fs/promises';
import sharp from 'sharp';

const ENTRY_BYTES = 12;

/** A TIFF whose directories all show the same pixel. From the second on, they have `entries` entries: one without any is unreadable. */
export function manyDirectories(count: number, { entries = 8 } = {}): Buffer {
  const first = directory(8, 10);
  const other = directory(entries, 10);
  const bytes = Buffer.alloc(12 + first.length + (count - 1) * other.length);
  bytes.write('II*\0', 0, 'latin1');
  bytes.writeUInt32LE(12, 4);
  let offset = 12;
  for (let page = 0; page < count; page++) {
    const one = page === 0 ? first : other;
    one.copy(bytes, offset);
    offset += one.length;
    if (page < count - 1) bytes.writeUInt32LE(offset, offset - 4);
  }
  return bytes;
}

export async function writeManyDirectories(path: string, count: number): Promise<void> {
  await writeFile(path, manyDirectories(count));
}

function directory(entries: number, pixelAt: number): Buffer {
  const tags = [
    [256, 1],
    [257, 1],
    [258, 8],
    [259, 1],
    [262, 1],
    [273, pixelAt],
    [277, 1],
    [279, 1],
  ] as const;
  const bytes = Buffer.alloc(2 + entries * ENTRY_BYTES + 4);
  bytes.writeUInt16LE(entries, 0);
  for (const [index, [tag, value]] of tags.slice(0, entries).entries()) {
    const at = 2 + index * ENTRY_BYTES;
    bytes.writeUInt16LE(tag, at);
    bytes.writeUInt16LE(4, at + 2);
    bytes.writeUInt32LE(1, at + 4);
    bytes.writeUInt32LE(value, at + 8);
  }
  return bytes;
}

/** An animated WebP of one pixel. */
export async function manyFrames(count: number): Promise<Buffer> {
  const still = await sharp({ create: { width: 1, height: 1, channels: 3, background: '#f00' } })
    .webp({ lossless: true })
    .toBuffer();
  const frame = chunk('ANMF', Buffer.concat([Buffer.alloc(12), Buffer.from([100, 0, 0, 0]), still.subarray(12)]));
  const animated = chunk('VP8X', Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  const frames = Buffer.alloc(frame.length * count);
  for (let index = 0; index < count; index++) frame.copy(frames, index * frame.length);
  return chunk('RIFF', Buffer.concat([Buffer.from('WEBP'), animated, chunk('ANIM', Buffer.alloc(6)), frames]));
}

function chunk(name: string, content: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, 0, 'latin1');
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
}
