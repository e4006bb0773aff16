// Malicious files: each is refused with a sentence, in a process that stays small, and leaves nothing on disk.
import { readFile } from 'node:fs/promises';
import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { expect, test } from 'vitest';
import { blobSource, openSzi } from '../../pipeline/imaging/szi/szi.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { temporaryFolder } from '../support/folder.ts';
import { outcomeOf } from '../support/hostile-image-process.ts';
import { requestFor } from '../support/pipeline-run.ts';

const RSS_BYTES_MAX = 400_000_000;
const NO_IMAGE = /^The file is not an image of an accepted format \(jpeg, png, webp, tiff, gif, avif\), or it is cut off/;
const DAMAGED = /^The data of the image is damaged or cut off/;
const NEEDS_MEMORY =
  /^The decoder must hold this image as a whole \(.*\): \d+ x \d+ pixels need [\d,]+ MB, and the limit allows [\d,]+ pixels\./;

async function expectRefused(files: Buffer | string | Buffer[], sentence: RegExp): Promise<void> {
  const all = Array.isArray(files) ? files : [files];
  const { errors, rssBytes, left } = await outcomeOf(...all);
  expect(errors).toEqual(all.map(() => ({ name: 'UserError', message: expect.stringMatching(sentence) })));
  expect(left).toEqual([]);
  expect(rssBytes).toBeLessThan(RSS_BYTES_MAX);
}

function pngChunk(type: string, content: Buffer): Buffer {
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  const typed = Buffer.concat([Buffer.from(type), content]);
  sum.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, sum]);
}

function png(width: number, height: number, packed: Buffer, interlaced = false, more: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, interlaced ? 1 : 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  const end = pngChunk('IEND', Buffer.alloc(0));
  return Buffer.concat([signature, pngChunk('IHDR', header), more, pngChunk('IDAT', packed), end]);
}

/** A lossless WebP that says its size and then has nothing to say. */
function emptyWebp(side: number): Buffer {
  const bytes = Buffer.alloc(38);
  bytes.write('RIFF\0\0\0\0WEBPVP8L', 'latin1');
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.writeUInt32LE(bytes.length - 20, 16);
  bytes.writeUInt8(0x2f, 20);
  bytes.writeUInt32LE(((side - 1) | ((side - 1) << 14)) >>> 0, 21);
  return bytes;
}

const plain = (width: number, height = width) => sharp({ create: { width, height, channels: 3, background: '#777777' } });
const noise = plain(1_200, 900)
  .composite([
    {
      input: {
        create: {
          width: 1_200,
          height: 900,
          channels: 3,
          background: '#777777',
          noise: { type: 'gaussian', mean: 128, sigma: 30 },
        },
      },
    },
  ])
  .flatten();

test.each<[string, (image: Sharp) => Sharp]>([
  ['JPEG', (image) => image.jpeg()],
  ['progressive JPEG', (image) => image.jpeg({ progressive: true })],
  ['PNG', (image) => image.png()],
  ['interlaced PNG', (image) => image.png({ progressive: true })],
  ['WebP', (image) => image.webp()],
  ['TIFF', (image) => image.tiff()],
  ['GIF', (image) => image.gif({ effort: 1 })],
  ['AVIF', (image) => image.avif({ effort: 0 })],
])('a %s cut off after 10, 50 or 90 % is refused', async (_, encode) => {
  const whole = await encode(noise.clone()).toBuffer();
  const cutOff = [0.1, 0.5, 0.9].map((share) => whole.subarray(0, Math.round(whole.length * share)));
  await expectRefused(cutOff, new RegExp(`${DAMAGED.source}|${NO_IMAGE.source}`));
});

test('2 KB whose header claims 60,000 x 60,000 pixels are refused', async () => {
  await expectRefused(
    png(60_000, 60_000, Buffer.alloc(2_000)),
    /^The image must not have more than 2,000,000,000 pixels, but it has 60000 x 60000/,
  );
});

test('half a gigabyte of zeros in a small PNG is not decompressed at once', async () => {
  const packed = deflateSync(Buffer.alloc(500_000_000), { level: 9 });
  await expectRefused(png(30_000, 30_000, packed), DAMAGED);
  await expectRefused(png(30_000, 30_000, packed, true), NEEDS_MEMORY);
  const comment = pngChunk('zTXt', Buffer.concat([Buffer.from('comment\0\0'), packed]));
  const behindComment = await outcomeOf(png(10, 10, deflateSync(Buffer.alloc(31 * 10)), false, comment));
  expect(behindComment.rssBytes).toBeLessThan(RSS_BYTES_MAX);
});

test('a WebP of 38 bytes that needs gigabytes is refused', async () => {
  await expectRefused(emptyWebp(16_383), NEEDS_MEMORY);
});

test('a small JPEG that needs gigabytes is refused, progressive or in several scans', async () => {
  const jpeg = async (progressive: boolean) => {
    const bytes = await plain(64).jpeg({ progressive, chromaSubsampling: '4:4:4' }).toBuffer();
    const frame = bytes.indexOf(Buffer.from([0xff, progressive ? 0xc2 : 0xc0]));
    bytes.writeUInt16BE(20_000, frame + 5); // height
    bytes.writeUInt16BE(20_000, frame + 7);
    return bytes;
  };
  await expectRefused(await jpeg(true), NEEDS_MEMORY);
  const baseline = await jpeg(false);
  const scan = baseline.indexOf(Buffer.from([0xff, 0xda, 0, 12, 3]));
  const oneComponent = Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
  await expectRefused(Buffer.concat([baseline.subarray(0, scan), oneComponent, baseline.subarray(scan + 14)]), NEEDS_MEMORY);
  await expectRefused(baseline, DAMAGED); // with one scan it streams, and its end is missing
});

