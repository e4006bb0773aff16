// The input of every export: the findings document, and what it does not hold. Pure.
import type { Finding, FindingsDocument } from '../../contract/schemas.ts';
import { isRejected } from '../verification.ts';

export interface ExportSource {
  document: FindingsDocument;
  /** ISO 8601. An export made again is the same. */
  startedAt: string;
  /** Where the reader finds the image; `null` if that is the address that the caller named. */
  imageUrl: string | null;
}

export interface ExportedFinding {
  /** From 1, in the whole document, so that leaving out a finding changes no other number. */
  place: number;
  finding: Finding;
}

/**
 * The findings to export. Rejected findings are left out, as in list_findings; findings.json has them. Lone surrogates become
 * U+FFFD, because many readers refuse a file that contains one.
 */
export function exportedFindings({ findings }: FindingsDocument): ExportedFinding[] {
  return findings.flatMap((finding, index) => (isRejected(finding) ? [] : [{ place: index + 1, finding: wellFormed(finding) }]));
}

/** Every label once, sorted, so that the same labels have the same order whatever the order of the findings. */
export function labelsOf(findings: readonly ExportedFinding[]): string[] {
  return [...new Set(findings.map(({ finding }) => finding.label))].sort();
}

export function imageUriOf({ document, imageUrl }: ExportSource): string {
  return (imageUrl ?? document.image.uri).toWellFormed();
}

function wellFormed(finding: Finding): Finding {
  const { id, label, description, text, alternatives, said_by, judged } = finding;
  return {
    ...finding,
    id: id.toWellFormed(),
    label: label.toWellFormed(),
    description: description.toWellFormed(),
    text: text?.toWellFormed() ?? null,
    ...(alternatives && {
      alternatives: alternatives.map((other) => ({ label: other.label.toWellFormed(), score: other.score })),
    }),
    ...(said_by && { said_by: said_by.map((model) => model.toWellFormed()) }),
    ...(judged?.label !== undefined && { judged: { ...judged, label: judged.label.toWellFormed() } }),
  };
}
