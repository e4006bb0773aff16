// One project a wing: `npx vitest run --project unit`. A file belongs to the wing whose folder it lies in.
import { defineConfig } from 'vitest/config';

const WINGS = ['unit', 'contract', 'server', 'engine', 'browser', 'aws', 'cli', 'docs'];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: '100%',
    projects: WINGS.map((name) => ({
      extends: true,
      test: { name, include: [`tests/${name}/**/*.test.ts`] },
    })),
  },
});