test('a TIFF whose directories form a ring is refused', async () => {
  const bytes = await plain(64).tiff({ compression: 'none' }).toBuffer();
  const directory = bytes.readUInt32LE(4);
  bytes.writeUInt32LE(directory, directory + 2 + bytes.readUInt16LE(directory) * 12);
  await expectRefused(bytes, DAMAGED);
});

test('a GIF of 10,000 frames is refused', async () => {
  const drawn = ['#ff0000', '#0000ff'].map((background) =>
    sharp({ create: { width: 4, height: 4, channels: 3, background } }).png(),
  );
  const two = await sharp(await Promise.all(drawn.map((frame) => frame.toBuffer())), { join: { animated: true } })
    .gif()
    .toBuffer();
  const first = two.indexOf(Buffer.from([0x21, 0xf9])); // the graphic control extension before a frame
  const frames = two.subarray(first, two.length - 1);
  const many = Buffer.concat([two.subarray(0, first), ...Array.from({ length: 5_000 }, () => frames), Buffer.from([0x3b])]);
  await expectRefused(many, /^The image must not have more than 5,000 frames or pages, but it has 10,000/);
});

test.each([
  ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>', /^The file is an SVG drawing, which is not/],
  [
    'an SVG with an entity',
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg>&b;</svg>',
    /^The file is an SVG drawing, which is not/,
  ],
  ['a PDF', '%PDF-1.4\n1 0 obj <<>> endobj\ntrailer <<>>', /^The file is a PDF document, which is not/],
  ['an HTML page', '<!doctype html><html><img src="http://169.254.169.254/"></html>', /^The file is a web page, which is not/],
  ['a PPM', 'P3 1 1 255 255 0 0\n', /^The file is a Netpbm image, which is not/],
  ['a zip', 'PK\x03\x04\x14\0\0\0\0\0', /^The file is an archive, which is not/],
  ['nothing', '', NO_IMAGE],
])('%s named .png is refused', async (_, content, sentence) => {
  await expectRefused(content, sentence);
});

interface ZipEntry {
  name: string;
  method?: number;
  size?: number;
  offset?: number;
}

/** A zip written by hand: the data of one entry, and a directory that may lie about it. */
function zip(...entries: ZipEntry[]): Buffer {
  const named = entries[0]?.name ?? '';
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50);
  local.writeUInt16LE(named.length, 26);
  const body = Buffer.concat([local, Buffer.from(named), Buffer.from('tile')]);
  const directory = Buffer.concat(entries.map(centralEntry));
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(body.length, 16);
  return Buffer.concat([body, directory, end]);
}

function centralEntry({ name, method = 0, size = 4, offset = 0 }: ZipEntry): Buffer {
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50);
  central.writeUInt16LE(method, 10);
  central.writeUInt32LE(size, 20);
  central.writeUInt32LE(size, 24);
  central.writeUInt16LE(name.length, 28);
  central.writeUInt32LE(offset, 42);
  return Buffer.concat([central, Buffer.from(name)]);
}

/** The smallest plan: a single tile. */
const PLAN = planTiles({ width: 1, height: 1 }, requestFor('').plan, { edgePx: 256, overlapPx: 64 });

test('a zip that is an SZI is read, and one that only looks like one is refused', async () => {
  const blobs = fsBlobs(await temporaryFolder());
  const opened = async (bytes: Buffer) => {
    await blobs.put('posing.szi', bytes);
    return await (await openSzi(await blobSource(blobs, 'posing.szi'), PLAN)).readTile(0, 0, 0);
  };
  const tile = { name: 'pyramid_files/0/0_0.jpeg' };
  expect(Buffer.from(await opened(zip(tile))).toString()).toBe('tile');
  await expect(opened(zip({ ...tile, method: 8 }))).rejects.toThrow('is compressed or lies outside of the archive');
  await expect(opened(zip({ ...tile, size: 4_000_000_000 }))).rejects.toThrow('is compressed or lies outside of the archive');
  await expect(opened(zip({ ...tile, offset: 4_000_000_000 }))).rejects.toThrow('is compressed or lies outside of the archive');
  await expect(opened(zip({ ...tile, offset: 8 }))).rejects.toThrow('is compressed or lies outside of the archive'); // its end is in the directory
  await expect(opened(zip(tile, { name: 'pyramid_files/1/0_0.jpeg' }))).rejects.toThrow('overlaps the one before it');
  await expect(opened(zip({ ...tile, size: 3, offset: 1 }))).rejects.toThrow('the archive changed or is damaged');
  await expect(opened(zip(tile, { name: 'pyramid_files/0/9_9.jpeg', size: 0, offset: 1_000 }))).rejects.toThrow(
    'lies outside of the archive',
  );
  await expect(opened(zip({ name: 'pyramid_files/0/9_9.jpeg' }))).rejects.toThrow(
    'A level of the pyramid has 1 tiles instead of 10 x 10.',
  );
  await expect(opened(zip({ name: 'holiday.jpeg' }))).rejects.toThrow('The zip has no tiles of a Deep Zoom pyramid.');
  await expect(opened(zip({ name: '../../etc/passwd' }))).rejects.toThrow();
  await expect(opened(await readFile('examples/lawn.jpg'))).rejects.toThrow();
});
