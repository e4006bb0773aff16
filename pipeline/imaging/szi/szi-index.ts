// Where each tile of an SZI lies, and which neighbours are read with it. Some 12 bytes a tile: an archive may hold 100,000 of them.

const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;
const STORED = 0;
/** Some 15 tiles of 640 pixels: a tenth of the reads, and of a bucket's price for them, for a megabyte of memory. */
const RUN_BYTES_MAX = 1_048_576;
/** Between the data of neighbours stand their checksum and sizes, 24 bytes in zip64. */
const GAP_BYTES_MAX = 24;
const TILE_NAME = /^(.*_files)\/(\d{1,2})\/(\d{1,6})_(\d{1,6})\.jpeg$/;

/** One entry of a zip's central directory, as yauzl names it. */
export interface Entry {
  fileName: string;
  fileNameLength: number;
  compressionMethod: number;
  compressedSize: number;
  relativeOffsetOfLocalHeader: number;
}

/** Entries in columns: objects of 100,000 of them would be 30 MB. */
export class SziDirectory {
  folder = '';
  readonly starts: number[] = [];
  readonly lengths: number[] = [];
  /** Of the tile; -1 for what is none. */
  readonly levels: number[] = [];
  readonly rows: number[] = [];
  readonly columns: number[] = [];

  /** Throws when the entry is packed. */
  add({ fileName, fileNameLength, compressionMethod, compressedSize, relativeOffsetOfLocalHeader }: Entry): void {
    if (compressionMethod !== STORED) throw pointless(fileName);
    const [, folder, level, column, row] = TILE_NAME.exec(fileName) ?? [];
    if (folder !== undefined) this.folder = folder;
    this.starts.push(relativeOffsetOfLocalHeader);
    this.lengths.push(LOCAL_HEADER_BYTES + fileNameLength + compressedSize);
    this.levels.push(Number(level ?? -1));
    this.rows.push(Number(row ?? 0));
    this.columns.push(Number(column ?? 0));
  }
}

/** A tile with its local header, and the run of neighbours it is read with. Bytes from the start of the archive. */
export interface TileSpan {
  name: string;
  start: number;
  length: number;
  run: { start: number; length: number };
}

interface Level {
  columns: number;
  starts: Float64Array;
  lengths: Uint32Array;
}

export class SziIndex {
  readonly #folder: string;
  readonly #levels = new Map<number, Level>();
  readonly #finest: number;
  /** In the order of the archive. */
  readonly #runs: { starts: Float64Array; ends: Float64Array };

  /** Throws when entries overlap or reach into the directory's own bytes, or when none is a tile. */
  constructor(directory: SziDirectory, directoryStart: number) {
    this.#finest = directory.levels.reduce((most, level) => Math.max(most, level), -1);
    if (this.#finest < 0) throw new Error('Expected a Deep Zoom pyramid, got a zip without tiles.');
    this.#folder = directory.folder;
    this.#runs = runsOf(directory, directoryStart);
    for (let level = 0; level <= this.#finest; level++) {
      const tiles = levelOf(directory, level);
      if (tiles) this.#levels.set(level, tiles);
    }
  }

  /** `level` counts from the finest one, 0. Throws when there is no such tile. */
  find(level: number, row: number, column: number): TileSpan {
    const number = this.#finest - level;
    const name = `${this.#folder}/${number}/${column}_${row}.jpeg`;
    const found = this.#levels.get(number);
    const at = found && column < found.columns ? row * found.columns + column : -1;
    const length = found?.lengths[at] ?? 0;
    if (!found || length === 0) throw new Error(`No tile ${name} in the pyramid.`);
    const start = found.starts[at] as number;
    return { name, start, length, run: this.#runAround(start) };
  }

  /** The JPEG inside a span's bytes. Throws when they are not what the directory says. */
  dataOf({ name, start }: TileSpan, bytes: Uint8Array): Uint8Array {
    const header = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const dataStart = LOCAL_HEADER_BYTES + header.readUInt16LE(26);
    const found = header.toString('utf8', LOCAL_HEADER_BYTES, dataStart);
    // No local header of an SZI has an extra field, so the data begins right behind the name.
    if (header.readUInt32LE(0) !== LOCAL_HEADER_SIGNATURE || header.readUInt16LE(28) !== 0 || found !== name) {
      throw new Error(`Expected ${name} at ${start}, got other bytes: the archive changed or is damaged.`);
    }
    return bytes.subarray(dataStart);
  }

  #runAround(start: number): TileSpan['run'] {
    const { starts, ends } = this.#runs;
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((starts[middle] as number) <= start) low = middle;
      else high = middle;
    }
    const from = starts[low] as number;
    return { start: from, length: (ends[low] as number) - from };
  }
}

/** Null when there is no tile on it. */
function levelOf({ levels, rows, columns, starts, lengths }: SziDirectory, wanted: number): Level | null {
  const at = levels.flatMap((level, index) => (level === wanted ? [index] : []));
  if (at.length === 0) return null;
  const width = at.reduce((most, index) => Math.max(most, columns[index] ?? 0), 0) + 1;
  const height = at.reduce((most, index) => Math.max(most, rows[index] ?? 0), 0) + 1;
  if (width * height !== at.length) {
    throw new Error(`Expected a pyramid whose levels are full of tiles, got ${at.length} of ${width} x ${height}.`);
  }
  const level = { columns: width, starts: new Float64Array(at.length), lengths: new Uint32Array(at.length) };
  for (const index of at) {
    const place = (rows[index] ?? 0) * width + (columns[index] ?? 0);
    level.starts[place] = starts[index] ?? 0;
    level.lengths[place] = lengths[index] ?? 0;
  }
  return level;
}

/** Neighbours in the archive, up to RUN_BYTES_MAX together. */
function runsOf({ starts, lengths }: SziDirectory, directoryStart: number): { starts: Float64Array; ends: Float64Array } {
  const inOrder = Uint32Array.from(starts, (_, index) => index).sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0));
  const runs = { starts: [] as number[], ends: [] as number[] };
  let end = 0;
  for (const index of inOrder) {
    const start = starts[index] ?? 0;
    const length = lengths[index] ?? 0;
    if (start + length > directoryStart) throw pointless(`an entry at ${start}`);
    if (start < end) throw new Error(`Expected the entry at ${start} behind the one before, got one that overlaps it.`);
    const run = runs.starts.at(-1);
    if (run === undefined || start - end > GAP_BYTES_MAX || start + length - run > RUN_BYTES_MAX) runs.starts.push(start);
    end = start + length;
    runs.ends[runs.starts.length - 1] = end;
  }
  return { starts: Float64Array.from(runs.starts), ends: Float64Array.from(runs.ends) };
}

function pointless(what: string): Error {
  return new Error(`Expected ${what} stored inside the archive, got one that is packed or points outside.`);
}
