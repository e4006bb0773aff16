// Files that keep a parser busy, hang or crash it: headers are read in a process of its own, within seconds, and counted only up to
// the limit.
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { headerReader, readHeaderInTime } from '../../pipeline/imaging/decoding/header-reader.ts';
import { readHeader } from '../../pipeline/imaging/image-reader.ts';
import { drawImage, imageIn } from '../support/drawn.ts';
import { temporaryFolder } from '../support/folder.ts';
import { manyDirectories, manyFrames } from '../support/many-pages.ts';

const workerFile = fileURLToPath(new URL('../fixtures/decoder-worker.ts', import.meta.url));
const MORE = 'The image must not have more than 5,000 frames or pages, but it has more. Send only the one to analyze.';
const NO_FILE = 'The image must be a file, but it is a folder, pipe, socket or device. Name a file.';

async function fileOf(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, bytes);
  return path;
}

test('a header is read as in this process, with its notes', async () => {
  const path = join(await temporaryFolder(), 'image.png');
  await drawImage(path, 300, 200, { left: 10, top: 10, edge: 20 });
  expect(await readHeaderInTime(imageIn(path))).toEqual(await readHeader(imageIn(path)));
});

test.each([
  ['5,001 directories', manyDirectories(5_001)],
  ['200,000 directories, of which 199,999 cannot be read', manyDirectories(200_000, { entries: 0 })],
])('a TIFF with %s is refused once the limit is counted', async (_, bytes) => {
  await expect(readHeaderInTime(imageIn(await fileOf('many.tif', bytes)))).rejects.toThrow(MORE);
});

test('a TIFF with as many pages as allowed is read', async () => {
  const header = await readHeaderInTime(imageIn(await fileOf('many.tif', manyDirectories(5_000))));
  expect(header.notes).toEqual(['Analyzed only the first of 5000 pages.']);
});

test('a WebP with 100,000 frames is refused once the limit is counted', async () => {
  await expect(readHeaderInTime(imageIn(await fileOf('many.webp', await manyFrames(100_000))))).rejects.toThrow(MORE);
});

test('a pipe, a socket, a device and a folder are no images', async () => {
  const folder = await temporaryFolder();
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const server = createServer().listen(join(folder, 'socket'));
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  for (const path of [join(folder, 'pipe'), join(folder, 'socket'), '/dev/zero', folder])
    await expect(readHeaderInTime(imageIn(path))).rejects.toThrow(NO_FILE);
});

test('many headers in a row leave no listeners behind', async () => {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error) => warnings.push(message);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  const { read } = headerReader({ workerFile });
  for (let file = 0; file < 25; file++) await read(imageIn(`${file}.png`));
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings).toEqual([]);
});

test('a parser that hangs is killed in time, and the next file gets a new process', async () => {
  const { read } = headerReader({ secondsMax: 1, workerFile });
  const first = await read(imageIn('a.png'));
  expect((await read(imageIn('b.png'))).width).toBe(first.width);
  const hung = read(imageIn('hang'));
  const waiting = read(imageIn('c.png'));
  await expect(hung).rejects.toMatchObject({
    name: 'UserError',
    message: 'Reading the header of the image takes longer than the limit of 1 s. Save it as a plain JPEG, PNG or TIFF.',
  });
  expect((await waiting).width).not.toBe(first.width);
  expect(() => process.kill(first.width, 0)).toThrow('ESRCH');
});

test('a parser that crashes costs one attempt, and the next file gets a new process', async () => {
  const { read } = headerReader({ workerFile });
  await expect(read(imageIn('crash'))).rejects.toMatchObject({
    name: 'TransientError',
    message: 'The process that reads images stopped while it read the header. Try again.',
  });
  expect((await read(imageIn('a.png'))).format).toBe('png');
});

test('a process whose parent is gone before it has started ends without a word', async () => {
  const entry = fileURLToPath(new URL('../../pipeline/imaging/decoding/worker.ts', import.meta.url));
  const child = fork(entry, { serialization: 'advanced', execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let words = '';
  child.stderr?.on('data', (bytes) => {
    words += bytes;
  });
  child.disconnect();
  expect([await once(child, 'exit'), words]).toEqual([[null, 'SIGKILL'], '']);
});
