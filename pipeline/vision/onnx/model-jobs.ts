// What the pool asks of a worker process and what comes back: plain values, because they are copied between processes.
import type { Detection } from '../../contract/schemas.ts';
import type { Jpeg } from '../../ports.ts';
import type { NsfwScores } from './nsfw.ts';

/** The looks there are, with what each sees. */
export interface Looks {
  nanodet: Detection[];
  ppocr: Detection[];
  nsfw: NsfwScores;
}
export type LookName = keyof Looks;

export interface LookRequest {
  look: LookName;
  image: Jpeg;
}

export type LookResponse =
  | { state: 'seen'; seen: Looks[LookName] }
  /** An error's class is lost between processes; its name says whether the caller can fix it. */
  | { state: 'failed'; name: string; message: string };
