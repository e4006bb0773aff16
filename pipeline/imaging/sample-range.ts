// Finds the range of samples that is shown from black to white. Pure: goes by samples that were taken all over the image.
import { at } from '../contract/at.ts';

export interface SampleRange {
  low: number;
  high: number;
  /** `bits`: the full range of fewer bits than the type has. `cut`: percentiles. `flat`: all samples are equal. */
  kind: 'full' | 'bits' | 'cut' | 'flat';
}

/** What the samples mean by themselves. */
export type SampleKind = 'unsigned16' | 'float' | 'integer';

/** Viewers cut off 2 % at both ends. Small objects on an even ground need less: the first share that leaves a range counts. */
const CUT_SHARES = [0.02, 0.005, 0.001, 0.000_2, 0] as const;
/** The share at both ends by which an image counts as well exposed. */
const EXPOSED_CUT = 0.001;
/** A range of at least a quarter of the possible one needs no stretch. */
const EXPOSED_SHARE = 1 / 4;
/** Rounding in a color profile may lift 4,095 to 4,100. Up to a fiftieth more may saturate without a visible difference. */
const ABOVE_FULL = 1.02;
const UNSIGNED_16_MAX = 65_535;

/** `samples` must not hold nodata. Changes their order. */
export function sampleRange(samples: Float32Array, kind: SampleKind): SampleRange {
  const sorted = withoutFill(samples.filter(Number.isFinite).sort(), kind);
  if (sorted.length === 0) return { low: 0, high: 1, kind: 'flat' };
  const [least, most] = [at(sorted, 0), at(sorted, sorted.length - 1)];
  const natural = naturalTop(sorted, least, most, kind);
  if (natural !== null) return { low: 0, high: natural, kind: natural === UNSIGNED_16_MAX || kind === 'float' ? 'full' : 'bits' };
  for (const share of CUT_SHARES) {
    const [low, high] = percentiles(sorted, share);
    if (high > low) return { low, high, kind: 'cut' };
  }
  return kind === 'unsigned16'
    ? { low: 0, high: topOfBits(most), kind: 'flat' }
    : { low: least - 1, high: least + 1, kind: 'flat' };
}

/** The top of the range that the samples were made for, if they use enough of it; `null` if they must be stretched. */
function naturalTop(sorted: Float32Array, least: number, most: number, kind: SampleKind): number | null {
  const [low, high] = percentiles(sorted, EXPOSED_CUT);
  const uses = (top: number) => least >= 0 && most <= top * ABOVE_FULL && high - low >= top * EXPOSED_SHARE;
  if (kind === 'float') return [1, 255].find(uses) ?? null;
  if (kind === 'integer' || topOfBits(most) !== topOfBits(high)) return null;
  return uses(topOfBits(most)) ? topOfBits(most) : null;
}

/** Scanners and cameras store 10, 12 or 14 bits in 16. */
function topOfBits(highest: number): number {
  if (highest === 0) return UNSIGNED_16_MAX;
  return 2 ** Math.max(1, Math.ceil(Math.log2((highest + 1) / ABOVE_FULL))) - 1;
}

/** Without 65,535 if everything else is in the lower half: a border of that value marks missing data. */
function withoutFill(sorted: Float32Array, kind: SampleKind): Float32Array {
  if (kind !== 'unsigned16') return sorted;
  const fill = sorted.indexOf(UNSIGNED_16_MAX);
  return fill > 0 && at(sorted, fill - 1) < UNSIGNED_16_MAX / 2 ? sorted.subarray(0, fill) : sorted;
}

function percentiles(sorted: Float32Array, share: number): [low: number, high: number] {
  const skipped = Math.floor((sorted.length - 1) * share);
  return [at(sorted, skipped), at(sorted, sorted.length - 1 - skipped)];
}

/** How the ranges were chosen, for the reader of the results; empty if the samples are shown as they are. */
export function rangeNotes(
  ranges: readonly { bands: readonly number[] | null; range: SampleRange }[],
  nodata: number | null,
): string[] {
  const number = (value: number) => Number(value.toPrecision(5)).toLocaleString('en', { maximumSignificantDigits: 5 });
  const sentences = (named: (bands: readonly number[] | null) => string) =>
    ranges.flatMap(({ bands, range: { low, high, kind } }) => {
      if (kind === 'full') return [];
      if (kind === 'bits')
        return [`The samples${named(bands)} use ${Math.log2(high + 1)} of 16 bits and were scaled to full brightness.`];
      if (kind === 'flat')
        return [`All checked samples${named(bands)} have the same value: the image seems to have a single tone.`];
      return [`The samples${named(bands)} from ${number(low)} to ${number(high)} were stretched from black to white.`];
    });
  const unnamed = new Set(sentences(() => ''));
  const notes = unnamed.size < 2 ? [...unnamed] : sentences((bands) => (bands === null ? '' : ` of band ${bands.join(', ')}`));
  if (notes.length > 0 && nodata !== null) notes.push(`Samples with the nodata value ${nodata} were ignored.`);
  return notes;
}
