// Images in folders of this machine, named with file:// URLs. The pipeline reads them where they are.
import { realpath, stat } from 'node:fs/promises';
import { delimiter, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../contract/errors.ts';
import { list } from '../contract/variables.ts';
import { type NamedImage, nameList, notReadable, type Source } from './source.ts';

export interface FileSettings {
  /** Absolute paths. A symbolic link that leads out of them is outside. */
  ALLOWED_FOLDERS: readonly string[];
}

export const file = {
  scheme: 'file',
  variables: () => ({
    ALLOWED_FOLDERS: list(delimiter)
      .default([])
      .meta({ description: 'Folders whose images may be named by absolute path or with `file://`, separated like `PATH`.' }),
  }),
  open: ({ ALLOWED_FOLDERS: folders }: FileSettings) => ({
    accepted: folders.length > 0 ? `a file:// URL or absolute path inside ${nameList(folders, 'folders')}` : null,
    resolve: (image, { accepted }) => resolveFile(image, folders, accepted),
  }),
} satisfies Source;

async function resolveFile(uri: string, folders: readonly string[], accepted: string): Promise<NamedImage> {
  const path = await realPathOf(uri);
  const found = path !== null && (await isInside(path, folders)) ? await stat(path) : null;
  if (!path || !found?.isFile()) throw new UserError(notReadable(uri, accepted));
  return { source: { kind: 'file', path }, uri, version: `${found.mtimeMs}-${found.size}` };
}

async function isInside(path: string, folders: readonly string[]): Promise<boolean> {
  const allowed = await Promise.all(folders.map((folder) => realpath(folder).catch(() => null)));
  return allowed.some((folder) => folder !== null && path.startsWith(folder.endsWith(sep) ? folder : folder + sep));
}

async function realPathOf(uri: string): Promise<string | null> {
  try {
    return await realpath(fileURLToPath(uri));
  } catch {
    return null;
  }
}
