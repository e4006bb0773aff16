// The order of findings by how much they matter to a reader. Pure.
import type { Finding, Severity } from '../contract/schemas.ts';

const IMPORTANCE: Readonly<Record<Severity, number>> = { info: 0, low: 1, medium: 2, high: 3, critical: 4 };

/** Most severe first, then the highest score. The id decides ties, so that the order of the input does not matter. */
export function bySeverity(a: Finding, b: Finding): number {
  return IMPORTANCE[b.severity] - IMPORTANCE[a.severity] || b.score - a.score || byText(a.id, b.id);
}

/** The most frequent labels first, with their findings. */
export function byLabel(findings: readonly Finding[]): [label: string, group: Finding[]][] {
  return [...Map.groupBy(findings, ({ label }) => label)].sort(
    ([a, one], [b, other]) => other.length - one.length || byText(a, b),
  );
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
