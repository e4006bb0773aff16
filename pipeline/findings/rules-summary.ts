// Writes a summary by rules, without a model, and states that in its first sentence. Pure.
import type { Finding, ModelId, TileTotals } from '../contract/schemas.ts';
import { isBuiltInDetector } from '../providers/local-labels.ts';
import { byLabel, bySeverity } from './finding-order.ts';

const LABELS_MAX = 12;
const IDS_A_LABEL_MAX = 3;
const MOST_IMPORTANT_MAX = 5;

export interface SummaryCounts {
  image: { width: number; height: number };
  findings: readonly Finding[];
  tiles: TileTotals;
}

/** The same findings give the same sentences. They contain labels and ids only: text that was read in an image stays in its finding. */
export function summaryByRules({ image, findings, tiles }: SummaryCounts): string {
  const scope = `in ${image.width} x ${image.height} px`;
  const found = findings.length === 0 ? [`Nothing was found ${scope}.`] : sentencesOn(findings, scope);
  return ['Counted by rules, without a language model.', ...found, ...sentenceOnGaps(tiles)].join(' ');
}

function sentencesOn(findings: readonly Finding[], scope: string): string[] {
  const groups = byLabel(findings);
  const counts = groups.slice(0, LABELS_MAX).map(([label, group]) => `${group.length} ${label} (${ids(group)})`);
  const rest = groups.length - counts.length;
  if (rest > 0) counts.push(`${rest} more ${rest === 1 ? 'label' : 'labels'}`);
  const important = findings.toSorted(bySeverity).slice(0, MOST_IMPORTANT_MAX);
  return [
    `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'} ${scope}: ${counts.join(', ')}.`,
    `Most important: ${important.map(place).join('; ')}.`,
  ];
}

/** If blank tiles are analyzed too, an image of a single color is known by its overview. */
export const BLANK_OVERVIEW = 'The image is blank: its overview has a single color.';

/** Begins the summary, because an image that was read wrongly often comes out blank. Empty if there was something to analyze. */
export function sentenceOnBlank({ total, blank }: SummaryCounts['tiles'], imageNotes: readonly string[]): string[] {
  if (total > 0 && blank === total) {
    const tiles = total === 1 ? 'its only tile has' : `all ${total} tiles have`;
    return [`The image is blank: ${tiles} a single color, so no model analyzed it.`];
  }
  return imageNotes.filter((note) => note === BLANK_OVERVIEW);
}

/** Ends the summary, because "nothing was found" means little where the models know little. */
export function sentenceOnKnowledge(models: readonly ModelId[]): string[] {
  if (!models.every(isBuiltInDetector)) return [];
  return [
    'Only built-in detectors analyzed the image: they know everyday things seen from the side, and printed Latin and Chinese text.',
  ];
}

/** Empty if no tile is missing. */
export function sentenceOnGaps({ total, failed, not_analyzed }: SummaryCounts['tiles']): string[] {
  if (failed + not_analyzed === 0) return [];
  const gaps = [
    failed > 0 && `${failed} of ${total} tiles failed`,
    not_analyzed > 0 && `${not_analyzed} of ${total} tiles were not started`,
  ];
  return [`Not analyzed: ${gaps.filter(Boolean).join(', ')}, so objects that lie only in them are missing.`];
}

function ids(group: readonly Finding[]): string {
  const shown = group.toSorted(bySeverity).slice(0, IDS_A_LABEL_MAX);
  return shown.map(({ id }) => id).join(', ') + (group.length > shown.length ? ', …' : '');
}

function place({ id, label, score, severity, box: [left, top, width, height] }: Finding): string {
  const severe = severity === 'info' ? '' : `${severity}, `;
  return `${id} ${label} (${severe}score ${score.toFixed(2)}) around ${Math.round(left + width / 2)}, ${Math.round(top + height / 2)}`;
}
