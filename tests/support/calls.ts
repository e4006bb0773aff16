// Which calls of AWS a function can make, read from the source that its entry reaches.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const CALL = /\bnew (\w+Command|Upload)\(|\b\w*[cC]ontext\s*\.(invoke)\b|\bservice: '(appsync)'/g;
/** A method of a port, in the object that an adapter returns. */
const METHOD = /^ {4}async (\w+)\(/gm;
/** Adapters implement the ports and are not their callers. */
const ADAPTERS = /^pipeline\/(vision|sources|storage|telemetry)\//;
/** Forwards every method of Blobs. */
const FORWARDS = 'mcp-server/access/callers.ts';

/** Files of the repository that `entry` imports, now or later. */
export function reached(entry: string, seen = new Set<string>()): Set<string> {
  if (seen.has(entry) || !existsSync(join(ROOT, entry))) return seen;
  seen.add(entry);
  for (const [, spec = ''] of sourceOf(entry).matchAll(/(?:from |import\()'(\.[^']+\.ts)'/g)) {
    reached(normalize(join(dirname(entry), spec)), seen);
  }
  return seen;
}

/**
 * Names of the SDK's commands; `Upload` for its upload in parts, `invoke` for executions that an execution starts, and
 * services whose requests are signed here.
 */
export function callsOf(entry: string): Set<string> {
  const files = [...reached(entry)];
  const callers = files.filter((file) => file !== FORWARDS && !ADAPTERS.test(file)).map(sourceOf);
  const isCalled = (method: string) => callers.some((source) => source.includes(`.${method}(`));
  const found = files.flatMap((file) => {
    const source = sourceOf(file);
    const methods = [...source.matchAll(METHOD)];
    return [...source.matchAll(CALL)].flatMap(({ index, 1: command, 2: invoke, 3: service }) => {
      const method = methods.findLast((start) => start.index < index)?.[1];
      return method === undefined || isCalled(method) ? [command ?? invoke ?? service ?? ''] : [];
    });
  });
  return new Set(found);
}

function sourceOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}
