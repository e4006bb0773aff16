// Makes text of unknown origin safe to show: labels, notes and summaries of models, text found in images, words of other servers. Pure.

/** What controls a terminal, reorders text or is no character: C0 and C1 with ESC, bidi overrides, halves of characters. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
const INVISIBLE_IN_LINES = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu;

/** As one line: every such character becomes a space. */
export function printable(text: string): string {
  return text.replace(INVISIBLE, ' ');
}

/** The same, with its line feeds. */
export function printableLines(text: string): string {
  return text.replace(INVISIBLE_IN_LINES, ' ');
}
