// Shows the progress of an analysis on standard error: a bar on a terminal, lines in a file or pipe.
import { Presets, SingleBar } from 'cli-progress';
import { endedTiles } from '../pipeline/planning/shards.ts';
import type { Execution } from './agent.ts';
import { report } from './terminal.ts';
import { tilesInWords } from './terminal-table.ts';

/** Consumes the states and returns the last one. */
export async function showProgress(name: string, states: AsyncIterable<Execution>): Promise<Execution> {
  return process.stderr.isTTY ? await showBar(states) : await showLines(name, states);
}

async function showBar(states: AsyncIterable<Execution>): Promise<Execution> {
  // At most 80 columns: the bar cuts off what does not fit.
  const format = '{bar} {percentage}% | {done}/{total} analyzed | {phase} | {findings} found | {failed}eta {left}';
  const bar = new SingleBar(
    { format, barsize: 20, stream: process.stderr, clearOnComplete: true, hideCursor: true },
    Presets.shades_classic,
  );
  bar.start(1, 0, { done: 0, phase: 'starting', findings: 0, failed: '', left: '–' });
  try {
    return await lastOf(states, ({ tiles, phase, findings_so_far, eta_seconds }) => {
      bar.setTotal(Math.max(1, tiles.total));
      const failed = tiles.failed > 0 ? `${tiles.failed} failed | ` : '';
      const left = eta_seconds === null ? '–' : `${eta_seconds} s`;
      bar.update(endedTiles(tiles), { done: tiles.done, phase, findings: findings_so_far, failed, left });
    });
  } finally {
    bar.stop();
  }
}

async function showLines(name: string, states: AsyncIterable<Execution>): Promise<Execution> {
  let shown = '';
  return await lastOf(states, ({ tiles, phase, findings_so_far, status }) => {
    const line = `${name}: ${status === 'RUNNING' ? phase : status.toLowerCase()}, ${tilesInWords(tiles)}, ${findings_so_far} found`;
    if (line !== shown) report(`${line}\n`);
    shown = line;
  });
}

async function lastOf(states: AsyncIterable<Execution>, show: (state: Execution) => void): Promise<Execution> {
  let last: Execution | null = null;
  for await (const state of states) {
    last = state;
    show(state);
  }
  if (!last) throw new Error('The execution reported no state.');
  return last;
}
