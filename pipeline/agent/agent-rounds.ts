// Waits for the reports of agents, as durable operations: the invocation suspends, and nothing runs. In each round the execution opens
// one callback, publishes what is pending, and continues once enough was reported. Names and order of the operations are how an execution
// in flight resumes: contract/protocol.ts.
import { CallbackTimeoutError, type DurableContext } from '@aws/durable-execution-sdk-js';
import { type AgentReport, type AgentRound, agentDocuments } from '../agent-documents.ts';
import { AGENT_WAIT_S_MAX, STEPS } from '../contract/protocol.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import { withOverflow } from '../durable/checkpoint-overflow.ts';
import { retryTransient } from '../durable/retry-policy.ts';
import type { PipelineDeps } from '../ports.ts';
import { isAgent } from '../providers/agent-model.ts';
import { type AgentWork, collectReports, type RoundState } from '../steps/agent/collect-reports.ts';
import type { Cancellation } from '../steps/cancellation.ts';
import { loggingFailure } from '../telemetry/log-context.ts';

export interface AgentRun {
  executionId: string;
  cancellation: Pick<Cancellation, 'check'>;
  deps: PipelineDeps;
  /** The longest that all rounds together wait. */
  waitS: number;
  /** After each round. */
  onRound(round: AgentRound, pending: number): void;
}

/** By item. `ended`: why items have no report; `null` if all have one. */
export interface AgentReports {
  reports: ReadonlyMap<number, AgentReport>;
  ended: AgentRound['ended'];
}

/** Returns when every item has a report, or when the execution no longer waits for one. */
export async function agentReports(context: DurableContext, work: AgentWork, run: AgentRun): Promise<AgentReports> {
  const reports = new Map<number, AgentReport>();
  let [isLate, wait_s] = [false, run.waitS];
  for (let round = 0; ; round++) {
    const callback = isLate
      ? null
      : await context.createCallback(STEPS.waitForAgent(work.board, round), { timeout: { seconds: wait_s } });
    const [answer, callbackId = null] = callback ?? [];
    const state: RoundState = { collected: new Set(reports.keys()), callbackId, wait_s };
    const step = STEPS.collectReports(work.board, round);
    const collect = () => collectReports(run.executionId, work, state, run.cancellation, run.deps);
    const found = await context.step(step, loggingFailure(run.deps.log, { step }, collect), {
      retryStrategy: retryTransient,
      serdes: withOverflow(agentDocuments.round(run.executionId, work.board, round), run.deps.blobs),
    });
    for (const { item, report } of found.reports) reports.set(item, report);
    wait_s = found.wait_s;
    run.onRound(found, work.items.length - reports.size);
    if (reports.size === work.items.length || found.ended !== null) return { reports, ended: found.ended };
    if (found.waits && answer) {
      const leftS = await answer.then((left) => secondsLeft(left, wait_s), nullAfterTimeout);
      if (leftS === null) isLate = true;
      else wait_s = leftS;
    }
  }
}

/** The longest that tiles, or findings to verify, wait for an agent. Detection and verification by the agent share the time. */
export function agentWaitS({ models, verify }: Pick<AnalysisRequest, 'models' | 'verify'>): number {
  const waitsTwice = verify && models.detection.some(isAgent) && isAgent(models.verification);
  return waitsTwice ? AGENT_WAIT_S_MAX / 2 : AGENT_WAIT_S_MAX;
}

/** Who completes the callback sends the seconds until pending work fails; a cancellation and servers before them send nothing. */
function secondsLeft(left: string, before: number): number {
  return /^\d+$/.test(left) ? Math.min(before, Number(left)) : before;
}

/** The callback has timed out: the last reports are collected. Throws any other error. */
function nullAfterTimeout(error: unknown): null {
  if (error instanceof CallbackTimeoutError) return null;
  throw error;
}
