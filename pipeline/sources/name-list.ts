// A list of names in a sentence, which must end.

const SHOWN_MAX = 10; // x 63 characters of a bucket's name: 630 of a sentence

/** For a sentence: `example.org or *.example.net`, or `… or 3 more hosts`. */
export function someOf(names: readonly string[], kind: string): string {
  const shown = names.slice(0, SHOWN_MAX);
  return [...shown, ...(names.length > shown.length ? [`${names.length - shown.length} more ${kind}`] : [])].join(' or ');
}
