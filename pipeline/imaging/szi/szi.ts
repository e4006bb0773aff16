// Reads tiles from an SZI by ranged reads. Knows zips and Deep Zoom names; knows nothing of models or executions.
import { open, stat } from 'node:fs/promises';
import { fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import { sentenceOf, UserError } from '../../contract/errors.ts';
import { lru } from '../../contract/lru.ts';
import type { Plan } from '../../planning/plan.ts';
import { pyramidTileCount } from '../../planning/pyramid-levels.ts';
import type { Blobs } from '../../ports.ts';
import { SziDirectory, SziIndex } from './szi-index.ts';

/** A central directory entry has 46 bytes and a name of at most 50, for example `pyramid_files/17/12345_12345.jpeg`. */
const DIRECTORY_BYTES_PER_TILE = 96;
/** The end record with the longest possible comment, and room for its zip64 form. */
const END_RECORD_BYTES_MAX = 65_535 + 22 + 76;
/** 15 runs of neighboring tiles: a tile is in use for milliseconds, and its neighbors are needed next. */
const CACHE_BYTES_MAX = 16_000_000;

/** Where the bytes of an archive come from: an object, or a file that is not stored yet. */
export interface ByteSource {
  bytes: number;
  read(start: number, length: number): Promise<Uint8Array>;
}

export interface Szi {
  /** The stored JPEG. Level 0 is full resolution, as in a plan. Throws if there is no such tile. */
  readTile(level: number, row: number, column: number): Promise<Uint8Array>;
}

export async function blobSource(blobs: Blobs, key: string): Promise<ByteSource> {
  const head = await blobs.head(key);
  if (!head) throw new Error(`The object ${key} does not exist.`);
  return { bytes: head.bytes, read: (start, length) => blobs.getRange(key, start, length) };
}

export async function fileSource(path: string): Promise<ByteSource> {
  const { size } = await stat(path);
  return {
    bytes: size,
    async read(start, length) {
      await using file = await open(path);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start);
      if (bytesRead < length) throw new RangeError(`${path} has only ${bytesRead} of the ${length} bytes at ${start}.`);
      return buffer;
    },
  };
}

/** Reads the directory once, in one read. Throws if it is not an SZI, or not a consistent one. */
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

/** Archives whose directory is kept: 16 x 1,000 tiles x 12 bytes, and at most 16 x 16 MB of tiles. */
const OPEN_MAX = 16;
const openArchives = lru<string, { blobs: Blobs; szi: Promise<Szi> }>(OPEN_MAX);

/** Forgets a cached archive whose object was deleted: another one may take its key. */
export function forgetSzi(key: string): void {
  openArchives.delete(key);
}

/** As `openSzi`, but reads the directory once per process and object. Throws a UserError if there is none. A failed read is not kept. */
export async function cachedSzi(blobs: Blobs, key: string, plan: Plan): Promise<Szi> {
  const known = openArchives.get(key);
  if (known?.blobs === blobs) return await known.szi; // callers with other rights have other blobs
  const szi = blobSource(blobs, key)
    .then((source) => openSzi(source, plan))
    .catch((cause) => {
      throw sentenceOf(cause) === null ? lostArchive(key, cause) : cause;
    });
  openArchives.set(key, { blobs, szi });
  szi.catch(() => {
    if (openArchives.get(key)?.szi === szi) openArchives.delete(key);
  });
  return await szi;
}

function lostArchive(key: string, cause: unknown): UserError {
  return new UserError(
    `The stored tiles ${key} are damaged or were deleted. Delete the execution, and analyze the image again.`,
    {
      cause,
    },
  );
}

/** The runs of neighboring tiles that were read last. A run that is being read is not requested twice. */
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
    this.#runs.set(start, known); // the most recently used one comes last
    this.#bytes += known.bytes;
    for (const oldest of this.#runs.keys()) {
      if (this.#bytes <= CACHE_BYTES_MAX || oldest === start) break;
      this.#forget(oldest);
    }
    known.content.catch(() => this.#forget(start));
    return await known.content;
  }

  #forget(start: number): void {
    const run = this.#runs.get(start);
    if (!run) return;
    this.#bytes -= run.bytes;
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

/** Where yauzl begins to read entries, which its types omit. */
function startOfDirectory(zip: ZipFile): number {
  const { readEntryCursor } = zip as ZipFile & { readEntryCursor?: unknown };
  if (typeof readEntryCursor !== 'number') throw new Error('yauzl did not report where the directory begins.');
  return readEntryCursor;
}

/** yauzl reads a directory in thousands of small pieces: nearly all of them come from the tail in memory. */
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
