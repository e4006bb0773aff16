// Where each tile of an SZI lies, and which neighbors are read with it. About 12 bytes per tile: an archive may hold 100,000 of them.
import { at } from '../../contract/at.ts';

const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;
const STORED = 0;
const NO_TILE = -1;
/** About 15 tiles of 640 pixels: a tenth of the reads, and of their price, for a megabyte of memory. */
const RUN_BYTES_MAX = 1_048_576;
/** Between the data of neighbors are their checksum and sizes, 24 bytes in zip64. */
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
  /** Level of the tile, or NO_TILE. Entries that are not tiles have no place, and 0 in the other columns. */
  readonly levels: number[] = [];
  readonly rows: number[] = [];
  readonly columns: number[] = [];

  /** Throws if the entry is compressed. */
  add({ fileName, fileNameLength, compressionMethod, compressedSize, relativeOffsetOfLocalHeader }: Entry): void {
    if (compressionMethod !== STORED) throw notStored(fileName);
    const [, folder, level, column, row] = TILE_NAME.exec(fileName) ?? [];
    if (folder !== undefined) this.folder = folder;
    this.starts.push(relativeOffsetOfLocalHeader);
    this.lengths.push(LOCAL_HEADER_BYTES + fileNameLength + compressedSize);
    this.levels.push(level === undefined ? NO_TILE : Number(level));
    this.rows.push(Number(row ?? 0));
    this.columns.push(Number(column ?? 0));
  }
}

/** A tile with its local header, and the run of neighbors that it is read with. Bytes from the start of the archive. */
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

  /** Throws if entries overlap or reach into the directory, or if none is a tile. */
  constructor(directory: SziDirectory, directoryStart: number) {
    this.#finest = directory.levels.reduce((most, level) => Math.max(most, level), -1);
    if (this.#finest < 0) throw new Error('The zip has no tiles of a Deep Zoom pyramid.');
    this.#folder = directory.folder;
    this.#runs = runsOf(directory, directoryStart);
    for (let level = 0; level <= this.#finest; level++) {
      const tiles = levelOf(directory, level);
      if (tiles) this.#levels.set(level, tiles);
    }
  }

  /** Level 0 is the finest. Throws if there is no such tile. */
  find(level: number, row: number, column: number): TileSpan {
    const number = this.#finest - level;
    const name = `${this.#folder}/${number}/${column}_${row}.jpeg`;
    const tiles = this.#levels.get(number);
    const place = tiles && column < tiles.columns ? row * tiles.columns + column : -1;
    if (!tiles || place < 0 || place >= tiles.starts.length) throw new Error(`The pyramid has no tile ${name}.`);
    const start = at(tiles.starts, place);
    return { name, start, length: at(tiles.lengths, place), run: this.#runAround(start) };
  }

  /** The JPEG inside a span's bytes. Throws if they do not match the directory. */
  dataOf({ name, start }: TileSpan, bytes: Uint8Array): Uint8Array {
    const header = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const dataStart = LOCAL_HEADER_BYTES + header.readUInt16LE(26);
    const found = header.toString('utf8', LOCAL_HEADER_BYTES, dataStart);
    // No local header of an SZI has an extra field, so the data begins right after the name.
    if (header.readUInt32LE(0) !== LOCAL_HEADER_SIGNATURE || header.readUInt16LE(28) !== 0 || found !== name) {
      throw new Error(`The bytes at ${start} are not ${name}: the archive changed or is damaged.`);
    }
    return bytes.subarray(dataStart);
  }

  #runAround(start: number): TileSpan['run'] {
    const { starts, ends } = this.#runs;
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (at(starts, middle) <= start) low = middle;
      else high = middle;
    }
    const from = at(starts, low);
    return { start: from, length: at(ends, low) - from };
  }
}

/** `null` if the level has no tile. */
function levelOf({ levels, rows, columns, starts, lengths }: SziDirectory, wanted: number): Level | null {
  const entries = levels.flatMap((level, index) => (level === wanted ? [index] : []));
  if (entries.length === 0) return null;
  const width = entries.reduce((most, index) => Math.max(most, at(columns, index)), 0) + 1;
  const height = entries.reduce((most, index) => Math.max(most, at(rows, index)), 0) + 1;
  if (width * height !== entries.length) {
    throw new Error(`A level of the pyramid has ${entries.length} tiles instead of ${width} x ${height}.`);
  }
  const level = { columns: width, starts: new Float64Array(entries.length), lengths: new Uint32Array(entries.length) };
  for (const index of entries) {
    const place = at(rows, index) * width + at(columns, index);
    if (at(level.lengths, place) !== 0)
      throw new Error(`The pyramid has two tiles at ${at(columns, index)}, ${at(rows, index)}.`);
    level.starts[place] = at(starts, index);
    level.lengths[place] = at(lengths, index);
  }
  return level;
}

/** Neighbors in the archive, up to RUN_BYTES_MAX together. */
function runsOf({ starts, lengths }: SziDirectory, directoryStart: number): { starts: Float64Array; ends: Float64Array } {
  const inOrder = Uint32Array.from(starts, (_, index) => index).sort((a, b) => at(starts, a) - at(starts, b));
  const runs: { starts: number[]; ends: number[] } = { starts: [], ends: [] };
  let end = 0;
  for (const index of inOrder) {
    const start = at(starts, index);
    const length = at(lengths, index);
    if (start + length > directoryStart) throw notStored(`The entry at ${start}`);
    if (start < end) throw new Error(`The entry at ${start} of the archive overlaps the one before it.`);
    const run = runs.starts.at(-1);
    if (run === undefined || start - end > GAP_BYTES_MAX || start + length - run > RUN_BYTES_MAX) runs.starts.push(start);
    end = start + length;
    runs.ends[runs.starts.length - 1] = end;
  }
  return { starts: Float64Array.from(runs.starts), ends: Float64Array.from(runs.ends) };
}

function notStored(entry: string): Error {
  return new Error(`${entry} is compressed or lies outside of the archive: only stored entries can be read.`);
}
