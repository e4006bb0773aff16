// Step 7: a model writes the summary from the merged findings and the overview. It cites only findings that exist, and names the
// tiles that were not analyzed.
import { sentenceOf } from '../contract/errors.ts';
import type { AnalysisRequest, Finding, Usage } from '../contract/schemas.ts';
import { NO_USAGE } from '../contract/usage.ts';
import { withKnownCitations } from '../findings/citations.ts';
import type { Merged } from '../findings/merged.ts';
import { sentenceOnGaps } from '../findings/rules-summary.ts';
import { isRejected } from '../findings/verification.ts';
import type { Plan } from '../planning/plan.ts';
import type { PipelineDeps, SummaryMaterial } from '../ports.ts';
import type { SourceImage } from './source-image.ts';

export interface Synthesis {
  /** `null` if no model wrote one: the summary then follows rules. */
  summary: string | null;
  usage: Usage;
  notes: string[];
}

/** If no model is called. */
export const NO_SYNTHESIS: Synthesis = { summary: null, usage: NO_USAGE, notes: [] };

/** `findings` carry the verdicts of the verification. */
export async function synthesize(
  { ask, models }: AnalysisRequest,
  { plan, merged, findings }: { plan: Plan; merged: Merged; findings: readonly Finding[] },
  image: SourceImage,
  { vision }: PipelineDeps,
): Promise<Synthesis> {
  const material = materialOf(plan, merged, findings);
  const { summary, usage, notes = [] } = await vision.summarize(models.synthesis, { ...material, ask, overview: image.overview });
  const gaps = sentenceOnGaps(material.tiles).filter((sentence) => !summary.includes(sentence));
  return { summary: [withKnownCitations(summary, material.findings), ...gaps].join(' '), usage, notes };
}

/** A failed summary does not cost the findings. */
export function synthesisByRules(error: unknown): Synthesis {
  const reason = sentenceOf(error) ?? 'The synthesis model failed.';
  return {
    summary: null,
    usage: NO_USAGE,
    notes: [`The summary follows fixed rules, because the synthesis model failed: ${reason}`],
  };
}

export function materialOf(
  { width, height }: Plan,
  { tiles }: Merged,
  findings: readonly Finding[],
): Pick<SummaryMaterial, 'image' | 'findings' | 'tiles'> {
  return {
    image: { width, height },
    findings: findings.filter((finding) => !isRejected(finding)),
    tiles: { ...tiles, failed: tiles.failed.length, not_analyzed: tiles.not_analyzed.length },
  };
}
