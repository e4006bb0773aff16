// The last step of a question: stores how the answer was found, and its evidence as findings.
import type { Answered } from '../../contract/questions/question.ts';
import type { Look, Trace } from '../../contract/questions/search-turn.ts';
import type { AnalysisRequest, FindingsDocument, Status, Usage } from '../../contract/schemas.ts';
import { writeDocument } from '../../documents.ts';
import type { Inspected } from '../../planning/inspected.ts';
import { requestNotes } from '../../planning/request-notes.ts';
import type { PipelineDeps } from '../../ports.ts';
import type { ProgressReport } from '../../progress/progress-writer.ts';
import { answerWords, whereWords } from '../../searching/answer-words.ts';
import { EVIDENCE_MAX, findingsOf } from '../../searching/evidence.ts';
import type { AnswerAction } from '../../searching/next-move.ts';
import { looksOf, type Turn } from '../../searching/search-state.ts';
import { stepDocuments } from '../../step-documents.ts';
import type { SourceImage } from '../source-image.ts';
import { type StoredResults, storeDocument } from '../store-results.ts';

/** Why a search ended without an answer. */
export type NoAnswer = { why: 'cancelled' | 'budget' | 'unusable'; reason: string };

/** What a search has come to. */
export interface SearchResult {
  turns: readonly Turn[];
  outcome: AnswerAction | NoAnswer;
  usage: Usage;
  notes: readonly string[];
}

const STATUS: Record<NoAnswer['why'], Status> = { cancelled: 'CANCELLED', budget: 'PARTIAL', unusable: 'FAILED' };

export async function storeAnswer(
  request: AnalysisRequest,
  inspected: Inspected,
  result: SearchResult,
  report: { image: SourceImage; progress: ProgressReport },
  deps: PipelineDeps,
): Promise<StoredResults> {
  const document = documentOf(request, inspected, result);
  await writeDocument(stepDocuments.trace(request.execution_id), traceOf(request, result), deps.blobs);
  const reason = document.answer?.reason ?? null;
  return await storeDocument(request, { document, inspected, reason, sources: [] }, result.usage, report, deps);
}

function documentOf(
  request: AnalysisRequest,
  inspected: Inspected,
  { turns, outcome, usage, notes }: SearchResult,
): FindingsDocument {
  const { execution_id, image, ask, plan, models, question } = request;
  if (!question) throw new Error('Expected a question.');
  const { width, height } = inspected.plan;
  const size = { width, height };
  const looks = looksOf({ turns: [...turns] });
  const answer = 'why' in outcome ? null : outcome;
  const { model } = question;
  const findings = answer ? findingsOf(answer.evidence, { confidence: answer.confidence, looks, image: size, model }) : [];
  const answered: Answered = {
    question: question.text,
    text: answer?.text ?? null,
    found: answer?.found ?? false,
    confidence: answer?.confidence ?? null,
    evidence: findings.map(({ id }) => id),
    reason: 'why' in outcome ? outcome.reason : null,
    looks: looks.length,
    looked_at: looks.map(({ box }) => box),
  };
  return {
    execution_id,
    status: 'why' in outcome ? STATUS[outcome.why] : 'SUCCEEDED',
    image: { uri: image.uri, width, height, format: inspected.format, version: image.version },
    request: { ask, plan },
    models,
    tiles: { total: 0, done: 0, blank: 0, failed: [], not_analyzed: [] },
    usage,
    summary: answer ? answerWords(answer, findings, looks, size) : `The question was not answered. ${whereWords(looks, size)}`,
    notes: [...new Set([...inspected.plan.notes, ...requestNotes(request), ...notes, ...evidenceNotes(answer)])],
    answer: answered,
    findings,
  };
}

/** What is wrong with the evidence of an answer. */
function evidenceNotes(answer: AnswerAction | null): string[] {
  if (!answer) return [];
  const { found, evidence, outside } = answer;
  const left = evidence.length - EVIDENCE_MAX;
  return [
    ...(found && evidence.length === 0 ? ['The model cites no evidence for its answer, also when asked again. Check it.'] : []),
    ...(outside > 0 ? [`${outside} of the cited boxes lie outside of the image and were left out.`] : []),
    ...(left > 0 ? [`${left} more pieces of evidence were left out.`] : []),
  ];
}

function traceOf({ question }: AnalysisRequest, { turns, outcome }: SearchResult): Trace {
  if (!question) throw new Error('Expected a question.');
  const last = 'why' in outcome ? [] : [{ action: outcome, reply: null, look: null, person: null }];
  return {
    question: question.text,
    model: question.model,
    turns: [...turns, ...last].map(({ action, reply, look, person }) => ({ action, reply, look: look && shown(look), person })),
  };
}

function shown({ usage: _, ...look }: Look): Omit<Look, 'usage'> {
  return look;
}
