// Orders detections of equal rank and place by their content, so that the result of a merge does not depend on the order of its input. Pure.
import type { Detection } from '../contract/schemas.ts';

/** Negative if `a` comes first; 0 only if the detections are equal. */
export function compareContent(a: Detection, b: Detection): number {
  return (
    compareText(a.label, b.label) ||
    compareText(a.text, b.text) ||
    compareText(a.severity, b.severity) ||
    compareText(a.description, b.description) ||
    compareText(JSON.stringify(a.polygon ?? null), JSON.stringify(b.polygon ?? null)) ||
    (a.flat ?? 0) - (b.flat ?? 0)
  );
}

function compareText(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? -1 : 1;
  return a < b ? -1 : 1;
}
