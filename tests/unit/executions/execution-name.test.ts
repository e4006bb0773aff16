// The name of an execution: parameters that came after 0.1 do not change the names of requests without them.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { executionName } from '../../../mcp-server/executions/execution-name.ts';
import { requestFor } from '../../support/pipeline-run.ts';

test('a request without bands keeps the name that it had before bands could be chosen', async () => {
  const { execution_id: _, ...request } = requestFor('/images/field.tif');
  const { bands, ...before } = request;
  expect(bands).toBe(null);
  const hash = createHash('sha256').update(JSON.stringify(before)).digest('hex').slice(0, 16);
  expect(await executionName(request, null)).toBe(`field-${hash}`);
});

test('other bands are another execution', async () => {
  const { execution_id: _, ...request } = requestFor('/images/field.tif');
  const names = await Promise.all([null, [1], [4, 3, 2]].map((bands) => executionName({ ...request, bands }, null)));
  expect(new Set(names).size).toBe(3);
});
