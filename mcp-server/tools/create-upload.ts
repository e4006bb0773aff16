// create_upload: a link to which a client sends an image. The bytes never pass through a tool call.
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import { keys, ownedId } from '../../pipeline/contract/keys.ts';
import type { Tool } from './define.ts';

const UPLOAD_BYTES_MAX = 2_147_483_648; // 2 GiB: a gigapixel takes about 0.5 GB as JPEG and 1.5 GB as PNG
const EXPIRES_S = 900;

const input = z.strictObject({
  file_name: z.string().min(1).max(200).describe('For example site-plan.png.'),
  bytes: z.number().int().min(1).describe('Exact size of the file.'),
});

const output = z.object({
  upload_id: z.string().describe('The image argument for analyze_image.'),
  url: z.string().describe('Takes the file by HTTP PUT.'),
  headers: z.record(z.string(), z.string()).describe('Headers to send with the PUT request, exactly these.'),
  expires_at: z.string().describe('ISO 8601. The link is valid for 15 minutes.'),
  curl: z.string().describe('A command that sends the file.'),
  next_step: z.string().describe('Which tool to call next.'),
});

export const createUpload = {
  name: 'create_upload',
  title: 'Upload a local image file',
  description:
    'Use this if the image is a local file. Returns an upload_id, a link that takes the file by HTTP PUT and a ready curl command. ' +
    'Run the command, then call analyze_image with the upload_id as image.',
  instruction: 'For a local file: create_upload, run the curl command that it returns, then analyze_image with the upload_id.',
  input,
  output,
  owned: {},
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  async run({ file_name, bytes }, { links, clock, owner, quotas }) {
    if (bytes > UPLOAD_BYTES_MAX) {
      throw new UserError(
        `The file has ${bytes} bytes, but an upload takes at most ${UPLOAD_BYTES_MAX} (2 GiB). Send a smaller or more compressed file.`,
      );
    }
    await quotas?.checkUpload(owner, bytes);
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
      next_step: `Run the curl command to send the file, then call analyze_image with image ${upload_id}.`,
    };
  },
} as const satisfies Tool<typeof input, typeof output>;

/** The readable part of an upload_id; the random part makes it hard to guess. */
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
