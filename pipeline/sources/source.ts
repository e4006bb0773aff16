// The interface of an image source, and the words that all sources share. Knows no source.
import { UserError } from '../contract/errors.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import type { Variables } from '../contract/variables.ts';
import type { Blobs, ImageDownloads } from '../ports.ts';

/** An image as a request stores it. */
export type NamedImage = AnalysisRequest['image'];

/** One kind of name that `image` may be. */
export interface Source {
  /** What stands before the `:` of a name, in lower case. `null` for names without a scheme. */
  scheme: string | null;
  /** Environment variables of this source alone. */
  variables(): Variables;
  /** Applies the settings of a deployment, the values of `variables` among them. Loads no client. */
  open(settings: object): OpenSource;
}

export interface OpenSource {
  /** What a caller may name, as part of a sentence: `an upload_id`. `null` if the settings allow nothing. */
  accepted: string | null;
  /**
   * Runs in the MCP server. Reads no more of an image than what identifies its version. Throws a UserError if the image is not
   * allowed, does not exist or may not be read.
   */
  resolve(image: string, context: ResolveContext): Promise<NamedImage>;
  /** Runs in the pipeline, for images of `source.kind` `url`. Loads its clients on first use. */
  download?: ImageDownloads['download'];
}

export interface ResolveContext {
  /** The store as the caller may see it. */
  blobs: Blobs;
  /** What all sources of this deployment accept, for a sentence. */
  accepted: string;
}

const LISTED_MAX = 10; // x 63 characters of a bucket's name: 630 of a sentence
const SHOWN_CHARACTERS_MAX = 200;

/** `example.org or *.example.net`, or `… or 3 more hosts` if there are more than ten. */
export function nameList(names: readonly string[], kind: string): string {
  const listed = names.slice(0, LISTED_MAX);
  const more = names.length - listed.length;
  return [...listed, ...(more > 0 ? [`${more} more ${kind}`] : [])].join(' or ');
}

/** A name as a sentence repeats it. */
export function shown(image: string): string {
  return image.slice(0, SHOWN_CHARACTERS_MAX);
}

export function notAccepted(image: string, accepted: string): UserError {
  return new UserError(`This server accepts ${accepted}, not ${shown(image)}. Upload the image instead.`);
}

/** The same sentence for what is missing and for what may not be read: a caller must not learn which of the two it is. */
export function notReadable(image: string, accepted: string): string {
  return (
    `The image ${shown(image)} does not exist or may not be read. This server accepts ${accepted}. ` +
    'Check the name, or upload the image.'
  );
}
