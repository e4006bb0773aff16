// A data folder that an earlier version wrote, with an execution killed in the middle, is opened by this one.
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { serve } from '../../local/serve.ts';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import { readConfig } from '../../pipeline/config.ts';
import { Finding } from '../../pipeline/contract/schemas.ts';
import type { ExportFormat } from '../../pipeline/findings/exports/index.ts';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { connected, type TestClient } from '../support/mcp-clients.ts';
import { allPages, Started } from '../support/tool-calls.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/data-before', import.meta.url));
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

const Expected = z.object({
  finished: z.record(z.string(), z.array(Finding)),
  killed: z.object({ execution_id: z.string(), tiles: z.number(), tiles_done_before: z.number(), findings: z.array(Finding) }),
  upload: z.object({ upload_id: z.string(), labels: z.array(z.string()), findings: z.array(Finding) }),
});
const expected = Expected.parse(JSON.parse(await readFile(join(FIXTURE, 'expected.json'), 'utf8')));

/** A copy of the folder, as if its server had been killed a moment ago: executions have a deadline, uploads an age. */
async function dataFolder(): Promise<string> {
  const folder = await temporaryFolder();
  execFileSync('tar', ['-xzmf', join(FIXTURE, 'data.tar.gz'), '-C', folder]);
  const database = new DatabaseSync(join(folder, 'engine.db'));
  const latest = database.prepare('select max(coalesce(ended_at, started_at)) as at from executions').get();
  const laterMs = Date.now() - Number(latest?.at);
  database
    .prepare('update executions set started_at = started_at + ?, ended_at = ended_at + ?, deadline_at = deadline_at + ?')
    .run(laterMs, laterMs, laterMs);
  database.close();
  return folder;
}

async function opened(folder: string): Promise<TestClient> {
  const server = await serve({ config: readConfig({}), dataFolder: folder, allowedFolders: [], port: 0, log: SILENT });
  onTestFinished(() => server.close());
  const here = (url: string | URL, init?: RequestInit) => fetch(new URL(new URL(url).pathname, server.url), init);
  return await connected('2.x pinned to 2026-07-28', { fetch: here });
}

async function ended(client: TestClient, execution_id: string): Promise<ExecutionView> {
  for (;;) {
    const view = await client.call('get_execution', { execution_id, wait_seconds: 20 }, ExecutionView);
    expect(view.tiles.done + view.tiles.failed + view.tiles.blank).toBeLessThanOrEqual(view.tiles.total);
    if (view.status !== 'RUNNING') return view;
  }
}

/** As stored: with every field, not as an agent reads them. */
async function findingsOf(folder: string, executionId: string): Promise<Finding[]> {
  const printed = await readFile(join(folder, 'blobs/executions', executionId, 'findings.json'), 'utf8');
  return z.object({ findings: z.array(Finding) }).parse(JSON.parse(printed)).findings;
}

test('finished executions are listed, shown and exported with the same findings', async () => {
  const folder = await dataFolder();
  const client = await opened(folder);
  const ids = Object.keys(expected.finished);
  const listed = (await allPages(client, {})).flatMap(({ executions }) => executions.map(({ execution_id }) => execution_id));
  expect(listed).toEqual(expect.arrayContaining(ids));
  for (const [execution_id, findings] of Object.entries(expected.finished)) {
    expect(await ended(client, execution_id)).toMatchObject({ status: 'SUCCEEDED', findings_so_far: findings.length });
    const rows = (await allPages(client, { execution_id })).flatMap((page) => page.findings);
    expect(rows.map(({ id, label, box, text }) => ({ id, label, box, text }))).toEqual(
      findings.map(({ id, label, box, text }) => ({ id, label, box, text })),
    );
    const { content } = await client.callTool('view_region', { execution_id, finding_id: findings[0]?.id, draw_boxes: true });
    expect(content[0]).toMatchObject({ type: 'image', mimeType: 'image/jpeg' });
    expect(await findingsOf(folder, execution_id)).toEqual(findings);
  }
});

