// The command line that starts `tilesight mcp` again: as this process was started.
import { realpathSync } from 'node:fs';
import packageJson from '../../package.json' with { type: 'json' };
import { at } from '../../pipeline/contract/at.ts';
import type { Command } from './clients.ts';

/** A package in the cache of npx may be deleted at any time. */
const CACHE_OF_NPX = /[\\/]_npx[\\/]/;

/** Run by the Node that runs this process: another one on the path may be too old. */
export function ownCommand(args: readonly string[], script = at(process.argv, 1)): Command {
  const file = realpathSync(script);
  if (CACHE_OF_NPX.test(file)) return { command: 'npx', args: ['-y', `tilesight@${packageJson.version}`, 'mcp', ...args] };
  return { command: process.execPath, args: [file, 'mcp', ...args] };
}
