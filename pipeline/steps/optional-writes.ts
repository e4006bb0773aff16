// Part of step 8: writes that an execution can do without. What fails is logged, noted in the findings, and never costs the result.
import type { AnalysisRequest } from '../contract/schemas.ts';
import type { PipelineDeps } from '../ports.ts';

/** Resolves with `null` if the work fails. */
export type Attempt = <T>(name: string, work: () => Promise<T>) => Promise<T | null>;

export function optionalWrites(
  { execution_id }: Pick<AnalysisRequest, 'execution_id'>,
  { log }: Pick<PipelineDeps, 'log'>,
): { attempt: Attempt; leftOut(): string[] } {
  const failed: string[] = [];
  return {
    async attempt(name, work) {
      try {
        return await work();
      } catch (error) {
        log.warn({ error, execution: execution_id, name }, 'A file of the results could not be written.');
        failed.push(name);
        return null;
      }
    },
    /** Notes for the caller. */
    leftOut: () => failed.map((name) => `The file ${name} could not be written. The findings are complete.`),
  };
}
