// All findings as compact JSON for the page's script, limited in bytes whatever the findings are. Pure.
import { type Finding, Severity } from '../contract/schemas.ts';
import { jsonText, type Markup, shortened } from './html.ts';

/** Lengths of descriptions and texts to try; the longest that fits is used. */
const TEXT_CHARACTERS_MAX = [2_000, 800, 400, 200, 100, 50, 25] as const;
const VERDICTS = [null, 'confirmed', 'rejected', 'corrected'] as const;

export interface Rows {
  json: Markup;
  /** The number of findings in it: the first ones. */
  kept: number;
  /** Descriptions and texts are cut after this number of characters; `shortened` is true if one is longer. */
  charactersMax: number;
  shortened: boolean;
}

/** `findings` are in the order of the page, `colored` the labels that have a color of their own. Long texts are shortened first; if that is not enough, the last findings are left out. */
export function compactRows(findings: readonly Finding[], colored: readonly string[], bytesMax: number): Rows {
  const longest = findings.reduce((most, { text, description }) => Math.max(most, text?.length ?? 0, description.length), 0);
  const bare = encoded(findings, colored, 0);
  const bareBytes = Buffer.byteLength(bare.text);
  if (bareBytes > bytesMax) {
    const fitting = Math.floor((findings.length * bytesMax * 0.95) / bareBytes);
    return compactRows(findings.slice(0, fitting), colored, bytesMax);
  }
  for (const charactersMax of TEXT_CHARACTERS_MAX) {
    // A character has at least one byte: skip lengths that cannot fit.
    if (bareBytes + charactersIn(findings, charactersMax) > bytesMax) continue;
    const json = encoded(findings, colored, charactersMax);
    const shortened = longest > charactersMax;
    if (Buffer.byteLength(json.text) <= bytesMax) return { json, kept: findings.length, charactersMax, shortened };
  }
  return { json: bare, kept: findings.length, charactersMax: 0, shortened: longest > 0 };
}

/** Repeated texts are written once. */
function charactersIn(findings: readonly Finding[], charactersMax: number): number {
  const texts = new Set(findings.flatMap((finding) => [descriptionOf(finding), finding.text ?? '']));
  return [...texts].reduce((sum, { length }) => sum + Math.min(length, charactersMax), 0);
}

/**
 * A row is [id, label, score, severity, left, top, width, height, description, text, verdict]; empty values at the end are left
 * out. `f12` is 12, a label its index in `labels`, and a text either itself or its place in `texts`, from 1.
 */
function encoded(findings: readonly Finding[], colored: readonly string[], charactersMax: number): Markup {
  const labels = new Map<string, number>();
  const indexOf = (label: string) => {
    const index = labels.get(label) ?? labels.size;
    labels.set(label, index);
    return index;
  };
  const cut = (text: string | null) => (text && charactersMax > 0 ? shortened(text, charactersMax) : '');
  const texts = repeated(findings.flatMap((finding) => [cut(descriptionOf(finding)), cut(finding.text)]));
  const placeOf = new Map(texts.map((text, index) => [text, index + 1]));
  const compact = (text: string | null) => placeOf.get(cut(text)) ?? (cut(text) || 0);
  const rows = findings.map((finding) => {
    const { id, label, score, severity, box, text, verified } = finding;
    const row = [
      /^f[1-9]\d{0,14}$/.test(id) ? Number(id.slice(1)) : id,
      indexOf(label),
      Math.round(score * 1_000),
      Severity.options.indexOf(severity),
      ...box.map(Math.round),
      compact(descriptionOf(finding)),
      compact(text),
      VERDICTS.indexOf(verified),
    ];
    while (row.at(-1) === 0 && row.length > 8) row.pop();
    return row;
  });
  return jsonText({ labels: [...labels.keys()].map(shortLabel), colored: colored.map(shortLabel), texts, rows });
}

/** As the script knows labels. */
const shortLabel = (label: string) => shortened(label, 200);

/** The description; empty if it only repeats the label. */
export function descriptionOf({ description, label }: Finding): string {
  return description === label ? '' : description;
}

function repeated(texts: readonly string[]): string[] {
  const once = new Set<string>();
  const again = new Set<string>();
  for (const text of texts) (text !== '' && once.has(text) ? again : once).add(text);
  return [...again];
}
