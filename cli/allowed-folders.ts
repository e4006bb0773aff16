// The folders whose images callers of a local server may name: those of --allow, or those of ALLOWED_FOLDERS.
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Config } from '../pipeline/config.ts';
import { UserError } from '../pipeline/contract/errors.ts';

/** Absolute paths. Throws a UserError for one that is not a folder. */
export async function allowedFolders(
  allow: readonly string[] | undefined,
  { ALLOWED_FOLDERS }: Pick<Config, 'ALLOWED_FOLDERS'>,
): Promise<string[]> {
  const folders = (allow ?? ALLOWED_FOLDERS).map((folder) => resolve(folder));
  for (const folder of folders) await checkAllowed(folder);
  return folders;
}

/** A server that allows a folder that is not there refuses every image in it, later and with another sentence. */
async function checkAllowed(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => null);
  if (found?.isDirectory()) return;
  const fault = found ? 'is not a folder' : 'does not exist or may not be read';
  throw new UserError(`${folder} ${fault}. Name folders with images with --allow or ALLOWED_FOLDERS.`);
}
