// The judge and the verification model as durable operations, after the merge: each call is a step. Order, names and nesting of the
// operations are how an execution in flight resumes: contract/protocol.ts.
import { type DurableContext, NestingType } from '@aws/durable-execution-sdk-js';
import { verifyByAgent } from './agent/agent-verification.ts';
import { asking } from './asking.ts';
import { at } from './contract/at.ts';
import { STEPS } from './contract/protocol.ts';
import type { AnalysisRequest, Finding, ModelId, Usage } from './contract/schemas.ts';
import { retryVerification } from './durable/retry-policy.ts';
import type { MergeResult } from './findings/merged.ts';
import type { Verdict } from './findings/verification.ts';
import type { Plan } from './planning/plan.ts';
import type { PipelineDeps } from './ports.ts';
import type { ProgressReport } from './progress/progress-writer.ts';
import { isAgent } from './providers/agent-model.ts';
import { judgeFindings, unjudged } from './steps/verdicts/judge-findings.ts';
import {
  accountFor,
  unverified,
  type VerificationBudget,
  type VerifiedFinding,
  verifyFinding,
} from './steps/verdicts/verify-finding.ts';

interface VerdictRun {
  request: AnalysisRequest;
  context: DurableContext;
  progress: ProgressReport;
  deps: PipelineDeps;
}

interface Verdicts {
  /** By the id of the finding. */
  verdicts: Map<string, Verdict>;
  usages: Usage[];
  /** How the models had to be asked, each sentence once. */
  notes: string[];
}

/** A finding that cannot be judged or verified keeps its place, with a note. */
export async function verdictsOn(run: VerdictRun, plan: Plan, { disputes = [], doubtful }: MergeResult): Promise<Verdicts> {
  const { request } = run;
  if (disputes.length + doubtful.length > 0) run.progress.phase('verify');
  const judged = disputes.length > 0 ? await judge(run, plan, disputes) : NONE;
  const verifying = isAgent(request.models.verification) ? verifyByAgent : verify;
  const verified = doubtful.length > 0 ? await verifying(run, plan, doubtful) : NONE;
  return {
    verdicts: new Map([...judged.verdicts, ...verified.verdicts]),
    usages: [...judged.usages, ...verified.usages],
    notes: [...new Set([...judged.notes, ...verified.notes])],
  };
}

/** What the results of all these steps have in common. */
type Answered = Pick<VerifiedFinding, 'usage' | 'notes'>;

const NONE: Verdicts = { verdicts: new Map(), usages: [], notes: [] };

async function judge(run: VerdictRun, plan: Plan, groups: Finding[][]): Promise<Verdicts> {
  const { request, deps } = run;
  const budget: VerificationBudget = { purpose: 'the judge', spentUsd: 0, exhausted: null };
  const results = await calls(run, {
    name: STEPS.judge,
    model: request.models.judge ?? null,
    items: groups,
    nameOf: (group) => STEPS.judgeFindings(at(group, 0).id),
    call: (group) => judgeFindings(request, plan, group, budget, deps),
    unusable: ({ message }, group) => unjudged(group, request, message),
    account: (result, group) => accountFor(result, budget, (reason) => unjudged(group, request, reason)),
  });
  const verdicts = results.flatMap(({ item, result }) => item.map(({ id }, index) => [id, at(result.verdicts, index)] as const));
  return { verdicts: new Map(verdicts), ...costsAndNotes(results) };
}

async function verify(run: VerdictRun, plan: Plan, findings: Finding[]): Promise<Verdicts> {
  const { request, deps } = run;
  const budget: VerificationBudget = { purpose: 'verification', spentUsd: 0, exhausted: null };
  const results = await calls(run, {
    name: STEPS.verify,
    model: request.models.verification,
    items: findings,
    nameOf: ({ id }) => STEPS.verifyFinding(id),
    call: (finding) => verifyFinding(request, plan, finding, budget, deps),
    unusable: ({ message }) => unverified(message),
    account: (result) => accountFor(result, budget, unverified),
  });
  return {
    verdicts: new Map(results.map(({ item, result }) => [item.id, result.verdict])),
    ...costsAndNotes(results),
  };
}

function costsAndNotes(results: readonly { result: Answered }[]): Pick<Verdicts, 'usages' | 'notes'> {
  return {
    usages: results.map(({ result }) => result.usage),
    notes: results.flatMap(({ result }) => result.notes ?? []),
  };
}

/** A map with a step for each item. */
async function calls<Item, Result extends Answered>(
  run: VerdictRun,
  given: {
    name: string;
    model: ModelId | null;
    items: Item[];
    nameOf: (item: Item) => string;
    /** The body of the step. */
    call: (item: Item) => Promise<Result>;
    /** The result if the answer cannot be used. */
    unusable: (error: Error, item: Item) => Result;
    /** Outside of the step, so that a replay counts the cost again. */
    account: (result: Promise<Result>, item: Item) => Promise<Result>;
  },
): Promise<{ item: Item; result: Result }[]> {
  const one = async (itemContext: DurableContext, item: Item) => {
    const step = given.nameOf(item);
    const unusable = (error: Error) => given.unusable(error, item);
    const body = asking(step, run, given.model, () => given.call(item), unusable);
    return await given.account(itemContext.step(step, body, { retryStrategy: retryVerification }), item);
  };
  const outcomes = await run.context.map(given.name, given.items, one, {
    nesting: NestingType.FLAT,
    maxConcurrency: run.deps.limits.tileConcurrency,
    itemNamer: given.nameOf,
    completionConfig: { toleratedFailurePercentage: 100 },
  });
  return outcomes.succeeded().map(({ index, result }) => ({ item: at(given.items, index), result }));
}
