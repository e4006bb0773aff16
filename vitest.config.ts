// One project for each wing, so that one wing runs alone: `npx vitest run --project unit`. A test belongs to the wing of its folder.
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const WINGS = ['unit', 'contract', 'server', 'engine', 'browser', 'aws', 'cli', 'docs', 'packages'];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000, interval: 30 } }, // a loaded machine takes longer than 1 s, and some states last less than 50 ms
    // For the processes that tests start, hundreds of them: compiled code is kept, as the command line does.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/tilesight-compiled', import.meta.url)) },
    pool: 'forks',
    // One more than processors: two in five seconds of the tests are spent waiting for a server, a timer or a process.
    maxWorkers: availableParallelism() + 1,
    projects: WINGS.map((name) => ({
      extends: true,
      test: {
        name,
        include: [`tests/${name}/**/*.test.ts`],
        isolate: name !== 'unit', // pure code shares no state, and two processes for all files start faster than one for each
      },
    })),
  },
});
