// The messages to and from the process that reads files: plain values, because they are copied between processes.
import { z } from 'zod';
import type { ImageLimits } from '../../planning/image-limits.ts';
import type { ImageFile } from '../decoder-limits.ts';
import type { WantedView } from '../views/view.ts';

interface NamedFile {
  path: string;
  /** From 0. */
  page: number;
  bands?: number[];
  limits: ImageLimits;
}

export function namedFile({ path, page, bands, limits }: ImageFile): NamedFile {
  return { path, page, limits, ...(bands && { bands: [...bands] }) };
}

/** Reads the header, or renders a view. */
export type DecoderRequest =
  | { kind: 'header'; file: NamedFile }
  | { kind: 'view'; file: NamedFile; view: WantedView; scratchFolder: string };

export const ImageHeader = z.object({
  format: z.string(),
  /** Pixels of the upright image. */
  width: z.number().int(),
  height: z.number().int(),
  /** How the file was understood, for the reader of the results. */
  notes: z.array(z.string()),
  /** Bytes that decoding writes to the temporary disk, besides the pyramid. */
  temporaryBytes: z.number(),
});
export type ImageHeader = z.infer<typeof ImageHeader>;

/** The class of an error is lost between processes; its name says whether the caller can fix it. */
const Failure = z.object({ name: z.string(), message: z.string(), code: z.string().nullable() });
export type Failure = z.infer<typeof Failure>;

const Place = z.tuple([z.number(), z.number(), z.number(), z.number()]);
export const FileView = z.object({
  header: ImageHeader,
  bytes: z.custom<Uint8Array>((bytes) => bytes instanceof Uint8Array),
  width: z.number().int(),
  height: z.number().int(),
  panels: z.array(z.object({ box: Place, scale: z.number(), place: Place })),
});
export type FileView = z.infer<typeof FileView>;

export const DecoderResponse = z.discriminatedUnion('state', [
  z.object({ state: z.literal('ready') }),
  z.object({ state: z.literal('done'), header: ImageHeader }),
  z.object({ state: z.literal('viewed'), view: FileView }),
  z.object({ state: z.literal('failed'), error: Failure, cause: Failure.nullable() }),
]);
export type DecoderResponse = z.infer<typeof DecoderResponse>;
