// How findings look wherever they are drawn: a color for each label, and a weight and a mark for each severity. Pure.
import { at } from '../contract/at.ts';
import type { Severity } from '../contract/schemas.ts';

export interface LabelColor {
  color: string;
  /** Text on this color: a contrast of 4.5 or more. */
  ink: string;
}

/**
 * Okabe and Ito's colors (https://jfly.uni-koeln.de/color/), then three that are as far from them and from each other as these are
 * with every kind of color blindness.
 */
export const LABEL_COLORS: readonly LabelColor[] = [
  { color: '#d55e00', ink: '#000000' },
  { color: '#0072b2', ink: '#ffffff' },
  { color: '#009e73', ink: '#000000' },
  { color: '#cc79a7', ink: '#000000' },
  { color: '#e69f00', ink: '#000000' },
  { color: '#56b4e9', ink: '#000000' },
  { color: '#f0e442', ink: '#000000' },
  { color: '#bb1188', ink: '#ffffff' },
  { color: '#8877ff', ink: '#000000' },
  { color: '#bbffcc', ink: '#000000' },
];

/** Rarer labels share this one, so that no two labels look the same by accident. */
export const OTHER_LABELS: LabelColor = { color: '#c3c7cd', ink: '#000000' };

export interface SeverityLook {
  /** Width of the line, as a multiple of the thinnest. */
  weight: number;
  /** Stands before the name of a finding. Legible in grey, in print and without color. */
  mark: string;
}

/** Color distinguishes labels, so weight and mark distinguish severities. */
export const SEVERITY_LOOKS: Readonly<Record<Severity, SeverityLook>> = {
  info: { weight: 1, mark: '' },
  low: { weight: 1.25, mark: '·' },
  medium: { weight: 1.6, mark: '!' },
  high: { weight: 2, mark: '!!' },
  critical: { weight: 2.6, mark: '!!!' },
};

/** The labels that have a color of their own, the most frequent first; ties by code units. `counts` has the findings of each label. */
export function coloredLabels(counts: ReadonlyMap<string, number>): string[] {
  return [...counts]
    .sort(([a, few], [b, many]) => many - few || (a < b ? -1 : 1))
    .slice(0, LABEL_COLORS.length)
    .map(([label]) => label);
}

/** The same colors for the same findings, wherever they are drawn. */
export function colorsOfLabels(counts: ReadonlyMap<string, number>): (label: string) => LabelColor {
  const colors = new Map(coloredLabels(counts).map((label, place) => [label, at(LABEL_COLORS, place)]));
  return (label) => colors.get(label) ?? OTHER_LABELS;
}

/** The number of findings of each label. */
export function countsByLabel(findings: Iterable<{ label: string }>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { label } of findings) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

/** `!! crack 0.93`. A text says more than its label. */
export function nameOf({
  text,
  label,
  severity,
  score,
}: {
  text: string | null;
  label: string;
  severity: Severity;
  score: number;
}) {
  const { mark } = SEVERITY_LOOKS[severity];
  return `${mark === '' ? '' : `${mark} `}${text ?? label} ${score.toFixed(2)}`;
}
