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
  const format = '{bar} {percentage}% | {done}/{total} analyzed | {phase} | {found} | {failed}eta {left}';
  const bar = new SingleBar(
    { format, barsize: 20, stream: process.stderr, clearOnComplete: true, hideCursor: true },
    Presets.shades_classic,
  );
  bar.start(1, 0, { done: 0, phase: 'starting', found: '–', failed: '', left: '–' });
  try {
    return await lastOf(states, (state) => {
      const { tiles, phase, eta_seconds } = state;
      bar.setTotal(Math.max(1, tiles.total));
      const failed = tiles.failed > 0 ? `${tiles.failed} failed | ` : '';
      const left = eta_seconds === null ? '–' : `${eta_seconds} s`;
      bar.update(endedTiles(tiles), { done: tiles.done, phase, found: foundInWords(state), failed, left });
    });
  } finally {
    bar.stop();
  }
}

async function showLines(name: string, states: AsyncIterable<Execution>): Promise<Execution> {
  let shown = '';
  return await lastOf(states, (state) => {
    const { tiles, phase, status } = state;
    const now = `${name}: ${status === 'RUNNING' ? phase : status.toLowerCase()}`;
    const line = tiles.total === 0 ? now : `${now}, ${tilesInWords(tiles)}, ${foundInWords(state)}`;
    if (line !== shown) report(`${line}\n`);
    shown = line;
  });
}

/** Many detections become one finding: a falling number of the same word would look like a loss. */
function foundInWords({ status, findings_so_far }: Pick<Execution, 'status' | 'findings_so_far'>): string {
  const noun = status === 'RUNNING' ? 'detection' : 'finding';
  return `${findings_so_far} ${noun}${findings_so_far === 1 ? '' : 's'}`;
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
