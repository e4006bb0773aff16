// Where each tile of an SZI lies, and which neighbours are read with it. Some 12 bytes a tile: an archive may hold 100,000 of them.

const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;
const STORED = 0;
/** Some 15 tiles of 640 pixels: a tenth of the reads, and of a bucket's price for them, for a megabyte of memory. */
const RUN_BYTES_MAX = 1_048_576;
/** Between the data of neighbours stand their checksum and sizes, 24 bytes in zip64. */
const GAP_BYTES_MAX = 24;
const TILE_NAME = /^(.*_files)\/(\d{1,2})\/(\d{1,6})_(\d{1,6})\.jpeg$/;

/** One entry of a zip's central directory. */
export interface Entry {
  fileName: string;
  fileNameLength: number;
  compressionMethod: number;
  bytes: number;
  /** Of its local header. */
  start: number;
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

  /** Throws when entries are packed, overlap or reach into the directory, or when none is a tile. */
  constructor(entries: readonly Entry[], directoryStart: number) {
    const tiles = entries.flatMap((entry) => tileOf(entry));
    const [first] = tiles;
    if (!first) throw new Error('Expected a Deep Zoom pyramid, got a zip without tiles.');
    this.#folder = first.folder;
    this.#finest = tiles.reduce((most, { level }) => Math.max(most, level), 0);
    this.#runs = runsOf(entries, directoryStart);
    for (const [level, ofLevel] of Map.groupBy(tiles, (tile) => tile.level)) this.#levels.set(level, levelOf(ofLevel));
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

interface Tile {
  folder: string;
  level: number;
  row: number;
  column: number;
  start: number;
  length: number;
}

function lengthOf({ fileNameLength, bytes }: Entry): number {
  return LOCAL_HEADER_BYTES + fileNameLength + bytes;
}

function tileOf(entry: Entry): Tile[] {
  const [, folder = '', level, column, row] = TILE_NAME.exec(entry.fileName) ?? [];
  if (level === undefined) return [];
  return [
    { folder, level: Number(level), row: Number(row), column: Number(column), start: entry.start, length: lengthOf(entry) },
  ];
}

function levelOf(tiles: readonly Tile[]): Level {
  const columns = tiles.reduce((most, { column }) => Math.max(most, column), 0) + 1;
  const rows = tiles.reduce((most, { row }) => Math.max(most, row), 0) + 1;
  if (columns * rows !== tiles.length) {
    throw new Error(`Expected a pyramid whose levels are full of tiles, got ${tiles.length} of ${columns} x ${rows}.`);
  }
  const level = { columns, starts: new Float64Array(tiles.length), lengths: new Uint32Array(tiles.length) };
  for (const { row, column, start, length } of tiles) {
    level.starts[row * columns + column] = start;
    level.lengths[row * columns + column] = length;
  }
  return level;
}

/** Neighbours in the archive, up to RUN_BYTES_MAX together. */
function runsOf(entries: readonly Entry[], directoryStart: number): { starts: Float64Array; ends: Float64Array } {
  const sorted = entries.toSorted((a, b) => a.start - b.start);
  const starts: number[] = [];
  const ends: number[] = [];
  let end = 0;
  for (const entry of sorted) {
    const { fileName, compressionMethod, start } = entry;
    const length = lengthOf(entry);
    if (compressionMethod !== STORED || start + length > directoryStart) {
      throw new Error(`Expected ${fileName} stored inside the archive, got one that is packed or points outside.`);
    }
    if (start < end) throw new Error(`Expected ${fileName} behind the entry before, got one that overlaps it.`);
    const run = starts.at(-1);
    if (run === undefined || start - end > GAP_BYTES_MAX || start + length - run > RUN_BYTES_MAX) starts.push(start);
    end = start + length;
    ends[starts.length - 1] = end;
  }
  return { starts: Float64Array.from(starts), ends: Float64Array.from(ends) };
}
