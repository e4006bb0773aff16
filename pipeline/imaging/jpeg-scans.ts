// Says of a JPEG whether it comes in several scans: its decoder holds all of it, though only progressive ones say so in sharp's header.
import { open } from 'node:fs/promises';

/** Tables, thumbnails and profiles before the first scan: the largest segment is 64 KB, and a profile of 16 of them is rare. */
const HEADER_BYTES_MAX = 1_048_576;
const START_OF_SCAN = 0xda;
const isStartOfFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** True as well when no scan begins within HEADER_BYTES_MAX: then it counts as the dearer kind. */
export async function hasSeveralScans(path: string): Promise<boolean> {
  const bytes = Buffer.alloc(HEADER_BYTES_MAX);
  await using file = await open(path);
  const { bytesRead } = await file.read(bytes, 0, HEADER_BYTES_MAX, 0);
  let components = 0;
  for (let at = 2; at + 9 < bytesRead; ) {
    const marker = bytes.readUInt8(at + 1);
    if (bytes[at] !== 0xff || marker === 0xff) {
      at++; // stray and fill bytes, as libjpeg skips them
      continue;
    }
    if (marker === START_OF_SCAN) return bytes.readUInt8(at + 4) < components;
    if (isStartOfFrame(marker)) components = bytes.readUInt8(at + 9);
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return true;
}
