// A real server with real workers and a local model: findings survive a cancellation, and a retry analyzes the remaining tiles.
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import { analyzeImage } from '../../mcp-server/tools/analyze-image.ts';
import { cancelExecution } from '../../mcp-server/tools/cancel-execution.ts';
import { retryFailedTiles } from '../../mcp-server/tools/retry-failed-tiles.ts';
import { temporaryFolder } from '../support/folder.ts';
import { servedClient } from '../support/served-client.ts';

/** Most of the things on the lawn; the whole image takes three times as long. */
const REGION = [1_000, 0, 3_600, 2_400];

async function tools() {
  const images = await temporaryFolder();
  await cp('examples/lawn.jpg', join(images, 'lawn.jpg'));
  const client = await servedClient([images]);
  const call = async <T>(name: string, args: Record<string, unknown>, answer: z.ZodType<T>): Promise<T> => {
    const result = await client.callTool({ name, arguments: args });
    expect(result).not.toHaveProperty('isError', true);
    return answer.parse(result.structuredContent);
  };
  return { call, image: pathToFileURL(join(images, 'lawn.jpg')).href };
}

const Page = z.object({ totals: z.object({ findings: z.number() }) });

test('an analysis that is cancelled at a third of its tiles ends soon, and a retry analyzes the rest', {
  timeout: 120_000,
}, async () => {
  const { call, image } = await tools();
  const wait = { wait_seconds: 1 };
  const { execution_id } = await call('analyze_image', { image, region: REGION }, analyzeImage.output);
  let view = await call('get_execution', { execution_id, ...wait }, ExecutionView);
  while (view.status === 'RUNNING' && (view.tiles.total === 0 || view.tiles.done < view.tiles.total * 0.3)) {
    view = await call('get_execution', { execution_id, wait_seconds: 0.2 }, ExecutionView);
  }
  const cancelled = await call('cancel_execution', { execution_id }, cancelExecution.output);
  expect(cancelled.status).toBe('CANCELLED');
  expect(cancelled.tiles.done).toBeLessThan(cancelled.tiles.total);
  const partly = await call('list_findings', { execution_id }, Page);
  expect(partly.totals.findings).toBeGreaterThan(0);

  const again = await call('retry_failed_tiles', { execution_id }, retryFailedTiles.output);
  let rest = await call('get_execution', { execution_id: again.execution_id }, ExecutionView);
  while (rest.status === 'RUNNING')
    rest = await call('get_execution', { execution_id: again.execution_id, wait_seconds: 5 }, ExecutionView);
  expect(rest.status).toBe('SUCCEEDED');
  const whole = await call('list_findings', { execution_id: again.execution_id }, Page);
  expect(whole.totals.findings).toBeGreaterThan(partly.totals.findings);
});
