// The messages to and from the process that reads headers: plain values, because they are copied between processes.
import { z } from 'zod';
import type { ImageLimits } from '../../planning/image-limits.ts';

export interface HeaderRequest {
  path: string;
  /** From 0. */
  page: number;
  bands?: number[];
  limits: ImageLimits;
}

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

export const HeaderResponse = z.discriminatedUnion('state', [
  z.object({ state: z.literal('ready') }),
  z.object({ state: z.literal('done'), header: ImageHeader }),
  z.object({ state: z.literal('failed'), error: Failure, cause: Failure.nullable() }),
]);
export type HeaderResponse = z.infer<typeof HeaderResponse>;
