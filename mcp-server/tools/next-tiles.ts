// next_tiles: hands an agent tiles of an analysis that waits for its eyes.
import { z } from 'zod';
import { ExecutionId } from '../../pipeline/contract/schemas.ts';
import type { ImageTool } from './define.ts';

const TILES_MAX = 8;

const input = z.strictObject({
  execution_id: ExecutionId,
  count: z.number().int().min(1).max(TILES_MAX).default(4).describe('Tiles at once.'),
});

export const nextTiles = {
  name: 'next_tiles',
  title: 'Get tiles to analyze yourself',
  description:
    'Use this if an analysis with models {"detection": ["agent:"]} waits for you: returns tiles as images with their ids, what to look for and ' +
    'how to report it. Several agents may call it at once: each tile goes to one of them for 10 minutes. Next: report_tiles.',
  input,
  output: null,
  owned: { execution_id: 'execution' },
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  async run({ execution_id, count }, deps) {
    const { tilesFor } = await import('../executions/agent/tiles-answer.ts'); // not at a cold start
    return await tilesFor(execution_id, count, deps);
  },
} as const satisfies ImageTool<typeof input>;
