// Writes the notes that follow from the request alone. They are known before anything runs, and are the same in a dry run, in the
// progress and in the findings. Pure.
import type { AnalysisRequest, ModelId } from '../contract/schemas.ts';
import { knowledgeNotes, selectionOf } from '../providers/local-labels.ts';
import { priceOf, unknownPriceNote } from '../providers/prices.ts';
import { modelsUsed } from './cost.ts';

export type NotedRequest = Pick<AnalysisRequest, 'ask' | 'models' | 'verify' | 'max_cost_usd' | 'detectors' | 'question'>;

export function requestNotes(request: NotedRequest): string[] {
  const { ask, models, detectors = [], question } = request;
  const unmoderated = models.moderation === null ? ['The image is not moderated.'] : [];
  if (question) return [...(question.about ? [] : unmoderated), ...questionNotes(question.model, request.max_cost_usd)];
  // A text model of a user's detects no things either.
  const readsText = (model: ModelId) => detectors.some((detector) => detector.model === model && detector.reads_text);
  return [
    ...models.detection.flatMap((model) => selectionOf(model, ask)?.notes ?? []),
    ...knowledgeNotes(
      models.detection.filter((model) => !readsText(model)),
      ask,
    ),
    ...detectors.flatMap(({ notes }) => notes),
    ...priceNotes(request),
    ...unmoderated,
  ];
}

function questionNotes(model: ModelId, maxCostUsd: number | null): string[] {
  if (priceOf(model) !== null) return [];
  return [unknownPriceNote(model), ...(maxCostUsd === null ? [] : [notEnforced(maxCostUsd, [model])])];
}

function notEnforced(maxCostUsd: number, unpriced: readonly ModelId[]): string {
  return `max_cost_usd (${maxCostUsd}) cannot be enforced: it does not count the cost of ${unpriced.join(', ')}.`;
}

function priceNotes({ models, verify, max_cost_usd }: NotedRequest): string[] {
  const notes = modelsUsed({ models, verify })
    .filter((model) => priceOf(model) === null)
    .map(unknownPriceNote);
  const unpriced = models.detection.filter((model) => priceOf(model) === null);
  if (max_cost_usd === null || unpriced.length === 0) return notes;
  return [...notes, notEnforced(max_cost_usd, unpriced)];
}
