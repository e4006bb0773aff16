// Findings in columns, for a page that draws 100,000 of them: numbers side by side, and every text that repeats once. Pure.
import { type Finding, type FindingsDocument, Severity } from '../contract/schemas.ts';

/** What a row says of its second look, by its number. */
export const VERDICTS = ['none', 'confirmed', 'corrected', 'rejected'] as const;
export const SEVERITIES = Severity.options;

/** Longer texts are cut: the finding itself has the whole. */
const TEXT_CHARACTERS_MAX = 120;

/** Every array has an element a finding, `boxes` four: left, top, width, height in pixels of the full image. */
export interface FindingColumns {
  image: { uri: string; width: number; height: number };
  count: number;
  /** Null where they count from f1, as they do unless somebody else wrote them. */
  ids: string[] | null;
  labels: string[];
  /** Places in `labels`, SEVERITIES and VERDICTS. */
  label: number[];
  severity: number[];
  verdict: number[];
  /** In thousandths. */
  score: number[];
  boxes: number[];
  /** What was read, where anything was, by row. */
  texts: Record<number, string>;
}

export function columnsOf({
  image: { uri, width, height },
  findings,
}: Pick<FindingsDocument, 'image' | 'findings'>): FindingColumns {
  const labels = new Map<string, number>();
  const columns: FindingColumns = {
    ...{ image: { uri, width, height }, count: findings.length, labels: [], label: [], severity: [], verdict: [] },
    ...{ ids: findings.some(({ id }, row) => id !== `f${row + 1}`) ? findings.map(({ id }) => id) : null },
    ...{ score: [], boxes: [], texts: {} },
  };
  for (const [row, finding] of findings.entries()) {
    if (!labels.has(finding.label)) labels.set(finding.label, labels.size);
    columns.label.push(labels.get(finding.label) ?? 0);
    columns.severity.push(SEVERITIES.indexOf(finding.severity));
    columns.verdict.push(verdictOf(finding));
    columns.score.push(Math.round(finding.score * 1_000));
    columns.boxes.push(...finding.box);
    if (finding.text !== null) columns.texts[row] = shortened(finding.text);
  }
  return { ...columns, labels: [...labels.keys()] };
}

function verdictOf({ verified }: Finding): number {
  return VERDICTS.indexOf(verified ?? 'none');
}

function shortened(text: string): string {
  return text.length > TEXT_CHARACTERS_MAX ? `${text.slice(0, TEXT_CHARACTERS_MAX).toWellFormed()}…` : text;
}
