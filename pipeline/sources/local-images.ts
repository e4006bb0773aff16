// Finds a named image: an upload of this server, a file inside a folder that it was given, or an address on a host that it allows.
import { realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../contract/errors.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import type { Blobs, Images } from '../ports.ts';
import { orOnHosts, uploadedOrOnHost } from './named-images.ts';

/** `allowedFolders` are absolute: a symbolic link that leads out of them is outside. `allowedHosts` as in sources/image-hosts.ts. */
export function localImages(blobs: Blobs, allowedFolders: readonly string[], allowedHosts: readonly string[]): Images {
  const folders = allowedFolders.map((folder) => ` or a file:// inside ${folder}`).join('');
  const accepted = `an upload_id${folders}${orOnHosts(allowedHosts)}`;
  return {
    async resolve(image) {
      if (/^file:/i.test(image)) return await namedFile(image, allowedFolders, accepted);
      return await uploadedOrOnHost(image, { blobs, allowedHosts, accepted });
    },
  };
}

async function namedFile(uri: string, allowedFolders: readonly string[], accepted: string): Promise<AnalysisRequest['image']> {
  const path = await realPathOf(uri);
  const allowed = await Promise.all(allowedFolders.map((folder) => realpath(folder).catch(() => null)));
  const inside =
    path !== null && allowed.some((folder) => folder !== null && path.startsWith(folder.endsWith(sep) ? folder : folder + sep));
  const found = inside ? await stat(path) : null;
  // A file that is not there and one outside get the same answer: what lies outside is not for anyone to probe.
  if (!path || !found?.isFile()) {
    throw new UserError(
      `Expected ${accepted}, got ${uri.slice(0, 200)}, which is not there. Check the path, or upload the image.`,
    );
  }
  return { source: { kind: 'file', path }, uri, version: `${found.mtimeMs}-${found.size}` };
}

async function realPathOf(uri: string): Promise<string | null> {
  try {
    return await realpath(fileURLToPath(uri));
  } catch {
    return null;
  }
}
