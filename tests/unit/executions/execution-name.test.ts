// The name of an execution: parameters that came after 0.1 do not change the names of requests without them.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { executionName } from '../../../mcp-server/executions/execution-name.ts';
import { requestFor } from '../../support/pipeline-run.ts';

test('a request without bands keeps the name that it had before bands could be chosen', async () => {
  const { execution_id: _, ...request } = requestFor('/images/field.tif');
  const hash = createHash('sha256').update(JSON.stringify(request)).digest('hex').slice(0, 16);
  expect(JSON.stringify(request)).not.toContain('bands');
  expect(await executionName({ ...request, bands: undefined }, null, null)).toBe(`field-${hash}`);
});

test('other bands are another execution', async () => {
  const { execution_id: _, ...request } = requestFor('/images/field.tif');
  const names = await Promise.all([undefined, [1], [4, 3, 2]].map((bands) => executionName({ ...request, bands }, null, null)));
  expect(new Set(names).size).toBe(3);
});

test('two deployments name the same request and the same key differently, each always the same', async () => {
  const { execution_id: _, ...request } = requestFor('s3://plans/site.tif');
  for (const key of [null, 'monday']) {
    const names = await Promise.all(['dev', 'prod', null, 'dev'].map((bucket) => executionName(request, key, bucket)));
    expect(new Set(names).size).toBe(3);
    expect(names[3]).toBe(names[0]);
    for (const name of names) expect(name).toMatch(key === null ? /^site-[0-9a-f]{16}$/ : /^key-[0-9a-f]{16}$/);
  }
});
