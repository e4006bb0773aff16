// What can be named wherever the server runs: an image that was uploaded, and one at an address on an allowed host.

import { UserError } from '../contract/errors.ts';
import { keys } from '../contract/keys.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import type { Blobs } from '../ports.ts';
import { checkImageUrl, namedHosts } from './image-hosts.ts';

const UPLOAD_ID = /^[a-z0-9][a-z0-9.-]{0,80}$/;

export interface NamedImagesOptions {
  /** What the caller may see of the store. */
  blobs: Blobs;
  /** As in sources/image-hosts.ts. */
  allowedHosts: readonly string[];
  /** What can be named, for a sentence. */
  accepted: string;
}

/** The image of an upload id, or at an https:// address. Throws a UserError for what is neither, with what can be named. */
export async function uploadedOrOnHost(image: string, options: NamedImagesOptions): Promise<AnalysisRequest['image']> {
  const { blobs, allowedHosts, accepted } = options;
  if (/^https:/i.test(image) && allowedHosts.length > 0) return onHost(image, allowedHosts);
  if (/^[a-z0-9]+:/i.test(image)) throw new UserError(`Expected ${accepted}, got ${image.slice(0, 100)}. Upload it instead.`);
  return await uploaded(image, blobs);
}

/** Throws a UserError when nothing was sent under that id. */
export async function uploaded(uploadId: string, blobs: Blobs): Promise<AnalysisRequest['image']> {
  const key = keys.upload(uploadId);
  const head = UPLOAD_ID.test(uploadId) && !uploadId.includes('..') ? await blobs.head(key) : null;
  if (!head) {
    throw new UserError(
      `Expected the upload_id of an image that was sent, got ${uploadId.slice(0, 100)}, under which there is none. ` +
        'Call create_upload, send the file to its url, and use its upload_id.',
    );
  }
  return { source: { kind: 'blob', key }, uri: `upload://${uploadId}`, version: head.version };
}

/** The end of a sentence that says what can be named; empty when no host is allowed. */
export function orOnHosts(allowedHosts: readonly string[]): string {
  return allowedHosts.length > 0 ? ` or an https:// address on ${namedHosts(allowedHosts)}` : '';
}

/** Nothing is asked of the host here: that is for the pipeline. So the address itself stands for the version of the image. */
function onHost(image: string, allowedHosts: readonly string[]): AnalysisRequest['image'] {
  const url = checkImageUrl(image, allowedHosts).href;
  return { source: { kind: 'url', url }, uri: url, version: url };
}
