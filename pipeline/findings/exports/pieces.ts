// Exports are written in pieces of text: of 100,000 findings, only 500 are text in memory at once. Pure.

/** A finding has at most 4 KB by its schema, so a piece has at most 2 MB. */
const FINDINGS_A_PIECE = 500;

/** `before`, then the items as JSON, one a line with commas between them, then `after`. The frame must make it one JSON text. */
export function* jsonPieces<T>(
  before: string,
  items: readonly T[],
  shape: (item: T) => object,
  after: string,
): Generator<string> {
  yield withoutSteering(`${before}\n`);
  let comma = '';
  for (const batch of batches(items)) {
    yield comma + withoutSteering(batch.map((item) => JSON.stringify(shape(item))).join(',\n'));
    comma = ',\n';
  }
  yield `\n${after}\n`;
}

export function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += FINDINGS_A_PIECE) yield items.slice(start, start + FINDINGS_A_PIECE);
}

/** The JSON of an object without its closing brace, so that members can follow. */
export function opened(members: object): string {
  return JSON.stringify(members).slice(0, -1);
}

/**
 * JSON allows characters that steer a terminal (U+007F to U+009F) or reverse a line in an editor (such as U+202A). Escaped,
 * they are the same text.
 */
export function withoutSteering(json: string): string {
  return json.replace(STEERING, unicodeEscape);
}

export function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

export const STEERING = /[\u007F-\u009F\u2028-\u202E\u2066-\u2069]/g;
