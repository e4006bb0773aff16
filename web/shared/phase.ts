// Words and numbers for how far an execution is, the same on both pages.
import type { Phase, Progress } from '../../pipeline/contract/schemas.ts';

export const PHASE_WORDS: Record<Phase, string> = {
  queued: 'waiting for its turn',
  inspect: 'reading the image’s header',
  moderate: 'checking whether it may be looked at',
  tile: 'cutting it into tiles',
  detect: 'looking at every tile',
  merge: 'merging what was seen',
  verify: 'looking again at what is doubtful',
  synthesize: 'writing the summary',
  store: 'storing the results',
  done: 'done',
};

export function shareOf({ total, done, failed, blank }: Progress['tiles']): number {
  return total > 0 ? (done + failed + blank) / total : 0;
}
