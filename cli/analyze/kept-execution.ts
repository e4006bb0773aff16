// The execution of a run of `tilesight analyze`: one that was interrupted, a retry of the tiles that an earlier one left out, or a new
// one.
import type { Agent, AnalyzeRequest, Execution } from '../agent.ts';
import { report } from '../terminal.ts';
import type { KeptAnalysis } from './kept-analysis.ts';

export interface RunExecution {
  executionId: string;
  /** The execution whose tiles it analyzes again; `null` if it is not a retry. */
  retryOf: string | null;
}

/** A retry of the same execution is the same retry, also after it was interrupted. */
export async function executionOf(
  kept: Pick<KeptAnalysis, 'executionId' | 'keep'>,
  request: (upload: string) => AnalyzeRequest,
  path: string,
  tools: Agent,
): Promise<RunExecution> {
  const { executionId } = kept;
  if (executionId === null) {
    const started = await tools.start(request(await tools.upload(path)));
    await kept.keep(started.executionId);
    return { executionId: started.executionId, retryOf: null };
  }
  const missing = missingTiles(await tools.state(executionId));
  if (missing === 0) {
    report(`Continuing the analysis ${executionId}.\n`);
    return { executionId, retryOf: null };
  }
  report(
    `Analyzing the ${missing} ${missing === 1 ? 'tile' : 'tiles'} that the analysis ${executionId} left out. --fresh would start over.\n`,
  );
  return { executionId: await tools.retry(executionId), retryOf: executionId };
}

/** What the next run of the same command can still analyze; 0 while the execution runs. */
function missingTiles({ status, tiles: { total, done, blank } }: Execution): number {
  return status === 'PARTIAL' ? total - done - blank : 0;
}
