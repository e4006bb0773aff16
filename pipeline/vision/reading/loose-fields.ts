// Reads single fields of an answer where their meaning is clear although their form is not: numbers as text, percents, capital letters,
// missing ones. Returns `null` where it is not clear. Knows no form.
import { Severity } from '../../contract/schemas.ts';

/** `12`, `"12"`, `"12.5%"` without its sign. */
export function numberIn(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string' || value.trim() === '') return null;
  const number = Number(value.trim().replace(/(?:px|%)$/i, ''));
  return Number.isFinite(number) ? number : null;
}

/** From 0 to 1. Above 1 it counts as percent; a little above 1 as 1. */
export function scoreIn(value: unknown): number | null {
  const number = numberIn(value);
  if (number === null || number < 0 || number > 100) return null;
  const isPercent = number > 1.5 || (typeof value === 'string' && value.includes('%'));
  return Math.min(1, isPercent ? number / 100 : number);
}

/** Control characters but for tabs and line breaks, and those that turn the direction of what follows: nothing on an image shows them. */
const UNSEEN = /[^\P{Cc}\t\n\r]|[\u202A-\u202E\u2066-\u2069]/gu;

/** Well-formed, trimmed and cut to `charactersMax`; empty for a missing one. */
export function wordsIn(value: unknown, charactersMax: number): string {
  const words = typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
  return shortened(words.toWellFormed().replace(UNSEEN, '').trim(), charactersMax);
}

/** `null` for words that are no severity. */
export function severityIn(value: unknown): Severity | null {
  return Severity.safeParse(typeof value === 'string' ? value.trim().toLowerCase() : value).data ?? null;
}

/** Does not cut a character in half. */
function shortened(words: string, charactersMax: number): string {
  if (words.length <= charactersMax) return words;
  return words.slice(0, charactersMax).replace(/[\uD800-\uDBFF]$/, '');
}
