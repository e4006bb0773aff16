// The agent verifies findings itself: each waits, as a crop of the image, for its verdict.
import type { DurableContext } from '@aws/durable-execution-sdk-js';
import type { AgentQuestion, AgentReport, AgentRound } from '../agent-documents.ts';
import type { AnalysisRequest, Finding, Usage } from '../contract/schemas.ts';
import type { Verdict } from '../findings/verification.ts';
import { withContext } from '../planning/geometry.ts';
import type { Plan } from '../planning/plan.ts';
import type { PipelineDeps } from '../ports.ts';
import type { ProgressReport } from '../progress/progress-writer.ts';
import { watchCancellation } from '../steps/cancellation.ts';
import { inImage } from '../steps/verdicts/verify-finding.ts';
import { agentReports, agentWaitS } from './agent-rounds.ts';

interface Run {
  request: AnalysisRequest;
  context: DurableContext;
  progress: ProgressReport;
  deps: PipelineDeps;
}

const BOARD = 'verify';

/** By the id of the finding. A finding without a verdict keeps its place, with a note. */
export async function verifyByAgent(
  { request, context, progress, deps }: Run,
  plan: Plan,
  findings: readonly Finding[],
): Promise<{ verdicts: Map<string, Verdict>; usages: Usage[]; notes: string[] }> {
  const questions = findings.map((finding) => questionOn(finding, plan));
  const work = { board: BOARD, items: questions.map((_, item) => item), ask: request.ask, questions };
  const cancellation = watchCancellation(request.execution_id, null, () => 0, deps);
  const { reports, ended } = await agentReports(context, work, {
    executionId: request.execution_id,
    cancellation,
    deps,
    waitS: agentWaitS(request),
    onRound: ({ waits }, pending) => progress.waitsForAgent(waits ? pending : null),
  });
  const verdicts = findings.map((finding, item) => {
    const report = reports.get(item);
    return [finding.id, report ? verdictOf(report, finding, withContext(finding.box, plan), request) : without(ended)] as const;
  });
  return { verdicts: new Map(verdicts), usages: [], notes: [] };
}

function questionOn(finding: Finding, plan: Plan): AgentQuestion {
  const { id, label, description, score, severity, text, box } = finding;
  return { finding: { id, label, description, score, severity, text }, crop: withContext(box, plan), box };
}

function verdictOf({ verdict }: AgentReport, finding: Finding, crop: Finding['box'], request: AnalysisRequest): Verdict {
  if (!verdict) throw new Error(`Expected a verdict on ${finding.id} in the report.`);
  const scale = verdict.verdict === 'corrected' ? verdict.sent.width / crop[2] : 1;
  const toImage = ([left, top, width, height]: Finding['box']): Finding['box'] => [
    crop[0] + left / scale,
    crop[1] + top / scale,
    width / scale,
    height / scale,
  ];
  return inImage(verdict, { toImage }, finding, request);
}

function without(ended: AgentRound['ended']): Verdict {
  const reason = ended === 'late' ? 'no agent reported on it in time.' : 'the analysis was cancelled.';
  return { verdict: 'none', reason };
}
