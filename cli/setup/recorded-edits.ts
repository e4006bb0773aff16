// What `tilesight setup` changed in a file, so that it can restore the file byte for byte. Keeps no text but the one that it wrote or
// replaced: configurations of clients hold keys.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'jsonc-parser';
import { z } from 'zod';
import { codeOf, UserError } from '../../pipeline/contract/errors.ts';
import { writeWhole } from '../write-whole.ts';

/** From `offset` on, `written` characters replaced `replaced`. `isNew` if there was no file. */
const RecordedEdit = z.object({
  sha256: z.string(),
  offset: z.number().int(),
  written: z.number().int(),
  replaced: z.string(),
  isNew: z.boolean(),
});

const fileOf = (home: string, name: string) => join(home, 'setup', `${name}.json`);
const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** `before` is `null` if there was no file. */
export async function recordEdit(home: string, name: string, before: string | null, after: string): Promise<void> {
  const old = before ?? '';
  let offset = 0;
  while (offset < old.length && old[offset] === after[offset]) offset += 1;
  let end = 0;
  const endMax = Math.min(old.length, after.length) - offset;
  while (end < endMax && old[old.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const edit: z.infer<typeof RecordedEdit> = {
    sha256: digestOf(after),
    offset,
    written: after.length - end - offset,
    replaced: old.slice(offset, old.length - end),
    isNew: before === null,
  };
  const folder = dirname(fileOf(home, name));
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause) => {
    throw new UserError(`Cannot make the folder ${folder} (${codeOf(cause)}). Correct TILESIGHT_HOME.`, { cause });
  });
  await writeWhole(fileOf(home, name), [JSON.stringify(edit)]);
}

/** The text before the recorded edit, `null` if there was no file; `undefined` if the file has changed since, or nothing is recorded. */
export async function undoneText(home: string, name: string, text: string | null): Promise<string | null | undefined> {
  const stored = await readFile(fileOf(home, name), 'utf8').catch(() => '');
  const edit = RecordedEdit.safeParse(parse(stored)).data;
  if (!edit || text === null || digestOf(text) !== edit.sha256) return undefined;
  if (edit.isNew) return null;
  return text.slice(0, edit.offset) + edit.replaced + text.slice(edit.offset + edit.written);
}

export async function forgetEdit(home: string, name: string): Promise<void> {
  await rm(fileOf(home, name), { force: true });
}
