// Checks the citations in a summary against the findings. Pure.
import { printableLines } from '../contract/printable.ts';
import type { Finding } from '../contract/schemas.ts';

const SUMMARY_CHARACTERS_MAX = 2_000; // about 500 tokens; get_execution has 800

/**
 * Removes citations of findings that do not exist, and states how many. A summary that is too long ends after a whole sentence. What controls
 * a terminal or turns text around becomes a space: a model may repeat it from an image.
 */
export function withKnownCitations(summary: string, findings: readonly Pick<Finding, 'id'>[]): string {
  const known = new Set(findings.map(({ id }) => id));
  let unknown = 0;
  const cited = printableLines(summary).replace(/\bf\d+\b/g, (id) => {
    if (known.has(id)) return id;
    unknown++;
    return '';
  });
  const tidied = unknown === 0 ? cited : tidy(cited);
  const note = unknownNote(unknown);
  return shortened(tidied, SUMMARY_CHARACTERS_MAX - note.length) + note;
}

function unknownNote(unknown: number): string {
  if (unknown === 0) return '';
  const citations =
    unknown === 1 ? '1 citation of a finding that does not exist was' : `${unknown} citations of findings that do not exist were`;
  return ` ${citations} removed.`;
}

/** Removes the commas, brackets and spaces that an id left behind. */
function tidy(text: string): string {
  return text
    .replace(/([([])\s*(?:,\s*|and\s+)+/g, '$1')
    .replace(/(?:\s*,)+(?=\s*[)\],.;])/g, '')
    .replace(/,(?:\s*,)+/g, ',')
    .replace(/\s*[([]\s*[)\]]/g, '')
    .replace(/\s+([.,;)\]])/g, '$1')
    .replace(/ {2,}/g, ' ')
    .trim();
}

function shortened(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  const part = text.slice(0, charactersMax - 2);
  const sentence = part.slice(0, part.lastIndexOf('. ') + 1);
  return sentence.length > charactersMax / 2 ? `${sentence} …` : `${part} …`;
}
