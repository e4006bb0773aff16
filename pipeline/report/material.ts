// The input of a report, and helpers that its sections share. Pure.
import type { Trace } from '../contract/questions/search-turn.ts';
import { type Finding, type FindingsDocument, Severity } from '../contract/schemas.ts';
import { bySeverity } from '../findings/finding-order.ts';
import { isRejected } from '../findings/verification.ts';
import type { Plan } from '../planning/plan.ts';
import { html, type Markup } from './html.ts';

/** A JPEG that is part of the page. */
export interface Embedded {
  base64: string;
  width: number;
  height: number;
}

export interface ReportMaterial {
  document: FindingsDocument;
  plan: Plan;
  /** ISO 8601. */
  startedAt: string;
  /** Why the analysis is not complete; `null` if it is. */
  reason: string | null;
  /** Indexes of blank tiles; `null` if there are some at unknown positions. */
  blankTiles: readonly number[] | null;
  /** How the answer to a question was found. Missing for everything but a question. */
  trace?: Trace | null;
  /** The overlay, a very small copy of the image, and crops by the id of their finding. `null` if one could not be made. */
  images: { overlay: Embedded | null; thumbnail: Embedded | null; crops: ReadonlyMap<string, Embedded> };
}

export const SEVERITIES_FALLING: readonly Severity[] = Severity.options.toReversed();

/** The most important findings first, rejected ones last. */
export function byImportance(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => Number(isRejected(a)) - Number(isRejected(b)) || bySeverity(a, b));
}

/** The target of a link to a finding. */
export const rowOf = (id: string) => `row-${id}`;

export function severityMark(severity: Severity): Markup {
  return html`<span class="severity ${severity}">${severity}</span>`;
}

/** The color of a label, as in the overlay. */
export function swatch(label: string, colored: readonly string[], words: Markup): Markup {
  const place = colored.indexOf(label);
  return html`<span class="swatch label-${place < 0 ? 'other' : place}">${words}</span>`;
}

export function dataUrlImage({ base64, width, height }: Embedded, alt: string): Markup {
  return html`<img src="data:image/jpeg;base64,${base64}" width="${width}" height="${height}" alt="${alt}">`;
}
