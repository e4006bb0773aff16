// Step 7: merged findings and the small copy → a summary that cites findings which exist, and says what was not seen.

import { sentenceOf } from '../contract/errors.ts';
import type { AnalysisRequest, Finding, Usage } from '../contract/schemas.ts';
import { NO_USAGE } from '../contract/usage.ts';
import { citingOnly } from '../findings/citations.ts';
import type { Merged } from '../findings/merged.ts';
import { sentenceOnGaps } from '../findings/rules-summary.ts';
import { isRejected } from '../findings/verification.ts';
import type { Plan } from '../planning/plan.ts';
import type { PipelineDeps, SummaryMaterial } from '../ports.ts';
import type { ImageInHand } from './source-image.ts';

export interface Synthesis {
  /** Null: none was written by a model, and rules have to do. */
  summary: string | null;
  usage: Usage;
  notes: string[];
}

/** Where no model is asked. */
export const NO_SYNTHESIS: Synthesis = { summary: null, usage: NO_USAGE, notes: [] };

/** `findings`: with the verdicts of second looks. */
export async function synthesize(
  { ask, models }: AnalysisRequest,
  { plan, merged, findings }: { plan: Plan; merged: Merged; findings: readonly Finding[] },
  image: ImageInHand,
  { vision }: PipelineDeps,
): Promise<Synthesis> {
  const material = materialOf(plan, merged, findings);
  const { summary, usage } = await vision.summarize(models.synthesis, { ...material, ask, overview: image.overview });
  const gaps = sentenceOnGaps(material.tiles).filter((sentence) => !summary.includes(sentence));
  return { summary: [citingOnly(summary, material.findings), ...gaps].join(' '), usage, notes: [] };
}

/** Findings are not lost for want of a summary. */
export function withoutSynthesis(error: unknown): Synthesis {
  const reason = sentenceOf(error) ?? 'The model for it failed.';
  return { summary: null, usage: NO_USAGE, notes: [`The summary was written by rules: ${reason}`] };
}

export function materialOf(
  { width, height }: Plan,
  { tiles }: Merged,
  findings: readonly Finding[],
): Pick<SummaryMaterial, 'image' | 'findings' | 'tiles'> {
  return {
    image: { width, height },
    findings: findings.filter((finding) => !isRejected(finding)),
    tiles: { ...tiles, failed: tiles.failed.length },
  };
}
