// Step 7: merged findings and the small copy → a summary that cites findings which exist, and says what was not seen.

import { citingOnly } from '../core/citations.ts';
import type { ModelId, Usage } from '../core/contract.ts';
import { sentenceOf } from '../core/errors.ts';
import { sentenceOnGaps, summaryByRules } from '../core/summary-by-rules.ts';
import { NO_USAGE } from '../core/usage.ts';
import type { PipelineDeps, SummaryMaterial } from '../ports.ts';

export interface Synthesis {
  summary: string;
  usage: Usage;
  notes: string[];
}

export async function synthesize(model: ModelId, material: SummaryMaterial, { vision }: PipelineDeps): Promise<Synthesis> {
  const { summary, usage } = await vision.summarize(model, material);
  const gaps = sentenceOnGaps(material.tiles).filter((sentence) => !summary.includes(sentence));
  return { summary: [citingOnly(summary, material.findings), ...gaps].join(' '), usage, notes: [] };
}

/** Findings are not lost for want of a summary. */
export function synthesisWithoutModel(error: unknown, material: SummaryMaterial): Synthesis {
  const reason = sentenceOf(error) ?? 'The model for it failed.';
  return { summary: summaryByRules(material), usage: NO_USAGE, notes: [`The summary was written by rules: ${reason}`] };
}
