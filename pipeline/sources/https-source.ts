// Images on web hosts that the deployment allows, named with https:// addresses. How they are fetched is in https/.
import { z } from 'zod';
import { list } from '../contract/variables.ts';
import type { DownloadOptions } from './https/download-image.ts';
import { checkImageUrl, ImageHost, namedHosts } from './https/image-hosts.ts';
import type { Source } from './source.ts';

export interface HttpsSettings extends DownloadOptions {
  /** As in https/image-hosts.ts. */
  ALLOWED_IMAGE_HOSTS: readonly string[];
}

export const https = {
  scheme: 'https',
  variables: () => ({
    ALLOWED_IMAGE_HOSTS: list(',')
      .pipe(z.array(ImageHost))
      .default([])
      .meta({
        description:
          'Hosts whose images may be named with `https://`, separated by commas: `example.org`, `*.example.org`, `example.org:8443`. ' +
          'An address inside a network is refused even if its host is listed.',
      }),
  }),
  open: ({ ALLOWED_IMAGE_HOSTS: hosts, ...options }: HttpsSettings) => ({
    accepted: hosts.length > 0 ? `an https:// address on ${namedHosts(hosts)}` : null,

    /** Sends no request: only the pipeline reaches hosts. So the address itself stands for the version of the image. */
    async resolve(image) {
      const url = checkImageUrl(image, hosts).href;
      return { source: { kind: 'url', url }, uri: url, version: url };
    },

    async download(url, path, bytesMax) {
      const { downloadImage } = await import('./https/download-image.ts');
      await downloadImage(url, path, bytesMax, hosts, options);
    },
  }),
} satisfies Source;
