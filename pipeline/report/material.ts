// What a report is made from, and what its parts share.
import type { Finding, FindingsDocument, Severity } from '../contract/schemas.ts';
import { bySeverity } from '../findings/finding-order.ts';
import { isRejected } from '../findings/verification.ts';
import type { Plan } from '../planning/plan.ts';
import { html, type Markup } from './html.ts';

/** A JPEG as it stands in the page. */
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
  /** One sentence when not all tiles were looked at. */
  reason: string | null;
  /** Indexes of tiles of one colour; null: there are some, and where is not known. */
  blankTiles: readonly number[] | null;
  /** The overlay, the image without boxes but very small, and crops around findings by their ids. Null: could not be made. */
  images: { overlay: Embedded | null; thumbnail: Embedded | null; crops: ReadonlyMap<string, Embedded> };
}

export const SEVERITIES_FALLING: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info'];

/** The most important ones first, those that a second look rejected last. */
export function byImportance(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => Number(isRejected(a)) - Number(isRejected(b)) || bySeverity(a, b));
}

/** Where a link to a finding leads. */
export const rowOf = (id: string) => `row-${id}`;

export function severityMark(severity: Severity): Markup {
  return html`<span class="severity ${severity}">${severity}</span>`;
}

export function dataUrlImage({ base64, width, height }: Embedded, alt: string): Markup {
  return html`<img src="data:image/jpeg;base64,${base64}" width="${width}" height="${height}" alt="${alt}">`;
}
