// Finds a named picture: an upload of this server, a file inside a folder that it was given, or an address on a host that it allows.
import { realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AnalysisRequest } from '../pipeline/core/contract.ts';
import { UserError } from '../pipeline/core/errors.ts';
import { checkImageUrl, namedHosts } from '../pipeline/core/image-hosts.ts';
import { keys } from '../pipeline/core/keys.ts';
import type { Blobs, Pictures } from '../pipeline/ports.ts';

const UPLOAD_ID = /^[a-z0-9][a-z0-9.-]{0,80}$/;

/** `allowedFolders` are absolute: a symbolic link that leads out of them is outside. `allowedHosts` as in core/image-hosts.ts. */
export function localPictures(blobs: Blobs, allowedFolders: readonly string[], allowedHosts: readonly string[]): Pictures {
  const accepted = sentencePart(allowedFolders, allowedHosts);
  return {
    async resolve(image) {
      if (/^file:/i.test(image)) return await namedFile(image, allowedFolders, accepted);
      if (/^https:/i.test(image) && allowedHosts.length > 0) return elsewhere(image, allowedHosts);
      if (/^[a-z0-9]+:/i.test(image)) throw new UserError(`Expected ${accepted}, got ${image.slice(0, 100)}. Upload it instead.`);
      return await uploaded(image, blobs);
    },
  };
}

async function uploaded(uploadId: string, blobs: Blobs): Promise<AnalysisRequest['image']> {
  const key = keys.upload(uploadId);
  const head = UPLOAD_ID.test(uploadId) && !uploadId.includes('..') ? await blobs.head(key) : null;
  if (!head) {
    throw new UserError(
      `Expected the upload_id of a picture that was sent, got ${uploadId.slice(0, 100)}, under which there is none. ` +
        'Call create_upload, send the file to its url, and use its upload_id.',
    );
  }
  return { source: { kind: 'blob', key }, uri: `upload://${uploadId}`, version: head.version };
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
      `Expected ${accepted}, got ${uri.slice(0, 200)}, which is not there. Check the path, or upload the picture.`,
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

/** Nothing is asked of the host here: that is for the pipeline. So the address itself stands for the version of the picture. */
function elsewhere(image: string, allowedHosts: readonly string[]): AnalysisRequest['image'] {
  const url = checkImageUrl(image, allowedHosts).href;
  return { source: { kind: 'url', url }, uri: url, version: url };
}

function sentencePart(allowedFolders: readonly string[], allowedHosts: readonly string[]): string {
  const folders = allowedFolders.map((folder) => ` or a file:// inside ${folder}`).join('');
  const hosts = allowedHosts.length > 0 ? ` or an https:// address on ${namedHosts(allowedHosts)}` : '';
  return `an upload_id${folders}${hosts}`;
}
