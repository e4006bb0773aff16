// Renders views of files in a process of their own, within seconds: no step has checked these files.
import { TransientError } from '../../contract/errors.ts';
import type { ImageFile } from '../decoder-limits.ts';
import type { WantedView } from '../views/view.ts';
import { type FileView, namedFile } from './decoder-messages.ts';
import { decoderProcess } from './decoder-process.ts';

/** 400 megapixels take seconds; a call of a tool waits 30 s at most. */
const VIEW_SECONDS_MAX = 20;

const ofThisProcess = decoderProcess({ secondsMax: VIEW_SECONDS_MAX, tooSlow, task: 'rendered the view' });

/**
 * Throws what `viewFile` throws, and a TransientError if it takes too long, is no longer wanted, or ends the process: then the image must
 * be cut into tiles, which may take minutes and more than one attempt.
 */
export async function viewFileInTime(
  file: ImageFile,
  view: WantedView,
  { scratchFolder, signal }: { scratchFolder: string; signal?: AbortSignal },
): Promise<FileView> {
  const answer = await ofThisProcess.ask({ kind: 'view', file: namedFile(file), view, scratchFolder }, signal);
  if (answer.state !== 'viewed') throw new Error(`Expected a view, but got ${answer.state}.`);
  return answer.view;
}

function tooSlow(seconds: number): TransientError {
  return new TransientError(`Decoding the image takes longer than ${seconds} s.`);
}
