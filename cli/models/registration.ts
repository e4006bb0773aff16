// Registers what `fill` writes as a whole or not at all, also on Ctrl-C. Must not know what a detector is.
import { stat } from 'node:fs/promises';
import { UserError } from '../../pipeline/contract/errors.ts';
import { report } from '../terminal.ts';
import { registerWhole } from './models-folder.ts';

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT_INTERRUPTED = 130; // 128 + SIGINT, as shells report it

interface Place {
  home: string;
  name: string;
  mayReplace: boolean;
}

/** `fill` writes the files into an empty folder. `null` if the user interrupted it: nothing is registered then. */
export async function registered<T>(
  { home, name, mayReplace }: Place,
  fill: (folder: string, signal: AbortSignal) => Promise<T>,
): Promise<T | null> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  for (const signal of INTERRUPTS) process.once(signal, onInterrupt);
  try {
    return await registerWhole(home, name, mayReplace, async (folder) => {
      const filled = await fill(folder, interrupt.signal);
      interrupt.signal.throwIfAborted();
      return filled;
    });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    report('Interrupted. Nothing was registered.\n');
    process.exitCode = EXIT_INTERRUPTED;
    return null;
  } finally {
    for (const signal of INTERRUPTS) process.off(signal, onInterrupt);
  }
}

/** Throws a UserError that names the option. */
export async function checkIsFile(path: string, option: string): Promise<{ size: number }> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) throw new UserError(`${path} does not exist or is not a file. Name a file with ${option}.`);
  return found;
}
