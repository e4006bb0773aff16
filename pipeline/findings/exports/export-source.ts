// What every export is made of: the findings document, and what it does not hold. Pure.
import type { Finding, FindingsDocument } from '../../contract/schemas.ts';
import { isRejected } from '../verification.ts';

export interface ExportSource {
  document: FindingsDocument;
  /** ISO 8601: an export made again is the same. */
  startedAt: string;
  /** Where the reader finds the image; null: at the address that the caller had named. */
  imageUrl: string | null;
}

export interface Taken {
  /** From 1, in the whole document: the same whatever is left out. */
  place: number;
  finding: Finding;
}

/**
 * Findings to take away. Those that a second look rejected stay behind, as list_findings leaves them out: only findings.json
 * has them. Half characters (lone surrogates) become U+FFFD: many readers refuse a file with one.
 */
export function taken({ findings }: FindingsDocument): Taken[] {
  return findings.flatMap((finding, index) => (isRejected(finding) ? [] : [{ place: index + 1, finding: wellFormed(finding) }]));
}

export function imageUriOf({ document, imageUrl }: ExportSource): string {
  return (imageUrl ?? document.image.uri).toWellFormed();
}

function wellFormed(finding: Finding): Finding {
  const { id, label, description, text } = finding;
  return {
    ...finding,
    id: id.toWellFormed(),
    label: label.toWellFormed(),
    description: description.toWellFormed(),
    text: text?.toWellFormed() ?? null,
  };
}
