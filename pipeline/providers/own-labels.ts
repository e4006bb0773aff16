// The labels of a registered detector, and which of them the words of a request mean. Pure.
import { cocoLabels } from './coco-labels.ts';

const WORDS_IN_A_LABEL_MAX = 6;

/** The labels of a model, and how words mean them. */
export interface Vocabulary {
  labels: readonly string[];
  /** Empty if the words mean none. */
  meant(words: string): readonly string[];
  /** In the order of `labels`. */
  namedIn(sentence: string): readonly string[];
}

/** A word means a label regardless of case, in the singular or plural; `people` means `person`, as for the labels of COCO. */
export function vocabularyOf(labels: readonly (string | null)[]): Vocabulary {
  const named = [...new Set(labels.filter((label) => label !== null))];
  const byWords = Map.groupBy(named, normalized);
  const known = new Set(named);
  const meant = (words: string) => {
    const own = formsOf(normalized(words)).flatMap((form) => byWords.get(form) ?? []);
    return own.length > 0 ? [...new Set(own)] : cocoLabels(words).filter((label) => known.has(label));
  };
  return {
    labels: named,
    meant,
    namedIn(sentence) {
      const words = normalized(sentence).split(' ');
      const found = new Set<string>();
      for (let start = 0; start < words.length; ) {
        const length = lengthOfLabelAt(words, start, meant);
        for (const label of meant(words.slice(start, start + length).join(' '))) found.add(label);
        start += Math.max(1, length);
      }
      return named.filter((label) => found.has(label));
    },
  };
}

/** 0 if no label begins there. The longest one counts: in "stop sign", not "sign". */
function lengthOfLabelAt(words: readonly string[], start: number, meant: Vocabulary['meant']): number {
  for (let length = WORDS_IN_A_LABEL_MAX; length > 0; length--) {
    if (start + length <= words.length && meant(words.slice(start, start + length).join(' ')).length > 0) return length;
  }
  return 0;
}

/** `Pressure_gauge` and `pressure gauge` are the same words. */
function normalized(text: string): string {
  return (text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [text.trim().toLowerCase()]).join(' ');
}

/** The words as they are, and their singular if they may be a plural: gauges, valves, boxes, batteries; or the reverse. */
function formsOf(words: string): string[] {
  const singulars = [words.replace(/s$/, ''), words.replace(/es$/, ''), words.replace(/ies$/, 'y')];
  const plurals = [`${words}s`, `${words}es`, words.replace(/y$/, 'ies')];
  return words === '' ? [] : [...new Set([words, ...singulars, ...plurals])].filter((form) => form !== '');
}
