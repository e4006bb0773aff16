// Which lines of annotated text were read exactly. Pure.
import type { Box } from '../contract/schemas.ts';
import { intersectionOf } from '../planning/geometry.ts';

export interface LinesOfImage {
  objects: readonly { box: Box; text: string | null }[];
  findings: readonly { box: Box; text: string | null }[];
}

export interface TextAccuracy {
  lines: number;
  exact: number;
  /** Lines that were not read exactly, with what was read in their place; `null` if nothing was. */
  misread: { image: number; box: Box; text: string; found: string | null }[];
}

/** The share of the smaller box that must lie in the other one. An IoU would depend on how tightly a person draws a box around text. */
const SAME_PLACE_SHARE = 0.5;

/** `images` have numbers by their place. `null` if no object has text. Each finding is the reading of one line at most. */
export function textAccuracy(images: readonly LinesOfImage[]): TextAccuracy | null {
  const accuracy: TextAccuracy = { lines: 0, exact: 0, misread: [] };
  for (const [image, { objects, findings }] of images.entries()) {
    const readings = new Set(findings.flatMap(({ box, text }) => (text === null ? [] : [{ box, text }])));
    const readingsOf = Map.groupBy(readings, ({ text }) => oneSpaced(text));
    const rest: { box: Box; text: string }[] = [];
    for (const { box, text } of objects) {
      if (text === null) continue;
      accuracy.lines++;
      const exact = readingsOf.get(oneSpaced(text))?.find((reading) => readings.has(reading) && isSamePlace(reading.box, box));
      if (!exact) rest.push({ box, text });
      else if (readings.delete(exact)) accuracy.exact++;
    }
    const left = [...readings];
    for (const { box, text } of rest) {
      const [found] = left
        .filter((reading) => isSamePlace(reading.box, box))
        .sort((a, b) => intersectionOf(b.box, box) - intersectionOf(a.box, box));
      accuracy.misread.push({ image, box, text, found: found ? found.text : null });
    }
  }
  return accuracy.lines === 0 ? null : accuracy;
}

/** An image does not show the number of spaces. */
function oneSpaced(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function isSamePlace(a: Box, b: Box): boolean {
  const smaller = Math.min(a[2] * a[3], b[2] * b[3]);
  return smaller > 0 && intersectionOf(a, b) >= smaller * SAME_PLACE_SHARE;
}
