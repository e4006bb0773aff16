// The words for which a zero-shot detector searches: `labels` of a request, or else the phrases of its `look_for`. Pure.
import type { Ask } from '../contract/schemas.ts';

/** The architectures that find boxes for words, as `model_type` of their config.json names them. */
export const ZERO_SHOT_KINDS = ['owlvit', 'owlv2', 'grounding-dino'] as const;
export type ZeroShotKind = (typeof ZERO_SHOT_KINDS)[number];

const WORDS_MAX = 100; // as many as `labels` may have
const LENGTH_MAX = 100; // of a label

/** Between phrases. A line break ends one, too. */
const SEPARATOR = /[,;.:!?\n]+|\s(?:and|or)\s/i;
/** What stands before a noun and changes nothing about what is meant. */
const LEADING = /^(?:(?:please|find|detect|count|mark|show|look|search|for|me|and|or|all|every|each|any|the|an|a)\s+)+/i;

/** In the order of the request, each once regardless of case. Empty if the request names nothing. */
export function wordsOf({ labels, look_for }: Pick<Ask, 'labels' | 'look_for'>): string[] {
  const phrases = look_for === null ? [] : look_for.split(SEPARATOR).map(phraseOf);
  const named = labels.length > 0 ? labels : phrases;
  const words = named.map((word) => word.trim()).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const unique = new Map<string, string>();
  for (const word of words) if (!unique.has(word.toLowerCase())) unique.set(word.toLowerCase(), word);
  return [...unique.values()].slice(0, WORDS_MAX);
}

function phraseOf(text: string): string {
  return text.trim().replace(/\s+/g, ' ').replace(LEADING, '').slice(0, LENGTH_MAX);
}

/** Notes on how the model understands the request. */
export function wordNotes(model: string, ask: Pick<Ask, 'labels' | 'look_for'>): string[] {
  const words = wordsOf(ask);
  if (words.length === 0) return [noWords(model)];
  if (ask.labels.length > 0) return [];
  return [`${model} searches for words, not sentences: from look_for it used ${words.map((word) => `"${word}"`).join(', ')}.`];
}

export function noWords(model: string): string {
  return `${model} detects only what labels or look_for name, so it reports nothing. Name things in words, for example labels ["crane", "red helmet"].`;
}
