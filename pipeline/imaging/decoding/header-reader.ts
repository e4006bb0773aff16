// Reads headers in a process of their own, within seconds. Must not know formats.
import { UserError } from '../../contract/errors.ts';
import type { ImageFile } from '../decoder-limits.ts';
import { type ImageHeader, namedFile } from './decoder-messages.ts';
import { decoderProcess } from './decoder-process.ts';

/** Headers take milliseconds, 5,000 pages two seconds. */
export const HEADER_SECONDS_MAX = 10;

export interface HeaderReader {
  /**
   * Throws a UserError if the file is not an accepted image, exceeds a limit or cannot be read in time, and a TransientError if the
   * process stops or too many files wait for it.
   */
  read(file: ImageFile): Promise<ImageHeader>;
}

/** `workerFile` sends and takes the messages of decoder-messages.ts. */
export function headerReader({
  secondsMax = HEADER_SECONDS_MAX,
  workerFile,
}: {
  secondsMax?: number;
  workerFile?: string;
} = {}): HeaderReader {
  const process = decoderProcess({ secondsMax, ...(workerFile && { workerFile }), tooSlow, task: 'read the header' });
  return {
    async read(file) {
      const answer = await process.ask({ kind: 'header', file: namedFile(file) });
      if (answer.state !== 'done') throw new Error(`Expected a header, but got ${answer.state}.`);
      return answer.header;
    },
  };
}

function tooSlow(seconds: number): UserError {
  return new UserError(
    `Reading the header of the image takes longer than the limit of ${seconds} s. Save it as a plain JPEG, PNG or TIFF.`,
  );
}

/** The one of this process. */
const ofThisProcess = headerReader();

/** As `HeaderReader.read`. */
export async function readHeaderInTime(file: ImageFile): Promise<ImageHeader> {
  return await ofThisProcess.read(file);
}
