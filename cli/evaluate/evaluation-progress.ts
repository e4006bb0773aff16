// Shows the progress of an evaluation on standard error: a bar over all images and settings on a terminal, lines in a file or pipe.
import { basename } from 'node:path';
import { Presets, SingleBar } from 'cli-progress';
import { endedTiles } from '../../pipeline/planning/shards.ts';
import type { Execution } from '../agent.ts';
import { report } from '../terminal.ts';
import type { ImageResult } from './analyzed-image.ts';
import type { EvaluatedImage } from './image-files.ts';
import type { Setting } from './settings.ts';

export interface EvaluationProgress {
  state(image: EvaluatedImage, setting: Setting, execution: Execution): void;
  ended(image: EvaluatedImage, setting: Setting, result: ImageResult): void;
  /** The number of ended analyses. */
  count(): number;
  stop(): void;
}

const NAME_CHARACTERS_MAX = 24;

/** `total` is the number of analyses. */
export function showEvaluation(total: number): EvaluationProgress {
  return process.stderr.isTTY ? bar(total) : lines(total);
}

function bar(total: number): EvaluationProgress {
  // At most 80 columns: the bar cuts off what does not fit.
  const format = '{bar} {percentage}% | {done}/{analyses} | {image} | {phase} | eta {left}';
  const options = { format, barsize: 20, stream: process.stderr, clearOnComplete: true, hideCursor: true };
  const shown = new SingleBar(options, Presets.shades_classic);
  let done = 0;
  /** When the first analysis of this run began: kept ones take no time. */
  let began: { atMs: number; value: number } | null = null;
  const left = (value: number) => {
    const gained = began ? value - began.value : 0;
    if (!began || gained === 0) return '–';
    return `${Math.round((((performance.now() - began.atMs) / gained) * (total - value)) / 1_000)} s`;
  };
  const payload = (value: number, image: string, phase: string) => {
    return { done, analyses: total, image: short(image), phase, left: left(value) };
  };
  shown.start(total, 0, payload(0, '–', 'starting'));
  return {
    state({ path }, _, { phase, tiles }) {
      began ??= { atMs: performance.now(), value: done };
      const share = tiles.total === 0 ? 0 : endedTiles(tiles) / tiles.total;
      const value = done + Math.min(share, 1);
      shown.update(value, payload(value, basename(path), phase));
    },
    ended({ path }) {
      done++;
      shown.update(done, payload(done, basename(path), 'done'));
    },
    count: () => done,
    stop: () => shown.stop(),
  };
}

function lines(total: number): EvaluationProgress {
  let done = 0;
  return {
    state() {},
    ended({ path }, { name }, result) {
      done++;
      report(`${done} of ${total}: ${basename(path)}, ${name}: ${inWords(result)}\n`);
    },
    count: () => done,
    stop() {},
  };
}

function inWords(result: ImageResult): string {
  if ('reason' in result) return `failed. ${result.reason}`;
  const { findings, tiles, seconds } = result;
  const found = `${findings.length} finding${findings.length === 1 ? '' : 's'} in ${tiles} tile${tiles === 1 ? '' : 's'}`;
  return seconds === null ? found : `${found}, ${seconds.toFixed(1)} s`;
}

function short(name: string): string {
  const characters = [...name];
  return characters.length <= NAME_CHARACTERS_MAX ? name : `…${characters.slice(1 - NAME_CHARACTERS_MAX).join('')}`;
}
