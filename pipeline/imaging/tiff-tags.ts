// Reads the directories of a TIFF or BigTIFF: the tags that sharp does not report. Bounded reads only; decodes no pixel.
import { type FileHandle, open } from 'node:fs/promises';

/** One page of a TIFF. Terms and numbers are those of the specification (TIFF 6.0; nodata is GDAL's). */
export interface TiffDirectory {
  /** Tag 254: bit 0 is a smaller copy, bit 2 a mask. */
  subfileType: number;
  width: number;
  height: number;
  bitsPerSample: number;
  compression: number;
  photometric: number;
  samplesPerPixel: number;
  /** Every band is stored on its own. */
  isPlanar: boolean;
  isTiled: boolean;
  /** Tag 338: 1 or 2 is transparency, 0 is not specified. Empty if the tag is missing. */
  extraSamples: number[];
  /** Tag 339: 1 unsigned, 2 signed, 3 float, 5 and 6 complex. */
  sampleFormat: number;
  /** Tag 330: other images hang below this page, which sharp does not count as pages. */
  hasSubDirectories: boolean;
  /** Tag 42113; `null` if it is missing or no number. */
  nodata: number | null;
}

/** Bytes of one value, by its type: bytes, text, short, long, and their BigTIFF forms. Other types are not read. */
const TYPE_BYTES: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8 };
const ENTRIES_MAX = 4_096;
const VALUE_BYTES_MAX = 1_024;

export interface TiffDirectories {
  /** In their order, up to the first that cannot be read. */
  readable: TiffDirectory[];
  /** The file has more than `directoriesMax`, readable or not: the rest is not counted. libtiff would, for minutes. */
  isLonger: boolean;
}

/** Reads at most `directoriesMax` directories. `null` if the file is not a TIFF. */
export async function tiffDirectories(path: string, directoriesMax: number): Promise<TiffDirectories | null> {
  await using file = await open(path);
  const head = await bytesAt(file, 0, 16);
  const order = head?.toString('latin1', 0, 2);
  if (!head || (order !== 'II' && order !== 'MM')) return null;
  const reader = new Reader(file, order === 'II');
  const version = reader.unsigned(head, 2, 2);
  if (version !== 42 && version !== 43) return null;
  const isBig = version === 43;
  const readable: TiffDirectory[] = [];
  const visited = new Set<number>();
  let isReadable = true;
  let offset = isBig ? reader.unsigned(head, 8, 8) : reader.unsigned(head, 4, 4);
  while (offset !== 0 && !visited.has(offset)) {
    if (visited.size === directoriesMax) return { readable, isLonger: true };
    visited.add(offset);
    const read = isReadable ? await readDirectory(reader, offset, isBig) : null;
    if (read) readable.push(read.directory);
    else isReadable = false;
    offset = read ? read.next : await nextDirectory(reader, offset, isBig);
  }
  return { readable, isLonger: false };
}

class Reader {
  readonly file: FileHandle;
  private readonly isLittle: boolean;

  constructor(file: FileHandle, isLittle: boolean) {
    this.file = file;
    this.isLittle = isLittle;
  }

  unsigned(bytes: Buffer, at: number, size: number): number {
    if (size === 8) return Number(this.isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
    return this.isLittle ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size);
  }
}

async function readDirectory(reader: Reader, offset: number, isBig: boolean) {
  const [countBytes, entryBytes, pointerBytes] = sizesOf(isBig);
  const counted = await bytesAt(reader.file, offset, countBytes);
  if (!counted) return null;
  const count = reader.unsigned(counted, 0, countBytes);
  if (count === 0 || count > ENTRIES_MAX) return null;
  const bytes = await bytesAt(reader.file, offset + countBytes, count * entryBytes + pointerBytes);
  if (!bytes) return null;
  const entries = new Map<number, Buffer>();
  for (let entry = 0; entry < count; entry++) {
    const at = entry * entryBytes;
    entries.set(reader.unsigned(bytes, at, 2), bytes.subarray(at, at + entryBytes));
  }
  const values = (tag: number) => tagValues(reader, entries.get(tag), pointerBytes);
  const first = async (tag: number, missing: number) => (await values(tag))[0] ?? missing;
  const directory: TiffDirectory = {
    subfileType: await first(254, 0),
    width: await first(256, 0),
    height: await first(257, 0),
    bitsPerSample: await first(258, 1),
    compression: await first(259, 1),
    photometric: await first(262, 1),
    samplesPerPixel: await first(277, 1),
    isPlanar: (await first(284, 1)) === 2,
    isTiled: entries.has(322),
    extraSamples: await values(338),
    sampleFormat: await first(339, 1),
    hasSubDirectories: entries.has(330),
    nodata: numberIn(await values(42_113)),
  };
  return { directory, next: reader.unsigned(bytes, count * entryBytes, pointerBytes) };
}

/** Follows the pointer behind a directory without reading its entries, as libtiff does. 0 if there is none. */
async function nextDirectory(reader: Reader, offset: number, isBig: boolean): Promise<number> {
  const [countBytes, entryBytes, pointerBytes] = sizesOf(isBig);
  const counted = await bytesAt(reader.file, offset, countBytes);
  const count = counted ? reader.unsigned(counted, 0, countBytes) : 0;
  const pointer = await bytesAt(reader.file, offset + countBytes + count * entryBytes, pointerBytes);
  return pointer ? reader.unsigned(pointer, 0, pointerBytes) : 0;
}

/** Bytes of the number of entries, of one entry and of a pointer. */
function sizesOf(isBig: boolean): [count: number, entry: number, pointer: number] {
  return isBig ? [8, 20, 8] : [2, 12, 4];
}

/** The values of one entry; empty if it is missing, longer than VALUE_BYTES_MAX, outside of the file, or of another type. */
async function tagValues(reader: Reader, entry: Buffer | undefined, pointerBytes: number): Promise<number[]> {
  if (!entry) return [];
  const size = TYPE_BYTES[reader.unsigned(entry, 2, 2)];
  const count = reader.unsigned(entry, 4, pointerBytes);
  if (size === undefined || size * count > VALUE_BYTES_MAX) return [];
  const inline = entry.subarray(4 + pointerBytes);
  const offset = reader.unsigned(inline, 0, pointerBytes);
  const bytes = size * count <= inline.length ? inline : await bytesAt(reader.file, offset, size * count);
  if (!bytes) return [];
  return Array.from({ length: count }, (_, index) => reader.unsigned(bytes, index * size, size));
}

function numberIn(characters: number[]): number | null {
  const text = String.fromCharCode(...characters.filter((code) => code !== 0)).trim();
  const number = Number(text);
  return text === '' || !Number.isFinite(number) ? null : number;
}

async function bytesAt(file: FileHandle, offset: number, length: number): Promise<Buffer | null> {
  if (!Number.isSafeInteger(offset)) return null;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
  return bytesRead === length ? buffer : null;
}
