import { chmod, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openDataFolder } from '../../local/data-folder.ts';
import { openEngine } from '../../local/engine/engine.ts';
import { localLauncher } from '../../local/engine/local-launcher.ts';
import { serve } from '../../local/serve.ts';
import { cleanUp, DAY_MS } from '../../local/upkeep.ts';
import { readConfig } from '../../pipeline/config.ts';
import { index } from '../../pipeline/contract/keys.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import { documents, writeDocument } from '../../pipeline/documents.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { fsRemoval } from '../../pipeline/storage/folder-removal.ts';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { requestFor } from '../support/pipeline-run.ts';
import { storeExecution } from '../support/stored-execution.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** A data folder with one execution for each id, which ended the given number of days ago. */
async function dataFolder(ended: Record<string, number>): Promise<string> {
  const root = await temporaryFolder();
  const folder = await openDataFolder(root);
  for (const [execution_id, days] of Object.entries(ended)) {
    const at = new Date(Date.now() - days * DAY_MS).toISOString();
    const counts = { tiles: { total: 0, done: 0, failed: 0, blank: 0, not_analyzed: 0 }, findings: 0, usage: NO_USAGE };
    const ends = { reason: null, summary: null, failed_tiles: [], notes: [], running_shards: [] };
    const progress = {
      execution_id,
      status: 'SUCCEEDED',
      phase: 'done',
      ...counts,
      started_at: at,
      updated_at: at,
      ...ends,
    } as const;
    await writeDocument(documents.progress(execution_id), progress, fsBlobs(folder.blobs));
  }
  return root;
}

const executionsIn = async (root: string) => (await readdir(join(root, 'blobs/executions'))).sort();

test('tilesight delete deletes one execution, or all executions older than a given age, and nothing else', async () => {
  const root = await dataFolder({ 'a-1': 40, 'b-2': 31, 'c-3': 29, 'd-4': 1 });
  const one = await runCommand(['delete', 'd-4', '--data', root]);
  expect([one.code, one.stdout, one.stderr]).toEqual([0, 'Deleted d-4.\n', '']);
  const old = await runCommand(['delete', '--older-than', '30d', '--data', root]);
  expect([old.code, old.stdout]).toEqual([0, 'Deleted b-2.\nDeleted a-1.\n2 deleted, 0 kept.\n']);
  expect(await executionsIn(root)).toEqual(['c-3']);
  const again = await runCommand(['delete', 'd-4', '--data', root]);
  expect([again.code, again.stderr]).toEqual([1, 'tilesight: This server has no execution d-4. Nothing was deleted.\n']);
  const neither = await runCommand(['delete', '--data', root]);
  expect([neither.code, neither.stderr]).toEqual([
    1,
    'tilesight: Name one execution, or an age with --older-than, for example 30d.\n',
  ]);
});

test('tilesight delete leaves a folder without data of tilesight as it is, and names it', async () => {
  const root = await temporaryFolder();
  await chmod(root, 0o755);
  for (const data of [root, join(root, 'mistyped')]) {
    const { code, stdout, stderr } = await runCommand(['delete', '--older-than', '30d', '--data', data]);
    expect([code, stdout, stderr]).toEqual([
      1,
      '',
      `tilesight: The folder ${data} holds no tilesight data. Name the folder of \`tilesight serve\` with --data.\n`,
    ]);
  }
  expect([await readdir(root), (await stat(root)).mode & 0o777]).toEqual([[], 0o755]);
});

test('a server deletes executions past RETENTION_DAYS, and no upload that a queued execution reads', async () => {
  const root = await dataFolder({ 'old-1': 31, 'new-1': 29 });
  const folder = await openDataFolder(root);
  await mkdir(join(folder.blobs, 'uploads'), { recursive: true });
  for (const name of ['needed', 'unused']) await writeFile(join(folder.blobs, 'uploads', name), 'x');
  const later = { now: () => new Date(Date.now() + 2 * DAY_MS) };
  const invoke = () => new Promise<never>(() => {});
  const engine = openEngine({ file: folder.database, invoke, clock: later, log: SILENT });
  const source = { kind: 'blob', key: 'uploads/needed' } as const;
  const request = { ...requestFor(''), image: { source, uri: 'upload://needed', version: '1' } };
  engine.startExecution('queued-1', JSON.stringify({ ...request, execution_id: 'queued-1' }));
  const blobs = fsBlobs(folder.blobs);
  const ports = { blobs, removal: fsRemoval(folder.blobs), launcher: localLauncher(engine), owner: null };
  await cleanUp({ folder, engine, ...ports, retentionDays: null, clock: later, log: SILENT });
  expect(await executionsIn(root)).toEqual(['new-1', 'old-1']);
  expect(await readdir(join(folder.blobs, 'uploads'))).toEqual(['needed']);
  await cleanUp({ folder, engine, ...ports, retentionDays: 32, clock: later, log: SILENT });
  expect(await executionsIn(root)).toEqual(['new-1']);
  engine.close();
});

test('with --url, a running server deletes one execution, or all executions in its list that are older than a given age', async () => {
  const dataFolder = await temporaryFolder();
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const { url, close } = await serve({ config: readConfig({}), dataFolder, allowedFolders: [], port: 0, log });
  onTestFinished(close);
  const blobs = fsBlobs(join(dataFolder, 'blobs'));
  const started = { 'a-1': 40, 'b-2': 31, 'c-3': 29, 'd-4': 1 };
  for (const [execution_id, days] of Object.entries(started)) {
    const startedAt = new Date(Date.now() - days * DAY_MS).toISOString();
    await storeExecution(blobs, execution_id, { width: 64, height: 64, findings: [] });
    const entry = {
      execution_id,
      status: 'SUCCEEDED',
      image: 'a.png',
      started_at: startedAt,
      findings: 0,
      by_label: {},
    } as const;
    const [today = ''] = (await blobs.list('index/by-time/', { limit: 9 })).filter((key) => key.endsWith(execution_id));
    await rm(join(dataFolder, 'blobs', today));
    const key = `index/by-time/${index.name(new Date(startedAt), execution_id)}`;
    await writeDocument(documents.indexEntry(key), entry, blobs);
    await writeDocument(documents.indexKeys(execution_id), { keys: [key] }, blobs);
  }
  const one = await runCommand(['delete', 'd-4', '--url', `${url}/mcp`]);
  expect([one.code, one.stdout, one.stderr]).toEqual([0, 'Deleted d-4.\n', '']);
  const old = await runCommand(['delete', '--older-than', '30d', '--url', `${url}/mcp`]);
  expect([old.code, old.stdout, old.stderr]).toEqual([0, 'Deleted b-2.\nDeleted a-1.\n2 deleted, 0 kept.\n', '']);
  expect(await executionsIn(dataFolder)).toEqual(['c-3']);
  const both = await runCommand(['delete', 'c-3', '--url', `${url}/mcp`, '--data', dataFolder]);
  expect([both.code, both.stderr]).toEqual([1, 'tilesight: --url names a server and --data a folder. Leave one of them out.\n']);
});
