// Renders views of files in a process of their own, within seconds: no step has checked these files.
import { UserError } from '../../contract/errors.ts';
import type { ImageFile } from '../decoder-limits.ts';
import type { WantedView } from '../views/view.ts';
import { type FileView, namedFile } from './decoder-messages.ts';
import { decoderProcess } from './decoder-process.ts';

/** 400 megapixels take seconds; a call of a tool waits 30 s at most. */
const VIEW_SECONDS_MAX = 20;

const ofThisProcess = decoderProcess({ secondsMax: VIEW_SECONDS_MAX, tooSlow, task: 'rendered the view' });

/** Throws what `viewFile` throws, a UserError if it takes too long, and a TransientError if the process stops. */
export async function viewFileInTime(file: ImageFile, view: WantedView, scratchFolder: string): Promise<FileView> {
  const answer = await ofThisProcess.ask({ kind: 'view', file: namedFile(file), view, scratchFolder });
  if (answer.state !== 'viewed') throw new Error(`Expected a view, but got ${answer.state}.`);
  return answer.view;
}

function tooSlow(seconds: number): UserError {
  return new UserError(
    `Decoding the image takes longer than ${seconds} s. Call analyze_image with it, then view_region with its execution_id.`,
  );
}