/** Columns that were added at the end. They are empty in executions of the earlier version. */
const LATER_COLUMNS = ',said_by,judged_by,judged_label';

function withoutLaterColumns(csv: string): string {
  const [header = '', ...rows] = csv.split('\r\n');
  if (!header.endsWith(LATER_COLUMNS)) return csv;
  const before = rows.map((row) => (row.endsWith(',,,') ? row.slice(0, -',,,'.length) : row));
  return [header.slice(0, -LATER_COLUMNS.length), ...before].join('\r\n');
}

/** The formats of the earlier version, and what each says of the findings, without the sentences around them. */
const FINDINGS_IN = {
  coco: { file: 'coco.json', read: (text: string) => ({ ...JSON.parse(text), info: null }) },
  geojson: { file: 'findings.geojson', read: (text: string) => JSON.parse(text).features },
  csv: { file: 'findings.csv', read: withoutLaterColumns },
  'label-studio': { file: 'label-studio.json', read: (text: string) => JSON.parse(text) },
} satisfies Partial<Record<ExportFormat, { file: string; read(text: string): unknown }>>;

test.each(Object.entries(FINDINGS_IN))(
  'a finished execution is exported as %s as the earlier version did',
  async (format, { file, read }) => {
    const folder = await dataFolder();
    for (const execution_id of Object.keys(expected.finished)) {
      const { code, stdout, stderr } = await runCommand(['export', execution_id, '--format', format, '--data', folder]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const stored = await readFile(join(folder, 'blobs/executions', execution_id, 'exports', file), 'utf8');
      expect(read(stdout)).toEqual(read(stored));
    }
  },
);

/**
 * What a reader of lines that gets slightly different pixels may change: since it warps a line itself, scores differ by 0.02, and one more
 * tile of the same line is legible.
 */
const readAgain = (findings: Finding[]) =>
  findings.map(({ score, tiles, ...same }) => ({
    ...same,
    score: expect.closeTo(score, 1),
    tiles: expect.arrayContaining(tiles),
  }));

test('the killed execution is resumed to the findings of an undisturbed run', async () => {
  const folder = await dataFolder();
  const { execution_id, tiles, tiles_done_before, findings } = expected.killed;
  const before = stepsOf(folder, execution_id);
  expect(before.filter(({ ended }) => ended).length).toBe(tiles_done_before);
  const client = await opened(folder);
  expect(await ended(client, execution_id)).toMatchObject({
    status: 'SUCCEEDED',
    tiles: { total: tiles, done: tiles, failed: 0 },
  });
  expect(await findingsOf(folder, execution_id)).toEqual(readAgain(findings));
});

test('an upload that no execution uses can be analyzed', async () => {
  const folder = await dataFolder();
  const client = await opened(folder);
  const { upload_id, labels, findings } = expected.upload;
  const { execution_id } = await client.call('analyze_image', { image: upload_id, labels }, Started);
  expect(await ended(client, execution_id)).toMatchObject({ status: 'SUCCEEDED' });
  expect(await findingsOf(folder, execution_id)).toEqual(readAgain(findings));
});

/** Steps that analyzed a tile, by the engine's own record. */
function stepsOf(folder: string, executionId: string): { name: string; ended: boolean }[] {
  const database = new DatabaseSync(join(folder, 'engine.db'));
  try {
    const rows = database
      .prepare(
        "select json ->> 'Name' as name, json ->> 'Status' as status from operations where arn like ? and json ->> 'Type' = 'STEP'",
      )
      .all(`%/${executionId}/%`);
    const steps = rows.map(({ name, status }) => ({ name: String(name), ended: status === 'SUCCEEDED' }));
    return steps.filter(({ name }) => name.startsWith('tile-'));
  } finally {
    database.close();
  }
}
