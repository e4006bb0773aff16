// All findings as compact JSON for the page's script: within a number of bytes, whatever the findings are. Pure.
import type { Finding, Severity } from '../contract/schemas.ts';
import { jsonText, type Markup, shortened } from './html.ts';

/** Of a description or a text; the longest that fits is taken. */
const TEXT_CHARACTERS_MAX = [2_000, 800, 400, 200, 100, 50, 25] as const;
const SEVERITIES: readonly Severity[] = ['info', 'low', 'medium', 'high', 'critical'];
const VERDICTS = [null, 'confirmed', 'rejected', 'corrected'] as const;

export interface Rows {
  json: Markup;
  /** How many of the findings, the first ones, are in it. */
  kept: number;
  /** Descriptions and texts end after so many characters; `shortened` when there are longer ones. */
  charactersMax: number;
  shortened: boolean;
}

/** `findings` in the order in which the page shows them. Long texts are shortened first; then the last findings are left out. */
export function compactRows(findings: readonly Finding[], bytesMax: number): Rows {
  const longest = findings.reduce((most, { text, description }) => Math.max(most, text?.length ?? 0, description.length), 0);
  const bare = encoded(findings, 0);
  const bareBytes = Buffer.byteLength(bare.text);
  if (bareBytes > bytesMax) {
    const fitting = Math.floor((findings.length * bytesMax * 0.95) / bareBytes);
    return compactRows(findings.slice(0, fitting), bytesMax);
  }
  for (const charactersMax of TEXT_CHARACTERS_MAX) {
    // A character is a byte at least: what cannot fit is not written first.
    if (bareBytes + charactersIn(findings, charactersMax) > bytesMax) continue;
    const json = encoded(findings, charactersMax);
    const shortened = longest > charactersMax;
    if (Buffer.byteLength(json.text) <= bytesMax) return { json, kept: findings.length, charactersMax, shortened };
  }
  return { json: bare, kept: findings.length, charactersMax: 0, shortened: longest > 0 };
}

/** What is said more than once is written once. */
function charactersIn(findings: readonly Finding[], charactersMax: number): number {
  const texts = new Set(findings.flatMap((finding) => [descriptionOf(finding), finding.text ?? '']));
  return [...texts].reduce((sum, { length }) => sum + Math.min(length, charactersMax), 0);
}

/**
 * A row is [id, label, score, severity, left, top, width, height, description, text, verdict], the last three left out from the
 * end when there is nothing to say. `f12` is 12; labels are places in `labels`; a text is itself, or from 1 its place in `texts`.
 */
function encoded(findings: readonly Finding[], charactersMax: number): Markup {
  const labels = [...new Set(findings.map(({ label }) => label))];
  const placeOfLabel = new Map(labels.map((label, place) => [label, place]));
  const said = (text: string | null) => (text && charactersMax > 0 ? shortened(text, charactersMax) : '');
  const texts = repeated(findings.flatMap((finding) => [said(descriptionOf(finding)), said(finding.text)]));
  const placeOf = new Map(texts.map((text, place) => [text, place + 1]));
  const short = (text: string | null) => placeOf.get(said(text)) ?? (said(text) || 0);
  const rows = findings.map((finding) => {
    const { id, label, score, severity, box, text, verified } = finding;
    const row = [
      /^f[1-9]\d{0,14}$/.test(id) ? Number(id.slice(1)) : id,
      placeOfLabel.get(label) ?? 0,
      Math.round(score * 1_000),
      SEVERITIES.indexOf(severity),
      ...box.map(Math.round),
      short(descriptionOf(finding)),
      short(text),
      VERDICTS.indexOf(verified),
    ];
    while (row.at(-1) === 0 && row.length > 8) row.pop();
    return row;
  });
  return jsonText({ labels: labels.map((label) => shortened(label, 200)), texts, rows });
}

/** What a description says beyond the label. */
export function descriptionOf({ description, label }: Finding): string {
  return description === label ? '' : description;
}

function repeated(texts: readonly string[]): string[] {
  const once = new Set<string>();
  const again = new Set<string>();
  for (const text of texts) (text !== '' && once.has(text) ? again : once).add(text);
  return [...again];
}
