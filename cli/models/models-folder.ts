// The folder of the registered detectors on this machine: a detector is there as a whole or not at all. Also `tilesight models list` and
// `remove`.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import Table from 'cli-table3';
import { readConfig } from '../../pipeline/config.ts';
import { withDiskAdvice } from '../../pipeline/contract/disk-errors.ts';
import { codeOf, UserError } from '../../pipeline/contract/errors.ts';
import { printable } from '../../pipeline/contract/printable.ts';
import { isDetectorName } from '../../pipeline/providers/detector-names.ts';
import type { Sidecar } from '../../pipeline/vision/detectors/sidecar.ts';
import { parseAnySidecar, TEXT_FILES } from '../../pipeline/vision/detectors/text-sidecar.ts';
import { MODEL_FILE, MODELS_FOLDER, namesIn, SIDECAR_FILE } from '../../pipeline/vision/registered-detectors.ts';
import { print } from '../terminal.ts';

/** Other users of this machine must not read the models. */
const PRIVATE_FOLDER = 0o700;
const LICENSE_CHARACTERS_MAX = 40;
/** A folder in progress, with the process that works in it. */
const PART = /^\.(\d+)-[0-9a-f-]{36}\.part$/;

/** Throws a UserError if a detector cannot have this name. */
export function checkedName(name: string): string {
  const plain = name.replace(/^onnx:/, '');
  if (isDetectorName(plain)) return plain;
  throw new UserError(
    `The name ${printable(name).slice(0, 80)} is not possible. Use at most 40 lower-case letters, digits, dots, hyphens and underscores, for example gauges; nanodet, ppocr and nsfw are built in.`,
  );
}

export function folderOf(home: string, name: string): string {
  return join(home, MODELS_FOLDER, name);
}

/** Throws a UserError if there is a detector of this name. */
export async function checkFree(home: string, name: string): Promise<void> {
  if (!(await isRegistered(home, name))) return;
  throw new UserError(`The detector onnx:${name} is registered already. Choose another name, or add --replace.`);
}

async function isRegistered(home: string, name: string): Promise<boolean> {
  return (await stat(folderOf(home, name)).catch(() => null)) !== null;
}

/**
 * `fill` writes the files of a detector into an empty folder, which then becomes the one of that name. If it fails, nothing is left of
 * it, and a detector that it was to replace stays.
 */
export async function registerWhole<T>(
  home: string,
  name: string,
  mayReplace: boolean,
  fill: (folder: string) => Promise<T>,
): Promise<T> {
  const models = join(home, MODELS_FOLDER);
  const part = () => join(models, `.${process.pid}-${randomUUID()}.part`);
  const [next, before] = [part(), part()];
  try {
    await mkdir(models, { recursive: true, mode: PRIVATE_FOLDER });
    await removeLeftovers(models);
    await mkdir(next, { mode: PRIVATE_FOLDER });
    const filled = await fill(next);
    if (!mayReplace) await checkFree(home, name); // another command may have been faster
    const hadOne = await renamed(folderOf(home, name), before);
    await rename(next, folderOf(home, name)).catch(async (error: unknown) => {
      if (hadOne) await rename(before, folderOf(home, name));
      throw error;
    });
    return filled;
  } catch (error) {
    if (['EEXIST', 'ENOTDIR', 'ENOTEMPTY'].includes(codeOf(error)))
      throw new UserError(`Cannot write ${models} (${codeOf(error)}). Move away what is in its place.`, { cause: error });
    if (codeOf(error) === 'EFBIG')
      throw new UserError(
        `Cannot write into ${models}: a file would be larger than allowed (EFBIG). Raise the limit (\`ulimit -f\`), then try again.`,
        { cause: error },
      );
    if (['ENOSPC', 'EDQUOT'].includes(codeOf(error)))
      throw new UserError(`The disk of ${models} is full. Free some space, then try again.`, { cause: error });
    throw withDiskAdvice(error);
  } finally {
    for (const folder of [next, before]) await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

/** `false` if there is nothing at `from`. */
async function renamed(from: string, to: string): Promise<boolean> {
  if ((await stat(from).catch(() => null)) === null) return false;
  await rename(from, to);
  return true;
}

/** A process that was killed could not remove its folder. */
async function removeLeftovers(models: string): Promise<void> {
  for (const name of await readdir(models)) {
    const [, pid] = name.match(PART) ?? [];
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(models, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

export async function listCommand(): Promise<void> {
  const { TILESIGHT_HOME } = readConfig();
  const names = await namesIn(TILESIGHT_HOME);
  if (names.length === 0) {
    print('No detector is registered. Add one with `npx tilesight models add FILE --name NAME`.\n');
    return;
  }
  const table = new Table({
    head: ['model', 'layout', 'input', 'labels', 'MB', 'license', 'state'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'left', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const name of names) table.push([`onnx:${name}`, ...(await columnsOf(folderOf(TILESIGHT_HOME, name)))]);
  print(`${table.toString()}\nin ${join(TILESIGHT_HOME, MODELS_FOLDER)}\n`);
}

async function columnsOf(folder: string): Promise<string[]> {
  try {
    const sidecar = parseAnySidecar(await readFile(join(folder, SIDECAR_FILE), 'utf8'));
    const { license } = sidecar;
    const files: [file: string, facts: { sha256: string; bytes: number }][] =
      'kind' in sidecar
        ? (['detector', 'reader', 'dictionary'] as const).map((part) => [TEXT_FILES[part], sidecar[part]])
        : [[MODEL_FILE, sidecar]];
    const bytes = files.reduce((sum, [, facts]) => sum + facts.bytes, 0);
    return [
      ...('kind' in sidecar ? ['ppocr', '', 'text'] : layoutColumns(sidecar)),
      (bytes / 1_000_000).toFixed(1),
      license === null ? 'not stated' : printable(license).slice(0, LICENSE_CHARACTERS_MAX),
      await stateOf(folder, files),
    ];
  } catch (error) {
    return ['', '', '', '', '', error instanceof UserError ? error.message : `${SIDECAR_FILE} is missing or may not be read`];
  }
}

function layoutColumns({ layout, input, labels }: Sidecar): string[] {
  const named = labels.filter((label) => label !== null);
  return [layout, `${input.width} x ${input.height}`, named.length.toLocaleString('en')];
}

async function stateOf(folder: string, files: readonly [file: string, facts: { sha256: string }][]): Promise<string> {
  for (const [file, { sha256 }] of files) {
    const hash = createHash('sha256');
    try {
      await pipeline(createReadStream(join(folder, file)), hash);
    } catch {
      return `${file} is missing or may not be read`;
    }
    if (hash.digest('hex') !== sha256) return `${file} was changed: add it again`;
  }
  return 'ready';
}

export async function removeCommand(given: string): Promise<void> {
  const { TILESIGHT_HOME } = readConfig();
  const name = checkedName(given);
  if (!(await isRegistered(TILESIGHT_HOME, name))) {
    const names = await namesIn(TILESIGHT_HOME);
    const known = names.length === 0 ? 'None is.' : `Registered: ${names.map((each) => `onnx:${each}`).join(', ')}.`;
    throw new UserError(`The detector onnx:${name} is not registered. ${known}`);
  }
  const trash = join(TILESIGHT_HOME, MODELS_FOLDER, `.${process.pid}-${randomUUID()}.part`);
  await rename(folderOf(TILESIGHT_HOME, name), trash); // at once: a server never meets half of it
  await rm(trash, { recursive: true, force: true });
  print(`onnx:${name} is removed.\n`);
}
