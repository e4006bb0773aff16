// Exports leave as pieces of text: of 100,000 findings, only some hundred are text at once. Pure.

/** At 4 KB, the longest that a finding may be by its contract, 2 MB a piece. */
const FINDINGS_A_PIECE = 500;

/** `before`, the items as JSON with a comma between and one a line, `after`: one JSON text when the frame makes it one. */
export function* jsonPieces<T>(
  before: string,
  items: readonly T[],
  shape: (item: T) => object,
  after: string,
): Generator<string> {
  yield shown(`${before}\n`);
  let comma = '';
  for (const batch of batches(items)) {
    yield comma + shown(batch.map((item) => JSON.stringify(shape(item))).join(',\n'));
    comma = ',\n';
  }
  yield `\n${after}\n`;
}

export function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += FINDINGS_A_PIECE) yield items.slice(start, start + FINDINGS_A_PIECE);
}

/** The start of an object's JSON, to which members can be added. */
export function opened(members: object): string {
  return JSON.stringify(members).slice(0, -1);
}

/**
 * JSON may hold as they are what steers a terminal (U+007F to U+009F) or turns a line of an editor around (U+202A and so on).
 * Escaped they are the same text.
 */
function shown(json: string): string {
  return json.replace(STEERING, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const STEERING = /[\u007F-\u009F\u2028-\u202E\u2066-\u2069]/g;
