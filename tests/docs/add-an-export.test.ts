// Follows docs/contributing/add-an-export.md on a copy of the repository, and uses the export that it adds.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import { Finding } from '../../pipeline/contract/schemas.ts';
import { temporaryFolder } from '../support/folder.ts';
import { followGuide, scratchRepository } from '../support/guide-walk.ts';
import { liveServer } from '../support/live-server.ts';
import { connected } from '../support/mcp-clients.ts';
import { Started } from '../support/tool-calls.ts';

const GUIDE = 'docs/contributing/add-an-export.md';
const Detailed = ExecutionView.extend({ artifacts: z.record(z.string(), z.string()) });

test('the guide adds an export with one new file and one change', { timeout: 180_000 }, async () => {
  const root = await scratchRepository();
  const tilesight = async (...args: string[]) =>
    (await promisify(execFile)(process.execPath, [join(root, 'cli/tilesight.ts'), ...args])).stdout;
  expect(await tilesight('export', '--help')).not.toContain('json-lines');
  expect(followGuide(GUIDE, root)).toEqual(['pipeline/findings/exports/json-lines.ts', 'pipeline/findings/exports/index.ts']);

  const help = await tilesight('export', '--help');
  expect(help.replace(/\s+/g, ' ')).toContain('"yolo-obb", "json-lines")');
  expect(help).toMatch(/^ {2}json-lines +JSON Lines, for scripts that read one finding at a time\.$/m);

  await promisify(execFile)(process.execPath, [join(root, 'build/docs/exports-page.ts')]);
  expect(await readFile(join(root, 'docs/exports.md'), 'utf8')).toMatch(
    /^\| `json-lines` +\| `findings.jsonl` +\| `exports\/findings.jsonl`/m,
  );

  const dataFolder = await temporaryFolder();
  const { origin } = await liveServer(dataFolder, 0, root);
  const here = (url: string | URL, init?: RequestInit) => fetch(new URL(new URL(url).pathname, origin), init);
  const client = await connected('2.x pinned to 2026-07-28', { fetch: here });
  const image = pathToFileURL(join(root, 'examples/lawn.jpg')).href;
  const { execution_id } = await client.call('analyze_image', { image, region: [1_600, 1_500, 1_300, 900] }, Started);
  const wish = { execution_id, wait_seconds: 20 };
  await expect
    .poll(async () => (await client.call('get_execution', wish, ExecutionView)).status, { timeout: 120_000 })
    .toBe('SUCCEEDED');

  const { artifacts } = await client.call('get_execution', { execution_id, response_format: 'detailed' }, Detailed);
  const response = await here(artifacts.findings_jsonl ?? expect.fail('There is no link.'));
  expect(response.headers.get('content-type')).toBe('application/jsonl');
  const text = await response.text();
  expect(await readFile(join(dataFolder, 'blobs/executions', execution_id, 'exports/findings.jsonl'), 'utf8')).toBe(text);
  expect(await tilesight('export', execution_id, '--format', 'json-lines', '--data', dataFolder)).toBe(text);

  const Document = z.object({ findings: z.array(Finding) });
  const { findings } = Document.parse(await (await here(artifacts.findings_json ?? expect.fail('There is no link.'))).json());
  expect(findings.length).toBeGreaterThan(0);
  expect(
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(
    findings.map(({ id, label, score, severity, box, text, description }) => ({
      id,
      label,
      score,
      severity,
      box,
      text,
      description,
    })),
  );
});
