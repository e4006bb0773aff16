import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ExportFormat } from '../../pipeline/contract/export-format.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import type { Finding, FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { exportPieces } from '../../pipeline/findings/exports/index.ts';
import { runCommand, startCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { ends, finding, serverAndClient, started } from '../support/tool-calls.ts';

describe('tilesight export', () => {
  /** Of a version that stored no exports. */
  async function earlier(all: Finding[]): Promise<{ data: string; id: string; document: FindingsDocument; startedAt: string }> {
    const { server, client } = await serverAndClient({ script: ends(all) });
    const { execution_id: id } = await started(server, client);
    const read = async (key: string) => JSON.parse(Buffer.from((await server.blobs.get(key)) ?? []).toString());
    const { started_at: startedAt } = await read(keys.progress(id));
    return { data: server.folder, id, document: await read(keys.findings(id)), startedAt };
  }

  test.each(ExportFormat.options)('prints an earlier analysis as %s, and writes it to a file', async (format) => {
    const { data, id, document, startedAt } = await earlier([finding(1), finding(2, { text: 'größer' })]);
    const expected = [...exportPieces(format, { document, startedAt, imageUrl: null })].join('');
    const printed = await runCommand(['export', id, '--format', format, '--data', data]);
    expect(printed).toMatchObject({ code: 0, stdout: expected, stderr: '', left: [] });

    const out = join(await temporaryFolder(), 'new', 'file');
    const written = await runCommand(['export', id, '--format', format, '--out', out], { TILESIGHT_HOME: data });
    expect(written).toMatchObject({ code: 0, stdout: `Wrote ${out}.\n`, stderr: '' });
    expect(await readFile(out, 'utf8')).toBe(expected);
    expect(await readdir(dirname(out))).toEqual(['file']);
  });

  test('names another link of the image to Label Studio', async () => {
    const { data, id } = await earlier([finding(1)]);
    const link = 'https://cdn.example/plan.jpg';
    const { stdout } = await runCommand(['export', id, '--format', 'label-studio', '--image-url', link, '--data', data]);
    expect(JSON.parse(stdout)).toMatchObject([{ data: { image: link } }]);
  });

  test('ends quietly when nobody reads on', async () => {
    const { data, id } = await earlier(Array.from({ length: 5_000 }, (_, index) => finding(index)));
    const running = await startCommand(['export', id, '--format', 'geojson', '--data', data]);
    running.process.stdout?.destroy();
    expect(await running.outcome).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  const refusals: [name: string, args: (id: string, data: string) => string[], sentence: RegExp][] = [
    [
      'an execution that is not there',
      (_, data) => ['gone', '--format', 'csv', '--data', data],
      /got "gone", which is not there\. Use an execution_id that analyze_image returned/,
    ],
    [
      'a path for an id',
      (id, data) => [`../executions/${id}`, '--format', 'csv', '--data', data],
      /^tilesight: Expected an execution in .*, got "\.\.\/executions/,
    ],
    [
      'a data folder that is not there',
      (id, data) => [id, '--format', 'csv', '--data', join(data, 'none')],
      /Expected an execution in .*none, got/,
    ],
    [
      'an unknown format',
      (id, data) => [id, '--format', 'xlsx', '--data', data],
      /Allowed choices are coco, geojson, csv, label-studio/,
    ],
    [
      'an option that would do nothing',
      (id, data) => [id, '--format', 'csv', '--image-url', 'https://a.example/b', '--data', data],
      /Expected --image-url only with --format label-studio, got it with csv/,
    ],
    [
      'a place where no file can be',
      (id, data) => [id, '--format', 'csv', '--out', data, '--data', data],
      /Expected a place to write .*, got EISDIR/,
    ],
  ];
  test.each(refusals)('refuses %s with one sentence', async (_, args, sentence) => {
    const { data, id } = await earlier([finding(1)]);
    const { code, stdout, stderr, left } = await runCommand(['export', ...args(id, data)]);
    expect({ code, stdout, left }).toEqual({ code: 1, stdout: '', left: [] });
    expect(stderr.split('\n')[0]).toMatch(sentence);
    expect(stderr).not.toMatch(/\n {4}at /);
    const beside = await readdir(dirname(data));
    expect(beside.filter((name) => name.startsWith(basename(data)))).toEqual([basename(data)]);
  });

  test('says of an analysis that is not at its end that it has no findings yet', async () => {
    const { server, client } = await serverAndClient({ script: async (run) => run.progress.phase('detect') });
    const { execution_id } = await started(server, client);
    await expect.poll(() => server.blobs.head(keys.progress(execution_id))).not.toBeNull();
    const { code, stderr } = await runCommand(['export', execution_id, '--format', 'coco', '--data', server.folder]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `tilesight: Expected an execution with findings, got ${execution_id}, which is RUNNING. Wait for its end.\n`,
    });
  });
});
