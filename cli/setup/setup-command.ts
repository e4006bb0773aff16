// `tilesight setup CLIENT`: shows and writes the entry of this server in the configuration of a client, or removes it.
import { chmod, mkdir, readFile, readlink, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { readConfig } from '../../pipeline/config.ts';
import { codeOf, UserError } from '../../pipeline/contract/errors.ts';
import { allowedFolders } from '../allowed-folders.ts';
import { print } from '../terminal.ts';
import { CLIENTS, type ClientName, type Place, thisMachine } from './clients.ts';
import type { Entry } from './config-edits.ts';
import { ownCommand } from './own-command.ts';
import { forgetEdit, recordEdit, undoneText } from './recorded-edits.ts';

const SetupOptions = z.strictObject({
  remove: z.boolean().optional(),
  yes: z.boolean().optional(),
  data: z.string().optional(),
  allow: z.array(z.string()).optional(),
});

/** `values` are commander's. */
export async function setupCommand(name: ClientName, values: unknown): Promise<void> {
  const { remove = false, yes = false, data, allow } = SetupOptions.parse(values);
  const place = thisMachine();
  const { title, path, format } = CLIENTS[name];
  const file = CLIENTS[name].file(place);
  const text = await textOf(file);
  const present = inFile(file, () => format.entryIn(text ?? '', path));
  if (remove) {
    if (present === undefined) return print(`${file} has no entry for tilesight. Nothing was changed.\n`);
    await change(name, place, null, yes);
    return print(`tilesight was removed from ${title}. Restart it.\n`);
  }
  const folders = await allowedFolders(allow ?? [], readConfig());
  const given = [...(data === undefined ? [] : ['--data', resolve(data)]), ...folders.flatMap((folder) => ['--allow', folder])];
  const entry = CLIENTS[name].entry(ownCommand(given));
  if (isDeepStrictEqual(present, entry)) return print(`${file} already has this entry. Nothing was changed.\n`);
  await change(name, place, entry, yes);
  print(`tilesight was added to ${title}. Restart it, and ask: "Which tools does tilesight have?"\n`);
}

/** Shows the change, asks, and writes. `entry` is `null` if it is removed. */
async function change(name: ClientName, place: Place, entry: Entry | null, yes: boolean): Promise<void> {
  const { path, format } = CLIENTS[name];
  const file = CLIENTS[name].file(place);
  const { TILESIGHT_HOME } = readConfig();
  print(
    entry
      ? `${file} gets this entry:\n${format.withEntry('', path, entry).trim()}\n`
      : `${file} loses its entry for tilesight.\n`,
  );
  if (!yes && !(await isWanted())) throw new UserError('Nothing was written. Add --yes to write without a question.');
  const text = await textOf(file); // running clients write their configurations, too: perhaps during the question
  // A file that setup changed last gets the bytes of before, whether an entry is replaced or removed.
  const before = await undoneText(TILESIGHT_HOME, name, text);
  const clean = before === undefined && text !== null ? inFile(file, () => format.withoutEntry(text, path)) : (before ?? null);
  const after = entry ? inFile(file, () => format.withEntry(clean ?? '', path, entry)) : clean;
  // A record without its edit is harmless, and an edit without its record could not be undone byte for byte.
  if (entry && after !== null) await recordEdit(TILESIGHT_HOME, name, clean, after);
  if (after === null) await rm(file, { force: true });
  else await replaceFile(file, after);
  if (!entry) await forgetEdit(TILESIGHT_HOME, name);
}

/** `null` if there is no file. */
async function textOf(file: string): Promise<string | null> {
  const bytes = await bytesOf(file);
  try {
    return bytes && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new UserError(`${file} was not changed: it is not UTF-8. Correct it first.`, { cause });
  }
}

async function bytesOf(file: string): Promise<Buffer | null> {
  try {
    if (!(await stat(file)).isFile()) throw new UserError(`${file} is not a file.`);
    return await readFile(file);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null;
    throw cause instanceof UserError ? cause : new UserError(`Cannot read ${file} (${codeOf(cause)}).`, { cause });
  }
}

/** Where a symbolic link leads, also to a file that is not there yet. */
async function targetOf(file: string): Promise<string> {
  const link = await readlink(file).catch(() => null);
  return await realpath(file).catch(() => (link === null ? file : resolve(dirname(file), link)));
}

/** Keeps the mode, since configurations hold keys, and a symbolic link to the file. */
async function replaceFile(file: string, text: string): Promise<void> {
  const target = await targetOf(file);
  const part = `${target}.${process.pid}.part`;
  try {
    const mode = (await stat(target).catch(() => null))?.mode ?? 0o600;
    await mkdir(dirname(target), { recursive: true });
    await writeFile(part, text, { mode: 0o600 });
    await chmod(part, mode & 0o777);
    await rename(part, target);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => {});
    throw new UserError(`Cannot write ${file} (${codeOf(cause)}).`, { cause });
  }
}

/** Names the file in errors about its text. */
function inFile<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw new UserError(`${file} was not changed: ${cause.message}. Correct it first.`, { cause });
  }
}

async function isWanted(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question('Write it? [y/N] ');
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
