import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { keys } from '../../pipeline/contract/keys.ts';
import type { Finding, FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { EXPORT_FORMATS, exportFiles } from '../../pipeline/findings/exports/index.ts';
import { runCommand, startCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { ends, finding, serverAndClient, started } from '../support/tool-calls.ts';

/** A disk that is full once the first file of a folder is written. */
const FULL_DISK = `const promises = require('node:fs/promises');
const { writeFile } = promises;
promises.writeFile = (path, ...rest) =>
  String(path).includes('labels') ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) : writeFile(path, ...rest);
require('node:module').syncBuiltinESMExports();`;

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

describe('tilesight export', () => {
  /** An execution of a version that stored no exports. */
  async function earlier(all: Finding[]): Promise<{ data: string; id: string; document: FindingsDocument; startedAt: string }> {
    const { server, client } = await serverAndClient({ script: ends(all) });
    const { execution_id: id } = await started(server, client);
    const read = async (key: string) => JSON.parse(Buffer.from((await server.blobs.get(key)) ?? []).toString());
    const { started_at: startedAt } = await read(keys.progress(id));
    return { data: server.folder, id, document: await read(keys.findings(id)), startedAt };
  }

  const ofOneFile = EXPORT_FORMATS.filter((format) => exportFiles(format).length === 1);
  test.each(ofOneFile)('prints an earlier analysis as %s, and writes it to a file', async (format) => {
    const { data, id, document, startedAt } = await earlier([finding(1), finding(2, { text: 'größer' })]);
    const source = { document, startedAt, imageUrl: null };
    const expected = exportFiles(format)
      .flatMap(({ pieces }) => [...pieces(source)])
      .join('');
    const printed = await runCommand(['export', id, '--format', format, '--data', data]);
    expect(printed).toMatchObject({ code: 0, stdout: expected, stderr: '', left: [] });

    const out = join(await temporaryFolder(), 'new', 'file');
    const written = await runCommand(['export', id, '--format', format, '--out', out], { TILESIGHT_HOME: data });
    expect(written).toMatchObject({ code: 0, stdout: `Wrote ${out}.\n`, stderr: '' });
    expect(await readFile(out, 'utf8')).toBe(expected);
    expect(await readdir(dirname(out))).toEqual(['file']);
  });

  const folders = [
    ['yolo', ['data.yaml', 'labels/site-plan.txt']],
    ['pascal-voc', ['Annotations/site-plan.xml', 'ImageSets/Main/trainval.txt']],
  ] as const;
  test.each(folders)('writes an earlier analysis as %s to a folder that is new or empty', async (format, paths) => {
    const { data, id, document, startedAt } = await earlier([finding(1), finding(2, { label: 'größer' })]);
    const source = { document, startedAt, imageUrl: null };
    const expected = exportFiles(format).map(({ pieces }) => [...pieces(source)].join(''));
    for (const out of [join(await temporaryFolder(), 'new', 'folder'), await temporaryFolder()]) {
      const { code, stdout, stderr } = await runCommand(['export', id, '--format', format, '--out', out, '--data', data]);
      const wrote = `Wrote ${paths.map((path) => join(out, path)).join(' and ')}.\n`;
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: wrote, stderr: '' });
      expect(await Promise.all(paths.map((path) => readFile(join(out, path), 'utf8')))).toEqual(expected);
      expect((await filesIn(out)).sort()).toEqual([...paths]);
    }
  });

  test('writes all files of a folder or none, and leaves no folder that it made', async () => {
    const { data, id } = await earlier([finding(1)]);
    const place = await temporaryFolder();
    await writeFile(join(place, 'limit.cjs'), FULL_DISK);
    for (const out of [join(place, 'a', 'b'), join(place, 'c')]) {
      if (out.endsWith('c')) await mkdir(out);
      const environment = { NODE_OPTIONS: `--require ${join(place, 'limit.cjs')}` };
      const { code, stderr } = await runCommand(['export', id, '--format', 'yolo', '--out', out, '--data', data], environment);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `tilesight: Cannot write ${out} (ENOSPC). Choose another file or folder.\n`,
      });
    }
    expect((await readdir(place, { recursive: true })).sort()).toEqual(['c', 'limit.cjs']);
  });

  test('names another link of the image to Label Studio', async () => {
    const { data, id } = await earlier([finding(1)]);
    const link = 'https://cdn.example/plan.jpg';
    const { stdout } = await runCommand(['export', id, '--format', 'label-studio', '--image-url', link, '--data', data]);
    expect(JSON.parse(stdout)).toMatchObject([{ data: { image: link } }]);
  });

  test('ends quietly when its reader stops early', async () => {
    const { data, id } = await earlier(Array.from({ length: 5_000 }, (_, index) => finding(index)));
    const running = await startCommand(['export', id, '--format', 'geojson', '--data', data]);
    running.process.stdout?.destroy();
    expect(await running.outcome).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  const refusals: [name: string, args: (id: string, data: string) => string[], sentence: RegExp][] = [
    [
      'an execution that is not there',
      (_, data) => ['gone', '--format', 'csv', '--data', data],
      /contains no execution "gone"\. Use an execution_id that analyze_image returned, and name the data folder of `tilesight serve` with --data\. `tilesight analyze` keeps its results only in the folder of --out\.$/m,
    ],
    [
      'a path for an id',
      (id, data) => [`../executions/${id}`, '--format', 'csv', '--data', data],
      /^tilesight: The folder .* contains no execution "\.\.\/executions/,
    ],
    [
      'a data folder that is not there',
      (id, data) => [id, '--format', 'csv', '--data', join(data, 'none')],
      /The folder .*none contains no execution/,
    ],
    [
      'an unknown format',
      (id, data) => [id, '--format', 'xlsx', '--data', data],
      /Allowed choices are coco, geojson, csv, label-studio, yolo, pascal-voc/,
    ],
    [
      'an option that would do nothing',
      (id, data) => [id, '--format', 'csv', '--image-url', 'https://a.example/b', '--data', data],
      /--image-url works only with --format label-studio, not with csv\. Leave it out\./,
    ],
    [
      'a place where no file can be',
      (id, data) => [id, '--format', 'csv', '--out', data, '--data', data],
      /^tilesight: .* is a folder\. Name a file with --out\.$/,
    ],
    [
      'a device',
      (id, data) => [id, '--format', 'csv', '--out', '/dev/null', '--data', data],
      /^tilesight: \/dev\/null is not a regular file\. Name another one with --out\.$/,
    ],
    [
      'a file below a file',
      (id, data) => [id, '--format', 'csv', '--out', join(data, `blobs/${keys.findings(id)}`, 'a', 'b'), '--data', data],
      /^tilesight: Cannot write .* \(ENOTDIR\)\. Choose another file or folder\.$/,
    ],
    [
      'to print several files',
      (id, data) => [id, '--format', 'yolo', '--data', data],
      /^tilesight: The format yolo consists of several files \(data\.yaml and labels\/\{image\}\.txt\)\. Name a new folder for them with --out DIR\.$/,
    ],
    [
      'a file for a folder',
      (id, data) => [id, '--format', 'yolo', '--out', join(data, `blobs/${keys.findings(id)}`), '--data', data],
      /^tilesight: .*findings\.json is a file\. Name a new folder with --out\.$/,
    ],
    [
      'a folder with other files',
      (id, data) => [id, '--format', 'pascal-voc', '--out', data, '--data', data],
      /^tilesight: The folder .* is not empty\. Name a new folder with --out, so that two exports do not mix\.$/,
    ],
    [
      'a folder below a file',
      (id, data) => [id, '--format', 'yolo', '--out', join(data, `blobs/${keys.findings(id)}`, 'a'), '--data', data],
      /^tilesight: Cannot write .* \(ENOTDIR\)\. Choose another file or folder\.$/,
    ],
    [
      'a bad --out before it reads the execution',
      (_, data) => ['gone', '--format', 'yolo', '--out', data, '--data', data],
      /^tilesight: The folder .* is not empty\./,
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

  test('reports that a running analysis has no findings yet', async () => {
    const { server, client } = await serverAndClient({ script: async (run) => run.progress.phase('detect') });
    const { execution_id } = await started(server, client);
    await expect.poll(() => server.blobs.head(keys.progress(execution_id))).not.toBeNull();
    const { code, stderr } = await runCommand(['export', execution_id, '--format', 'coco', '--data', server.folder]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `tilesight: The execution ${execution_id} has no findings; its status is RUNNING. Wait until it ends.\n`,
    });
  });
});
