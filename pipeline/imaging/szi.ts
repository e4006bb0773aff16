// Reads tiles out of an SZI with one ranged read each. Knows zips and Deep Zoom names; knows nothing of models or executions.
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl';
import type { Blobs } from '../ports.ts';

const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;
const STORED = 0;
/** A central directory entry is 46 bytes and a name of at most 50, for example `pyramid_files/17/12345_12345.jpeg`. */
const DIRECTORY_BYTES_PER_TILE = 96;
/** The end record with the longest comment that is allowed, and room for its zip64 form. */
const END_RECORD_BYTES_MAX = 65_535 + 22 + 76;

export interface Szi {
  /** `level` counts down from full resolution (0), as in a plan. Throws when there is no such tile. */
  readTile(level: number, row: number, column: number): Promise<Uint8Array>;
}

interface Span {
  start: number;
  length: number;
  name: string;
}

/** Reads the directory once, in one ranged read when it is as small as `tilesExpected` tiles make it. */
export async function openSzi(blobs: Blobs, key: string, tilesExpected: number): Promise<Szi> {
  const spans = await readDirectory(blobs, key, tilesExpected);
  const finest = Math.max(...Array.from(spans.keys(), (name) => Number(name.split('/')[0])));
  return {
    async readTile(level, row, column) {
      const name = `${finest - level}/${column}_${row}.jpeg`;
      const span = spans.get(name);
      if (!span) throw new Error(`No tile ${name} in ${key}.`);
      return dataOf(await blobs.getRange(key, span.start, span.length), span);
    },
  };
}

const OPEN_MAX = 16; // archives of which the directory is kept: 16 x 1,000 tiles x some 200 bytes = 3 MB
const opened = new WeakMap<Blobs, Map<string, Promise<Szi>>>();

/** Like `openSzi`, with the directory read once a process and object. A failed read is forgotten. */
export async function cachedSzi(blobs: Blobs, key: string, tilesExpected: number): Promise<Szi> {
  const byKey = opened.get(blobs) ?? new Map<string, Promise<Szi>>();
  opened.set(blobs, byKey);
  const known = byKey.get(key) ?? openSzi(blobs, key, tilesExpected);
  byKey.delete(key);
  byKey.set(key, known); // the last used one comes last
  const oldest = byKey.keys().next().value;
  if (byKey.size > OPEN_MAX && oldest !== undefined) byKey.delete(oldest);
  known.catch(() => byKey.delete(key));
  return await known;
}

/** Where each tile lies, by `<level>/<column>_<row>.jpeg`. */
async function readDirectory(blobs: Blobs, key: string, tilesExpected: number): Promise<Map<string, Span>> {
  const head = await blobs.head(key);
  if (!head) throw new Error(`No object ${key}.`);
  const tailStart = Math.max(0, head.bytes - END_RECORD_BYTES_MAX - tilesExpected * DIRECTORY_BYTES_PER_TILE);
  const tail = await blobs.getRange(key, tailStart, head.bytes - tailStart);
  const zip = await fromRandomAccessReaderPromise(new BlobReader(blobs, key, tail, tailStart), head.bytes, {
    lazyEntries: true,
    autoClose: false,
  });
  const spans = new Map<string, Span>();
  for await (const entry of zip.eachEntry()) {
    const name = /_files\/(\d+\/\d+_\d+\.jpeg)$/.exec(entry.fileName)?.[1];
    if (name) spans.set(name, spanOf(entry, head.bytes));
  }
  if (spans.size === 0) throw new Error(`Expected a Deep Zoom pyramid in ${key}, got a zip without tiles.`);
  return spans;
}

// No local header of an SZI has an extra field, so the data begins right behind the name; `dataOf` checks it.
function spanOf(entry: Entry, objectBytes: number): Span {
  const length = LOCAL_HEADER_BYTES + entry.fileNameLength + entry.compressedSize;
  const start = entry.relativeOffsetOfLocalHeader;
  if (entry.compressionMethod !== STORED || start + length > objectBytes) {
    throw new Error(`Expected ${entry.fileName} stored inside the archive, got one that is packed or points outside.`);
  }
  return { start, length, name: entry.fileName };
}

function dataOf(bytes: Uint8Array, span: Span): Uint8Array {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dataStart = LOCAL_HEADER_BYTES + header.readUInt16LE(26);
  const name = header.toString('utf8', LOCAL_HEADER_BYTES, dataStart);
  if (header.readUInt32LE(0) !== LOCAL_HEADER_SIGNATURE || header.readUInt16LE(28) !== 0 || name !== span.name) {
    throw new Error(`Expected ${span.name} at ${span.start}, got other bytes: the archive changed or is damaged.`);
  }
  return bytes.subarray(dataStart);
}

/** yauzl reads a directory in thousands of small pieces: nearly all of them come out of the tail held in memory. */
class BlobReader extends RandomAccessReader {
  readonly #blobs: Blobs;
  readonly #key: string;
  readonly #tail: Uint8Array;
  readonly #tailStart: number;

  constructor(blobs: Blobs, key: string, tail: Uint8Array, tailStart: number) {
    super();
    this.#blobs = blobs;
    this.#key = key;
    this.#tail = tail;
    this.#tailStart = tailStart;
  }

  override read(buffer: Buffer, offset: number, length: number, position: number, callback: (error: Error | null) => void): void {
    if (position >= this.#tailStart) {
      buffer.set(this.#tail.subarray(position - this.#tailStart, position - this.#tailStart + length), offset);
      callback(null);
      return;
    }
    this.#blobs.getRange(this.#key, position, length).then(
      (bytes) => {
        buffer.set(bytes, offset);
        callback(null);
      },
      (error: Error) => callback(error),
    );
  }
}
