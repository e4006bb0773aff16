#!/usr/bin/env node
// The command of the npm package: refuses a Node that is too old in one sentence, then starts the command line. Imports nothing at its
// start: an old Node could not load it.
const OLDEST = [22, 13] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  process.stderr.write(
    `tilesight needs Node ${OLDEST.join('.')} or later, and this is ${process.versions.node}. Install a newer one from https://nodejs.org.\n`,
  );
  process.exitCode = 1;
} else {
  withoutSqliteWarning();
  await import('../../cli/tilesight.ts');
}

/** Node 22 warns at every start that node:sqlite is experimental, which the user of a command can do nothing about. */
function withoutSqliteWarning(): void {
  const emit = process.emitWarning;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (!String(warning).startsWith('SQLite is an experimental feature')) Reflect.apply(emit, process, [warning, ...rest]);
  };
}

export {};
