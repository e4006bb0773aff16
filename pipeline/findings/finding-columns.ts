// Findings in columns, for a page that draws 100,000 of them: arrays of numbers, and every repeated text once. Pure.
import { type Finding, type FindingsDocument, Severity } from '../contract/schemas.ts';

/** The result of verification, by its number in a row. */
export const VERDICTS = ['none', 'confirmed', 'corrected', 'rejected'] as const;
export const SEVERITIES = Severity.options;

/** Longer texts are cut; the finding itself has all of it. */
const TEXT_CHARACTERS_MAX = 120;

/** Every array has one element a finding, `boxes` four: left, top, width, height in pixels of the full image. */
export interface FindingColumns {
  image: { uri: string; width: number; height: number };
  count: number;
  /** `null` if they count from f1, as the pipeline numbers them. */
  ids: string[] | null;
  labels: string[];
  /** Indexes in `labels`, SEVERITIES and VERDICTS. */
  label: number[];
  severity: number[];
  verdict: number[];
  /** In thousandths. */
  score: number[];
  boxes: number[];
  /** The text that was read, by row; rows without text have none. */
  texts: Record<number, string>;
  /** The corners in whole pixels of the full image, x and y in turn, by row; rows that have only a box have none. */
  outlines: Record<number, number[]>;
}

export function columnsOf({
  image: { uri, width, height },
  findings,
}: Pick<FindingsDocument, 'image' | 'findings'>): FindingColumns {
  const columns: FindingColumns = {
    image: { uri, width, height },
    count: findings.length,
    ids: findings.some(({ id }, row) => id !== `f${row + 1}`) ? findings.map(({ id }) => id) : null,
    labels: [],
    label: [],
    severity: [],
    verdict: [],
    score: [],
    boxes: [],
    texts: {},
    outlines: {},
  };
  const labels = new Map<string, number>();
  for (const [row, finding] of findings.entries()) {
    const label = labels.get(finding.label) ?? labels.size;
    labels.set(finding.label, label);
    columns.label.push(label);
    columns.severity.push(SEVERITIES.indexOf(finding.severity));
    columns.verdict.push(verdictOf(finding));
    columns.score.push(Math.round(finding.score * 1_000));
    columns.boxes.push(...finding.box);
    if (finding.polygon) columns.outlines[row] = finding.polygon.flat().map(Math.round);
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
