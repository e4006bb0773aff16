// Images that a client uploaded, named by their upload_id. They are objects of the deployment's own store.
import { UserError } from '../contract/errors.ts';
import { keys } from '../contract/keys.ts';
import type { Blobs } from '../ports.ts';
import type { NamedImage, Source } from './source.ts';

const UPLOAD_ID = /^[a-z0-9][a-z0-9.-]{0,80}$/;

export const upload = {
  scheme: null,
  variables: () => ({}),
  open: (_settings: object) => ({
    accepted: 'an upload_id',
    resolve: (image, { blobs }) => resolveUpload(image, blobs),
  }),
} satisfies Source;

/** Throws a UserError if nothing was uploaded under that id. */
export async function resolveUpload(uploadId: string, blobs: Blobs): Promise<NamedImage> {
  const key = keys.upload(uploadId);
  const head = UPLOAD_ID.test(uploadId) && !uploadId.includes('..') ? await blobs.head(key) : null;
  if (!head) {
    throw new UserError(
      `No image was uploaded under the upload_id ${uploadId.slice(0, 100)}. ` +
        'Call create_upload, send the file to its url, and use its upload_id.',
    );
  }
  return { source: { kind: 'blob', key }, uri: `upload://${uploadId}`, version: head.version };
}
