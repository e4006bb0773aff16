// The image sources of each deployment. A row is one file: which names it accepts, and how an image is resolved (in the MCP
// server) and downloaded (in the pipeline). Configuration, wiring and docs/configuration.md derive from these rows.
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../contract/errors.ts';
import type { AllOf } from '../contract/variables.ts';
import type { Blobs, ImageDownloads, ImageSources } from '../ports.ts';
import { file } from './file-source.ts';
import { https } from './https-source.ts';
import { s3 } from './s3-source.ts';
import { notAccepted, type Source, shown } from './source.ts';
import { upload } from './upload-source.ts';

type Rows = Readonly<Record<string, Source>>;

/** In the order in which a refusal lists what is accepted. */
export const SOURCES = {
  local: { upload, file, https },
  aws: { upload, s3, https },
} satisfies Record<string, Rows>;

export type SourceName = { [Deployment in keyof typeof SOURCES]: keyof (typeof SOURCES)[Deployment] }[keyof typeof SOURCES];

type SettingsOf<R extends Rows> = AllOf<{ [Name in keyof R]: Parameters<R[Name]['open']>[0] }[keyof R]>;

export interface OpenSources {
  /** What a caller may name, one part of a sentence for each source that the settings allow. */
  accepted: readonly string[];
  /** The images that a caller may name who sees these blobs. */
  imagesIn(blobs: Blobs): ImageSources;
  downloads: ImageDownloads;
}

export function openSources<R extends Rows>(rows: R, settings: SettingsOf<R> & object): OpenSources {
  const open = Object.values(rows).map(({ scheme, open }) => ({ scheme, ...open(settings) }));
  const parts = open.flatMap((source) => source.accepted ?? []);
  const accepted = parts.join(' or ');
  const readsFiles = open.some((source) => source.scheme === 'file' && source.accepted !== null);
  /** Agents name files by their paths: the same file has one name, and one execution. */
  const addressOf = (image: string) => (readsFiles && isAbsolute(image) ? pathToFileURL(image).href : image);
  const downloads = new Map(open.flatMap(({ scheme, download }) => (scheme && download ? [[`${scheme}://`, download]] : [])));
  return {
    accepted: parts,
    imagesIn: (blobs) => ({
      async resolve(image) {
        const name = addressOf(image);
        const scheme = /^([a-z0-9]+):/i.exec(name)?.[1]?.toLowerCase() ?? null;
        const source = open.find((one) => one.scheme === scheme && one.accepted !== null);
        if (!source) throw notAccepted(image, accepted);
        return await source.resolve(name, { blobs, accepted });
      },
    }),
    downloads: {
      async download(url, path, bytesMax, version) {
        const download = downloads.get(url.slice(0, url.indexOf('://') + 3));
        if (download) return await download(url, path, bytesMax, version);
        const known = [...downloads.keys()].join(' or ');
        throw new UserError(
          `The pipeline downloads images from ${known} addresses, not ${shown(url)}. Upload the image instead.`,
        );
      },
    },
  };
}
