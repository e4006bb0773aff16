// What all benchmarks share: medians, bars that decide whether a benchmark passes, and a log that writes nothing.
import { at } from '../pipeline/contract/at.ts';
import type { Log } from '../pipeline/ports.ts';

export interface BenchResult {
  figures: Record<string, number>;
  bars: Record<string, string>;
  pass: boolean;
}

export type Bar = readonly [sign: '>=' | '<=' | '<' | '>' | '=', bar: number];

const IS_MET: Record<Bar[0], (figure: number, bar: number) => boolean> = {
  '>=': (figure, bar) => figure >= bar,
  '<=': (figure, bar) => figure <= bar,
  '<': (figure, bar) => figure < bar,
  '>': (figure, bar) => figure > bar,
  '=': (figure, bar) => figure === bar,
};

/** Passes if every bar is met. A bar whose figure was not measured is not met. */
export function resultOf(figures: Record<string, number>, bars: Record<string, Bar>): BenchResult {
  const entries = Object.entries(bars);
  return {
    figures,
    bars: Object.fromEntries(entries.map(([name, [sign, bar]]) => [name, `${sign} ${bar}`])),
    pass: entries.every(([name, [sign, bar]]) => {
      const figure = figures[name];
      return figure !== undefined && IS_MET[sign](figure, bar);
    }),
  };
}

/** The middle value; the upper one of two. Throws a RangeError without values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return at(sorted, Math.floor(sorted.length / 2));
}

/** Rounded to a number of decimals. */
export function rounded(value: number, decimals: number): number {
  return Math.round(value * 10 ** decimals) / 10 ** decimals;
}

export const SILENT_LOG: Log = { debug() {}, info() {}, warn() {}, error() {} };
