// The resource of an execution links its files: the report and the exports that are stored.
import { describe, expect, test } from 'vitest';
import { keys } from '../../pipeline/contract/keys.ts';
import { EXPORT_FILES } from '../../pipeline/findings/exports/index.ts';
import { reportPage } from '../../pipeline/report/report-page.ts';
import { materialWith, finding as reportedFinding } from '../support/report-material.ts';
import { ends, finding, serverAndClient, started } from '../support/tool-calls.ts';

describe('the resource of an execution', () => {
  test('links the exports that are stored, and each link gives its file', async () => {
    const { server, client } = await serverAndClient({ script: ends([finding(1)]) });
    const { execution_id } = await started(server, client);
    const { execution_id: other } = await started(server, client, { idempotency_key: 'other' });
    const none = await client.readResource(`tilesight://executions/${other}`);
    expect(none.text).not.toMatch(/coco|csv|geojson|label-studio|yolo|pascal/);
    for (const { storedAs } of EXPORT_FILES) {
      const key = keys.export(execution_id, storedAs.replace('{image}', 'site plan'));
      await server.blobs.put(key, Buffer.from(storedAs));
    }
    const { text = '' } = await client.readResource(`tilesight://executions/${execution_id}`);
    expect(EXPORT_FILES.length).toBeGreaterThanOrEqual(8);
    for (const { storedAs: file, contentType } of EXPORT_FILES) {
      const link = text
        .split('\n')
        .find((line) => line.startsWith(`- ${file}: `))
        ?.split(': ')[1];
      const response = await server.fetch(link ?? '');
      expect(await response.text()).toBe(file);
      expect(response.headers.get('content-type')).toBe(contentType);
    }
  });

  test('names its report among its files', async () => {
    const { server, client } = await serverAndClient({ script: async (run) => void (await run.end([finding(1)])) });
    const { execution_id } = await started(server, client);
    const page = reportPage(materialWith([reportedFinding(1)]));
    await server.blobs.put(keys.report(execution_id), Buffer.from(page));
    const { text = '' } = await client.readResource(`tilesight://executions/${execution_id}`);
    const response = await server.fetch(/^- report\.html: (\S+)$/m.exec(text)?.[1] ?? '');
    expect([response.headers.get('content-type'), await response.text()]).toEqual(['text/html; charset=utf-8', page]);
  });
});
