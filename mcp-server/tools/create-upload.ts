// create_upload: a place and a link for an image that is not there yet. The bytes never pass through a tool call.
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import { keys, ownedId } from '../../pipeline/contract/keys.ts';
import type { Tool } from './define.ts';

export const UPLOAD_BYTES_MAX = 2_147_483_648; // 2 GiB: a gigapixel JPEG is some 0.5 GB, a PNG 1.5
const EXPIRES_S = 900;

const input = z.strictObject({
  file_name: z.string().min(1).max(200).describe('Name of the file, for example site-plan.png.'),
  bytes: z.number().int().min(1).describe('Exact size of the file.'),
});

const output = z.object({
  upload_id: z.string().describe('Give this to analyze_image as image.'),
  url: z.string(),
  headers: z.record(z.string(), z.string()).describe('Send exactly these with the PUT.'),
  expires_at: z.string(),
  curl: z.string(),
  next_step: z.string(),
});

export const createUpload: Tool<typeof input, typeof output> = {
  name: 'create_upload',
  title: 'Upload an image',
  description:
    'Use this when the image is a local file. Returns a link that takes the file by HTTP PUT (a ready curl line is included) ' +
    'and an upload_id. Run the curl line, then call analyze_image with image set to the upload_id.',
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  async run({ file_name, bytes }, { links, clock, owner }) {
    if (bytes > UPLOAD_BYTES_MAX) {
      throw new UserError(
        `Expected a file of at most ${UPLOAD_BYTES_MAX} bytes (2 GiB), got ${bytes}. Send a smaller or more compressed one.`,
      );
    }
    const unguessable = crypto.randomUUID().replaceAll('-', '').slice(0, 20);
    const upload_id = ownedId(`${slugOf(file_name)}-${unguessable}`, owner);
    const { url, headers } = await links.forPut(keys.upload(upload_id), { bytesMax: bytes, expiresInS: EXPIRES_S });
    const headerFlags = Object.entries(headers).map(([name, value]) => `-H '${name}: ${value}' `);
    return {
      upload_id,
      url,
      headers,
      expires_at: new Date(clock.now().getTime() + EXPIRES_S * 1_000).toISOString(),
      curl: `curl --fail-with-body --globoff -T ${shellQuoted(file_name)} ${headerFlags.join('')}'${url}'`,
      next_step: `Send the file with the curl line, then call analyze_image with image ${upload_id}.`,
    };
  },
};

/** Keeps the name readable; the rest of the id is what makes it hard to guess. */
function slugOf(fileName: string): string {
  const slug = fileName
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[-.]+|[-.]+$/g, '');
  return slug.slice(-40).replace(/^[-.]+/, '') || 'image';
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
