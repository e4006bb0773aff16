// Fifty of the five hundred random workflows of `npm run bench chaos`. A seed that fails is printed.
import { expect, test } from 'vitest';
import { run } from '../bench/chaos.ts';

test('random workflows killed at random checkpoints end as they must, and repeat no step that is on disk', async () => {
  const { figures } = await run(50);
  expect(figures.failures).toBe(0);
  expect(figures.kills).toBeGreaterThan(50);
});
