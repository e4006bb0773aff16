// Reads tiles out of an SZI by ranged reads. Knows zips and Deep Zoom names; knows nothing of models or executions.
import { open, stat } from 'node:fs/promises';
import { fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import type { Plan } from '../../planning/plan.ts';
import { pyramidTileCount } from '../../planning/pyramid-levels.ts';
import type { Blobs } from '../../ports.ts';
import { SziDirectory, SziIndex } from './szi-index.ts';

/** A central directory entry is 46 bytes and a name of at most 50, for example `pyramid_files/17/12345_12345.jpeg`. */
const DIRECTORY_BYTES_PER_TILE = 96;
/** The end record with the longest comment that is allowed, and room for its zip64 form. */
const END_RECORD_BYTES_MAX = 65_535 + 22 + 76;
/** 15 runs of neighbouring tiles; a tile is in use for milliseconds, and its neighbours are asked for next. */
const CACHE_BYTES_MAX = 16_000_000;

/** Where an archive's bytes come from: an object, or a file that is not one yet. */
export interface ByteSource {
  bytes: number;
  read(start: number, length: number): Promise<Uint8Array>;
}

export interface Szi {
  /** The stored JPEG. `level` counts down from full resolution (0), as in a plan. Throws when there is no such tile. */
  readTile(level: number, row: number, column: number): Promise<Uint8Array>;
}

export async function blobSource(blobs: Blobs, key: string): Promise<ByteSource> {
  const head = await blobs.head(key);
  if (!head) throw new Error(`No object ${key}.`);
  return { bytes: head.bytes, read: (start, length) => blobs.getRange(key, start, length) };
}

export async function fileSource(path: string): Promise<ByteSource> {
  const { size } = await stat(path);
  return {
    bytes: size,
    async read(start, length) {
      await using file = await open(path);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start);
      if (bytesRead < length) throw new RangeError(`Expected ${length} bytes at ${start} of ${path}, got ${bytesRead}.`);
      return buffer;
    },
  };
}

/** Reads the directory once, in one read. Throws when it is no SZI, or one that could lead a reader astray. */
export async function openSzi(source: ByteSource, plan: Plan): Promise<Szi> {
  const index = await readIndex(source, pyramidTileCount(plan));
  const runs = new RunCache(source);
  return {
    async readTile(level, row, column) {
      const tile = index.find(level - plan.pyramidLevel, row, column);
      const bytes = await runs.read(tile.run);
      return index.dataOf(tile, bytes.subarray(tile.start - tile.run.start, tile.start + tile.length - tile.run.start));
    },
  };
}

const OPEN_MAX = 16; // archives of which the directory is kept: 16 x 1,000 tiles x 12 bytes, and 16 x 16 MB of tiles at most
const opened = new WeakMap<Blobs, Map<string, Promise<Szi>>>();

/** Like `openSzi`, with the directory read once a process and object. A failed read is forgotten. */
export async function cachedSzi(blobs: Blobs, key: string, plan: Plan): Promise<Szi> {
  const byKey = opened.get(blobs) ?? new Map<string, Promise<Szi>>();
  opened.set(blobs, byKey);
  const known = byKey.get(key) ?? blobSource(blobs, key).then((source) => openSzi(source, plan));
  byKey.delete(key);
  byKey.set(key, known); // the last used one comes last
  const oldest = byKey.keys().next().value;
  if (byKey.size > OPEN_MAX && oldest !== undefined) byKey.delete(oldest);
  known.catch(() => byKey.delete(key));
  return await known;
}

/** Runs of neighbouring tiles, as last read. Whoever asks for one that is on its way waits for it. */
class RunCache {
  readonly #source: ByteSource;
  readonly #runs = new Map<number, { bytes: number; content: Promise<Uint8Array> }>();
  #bytes = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  async read({ start, length }: { start: number; length: number }): Promise<Uint8Array> {
    const known = this.#runs.get(start) ?? { bytes: length, content: this.#source.read(start, length) };
    this.#forget(start);
    this.#runs.set(start, known); // the last used one comes last
    this.#bytes += known.bytes;
    for (const oldest of this.#runs.keys()) {
      if (this.#bytes <= CACHE_BYTES_MAX || oldest === start) break;
      this.#forget(oldest);
    }
    known.content.catch(() => this.#forget(start));
    return await known.content;
  }

  #forget(start: number): void {
    this.#bytes -= this.#runs.get(start)?.bytes ?? 0;
    this.#runs.delete(start);
  }
}

async function readIndex(source: ByteSource, tilesExpected: number): Promise<SziIndex> {
  const tailStart = Math.max(0, source.bytes - END_RECORD_BYTES_MAX - tilesExpected * DIRECTORY_BYTES_PER_TILE);
  const tail = await source.read(tailStart, source.bytes - tailStart);
  const options = { lazyEntries: true, autoClose: false };
  const zip = await fromRandomAccessReaderPromise(new TailReader(source, tail, tailStart), source.bytes, options);
  const directoryStart = startOfDirectory(zip);
  const directory = new SziDirectory();
  for await (const entry of zip.eachEntry()) directory.add(entry);
  return new SziIndex(directory, directoryStart);
}

/** Where yauzl begins to read entries; its types leave it out. */
function startOfDirectory(zip: ZipFile): number {
  const { readEntryCursor } = zip as ZipFile & { readEntryCursor?: unknown };
  if (typeof readEntryCursor !== 'number') throw new Error('Expected yauzl to know where the directory begins.');
  return readEntryCursor;
}

/** yauzl reads a directory in thousands of small pieces: nearly all of them come out of the tail held in memory. */
class TailReader extends RandomAccessReader {
  readonly #source: ByteSource;
  readonly #tail: Uint8Array;
  readonly #tailStart: number;

  constructor(source: ByteSource, tail: Uint8Array, tailStart: number) {
    super();
    this.#source = source;
    this.#tail = tail;
    this.#tailStart = tailStart;
  }

  override read(buffer: Buffer, offset: number, length: number, position: number, callback: (error: Error | null) => void): void {
    if (position >= this.#tailStart) {
      buffer.set(this.#tail.subarray(position - this.#tailStart, position - this.#tailStart + length), offset);
      callback(null);
      return;
    }
    this.#source.read(position, length).then(
      (bytes) => {
        buffer.set(bytes, offset);
        callback(null);
      },
      (error: Error) => callback(error),
    );
  }
}
