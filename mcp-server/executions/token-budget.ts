// Keeps answers about an execution short. Agents ask for its state again and again, and pay for every word each time.
import type { FailedTile } from '../../pipeline/contract/schemas.ts';
import { EXPORT_FILES } from '../../pipeline/findings/exports/index.ts';

const BYTES_A_TOKEN = 3.5;

/** The repository's measure, for JSON and English. By bytes, since a Chinese character has 3 and is about one token. */
export function tokensIn(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_A_TOKEN);
}

/** What of an answer about an execution may be long. */
interface LongParts {
  reason: string | null;
  summary: string | null;
  failed_tiles: FailedTile[];
  next_step: string;
}

/** Bytes of JSON: a Chinese character has 3, and is about one token. */
interface Limits {
  all: number;
  reason: number;
  failedTiles: number;
  failedReason: number;
}

// 2,800 bytes are 800 tokens at 3.5, less 110 for what is said of a cut. Names, numbers and next_step are some 900: the summary is
// left 850 at the least, and 1,750 of its 2,000 characters when nothing failed.
const CONCISE: Limits = { all: 2_690, reason: 300, failedTiles: 600, failedReason: 160 };
// 10,000 tokens are 35,000 bytes, and signed links have 1,700 each: three documents and every file of an export. Failed tiles have
// what names, numbers, next_step (1,000), the reason and a summary (2,000) leave; 20 ordinary ones have 4,000.
const LINK_BYTES = 1_700;
const ALL_BYTES = 35_000 - (3 + EXPORT_FILES.length) * LINK_BYTES;
const WHOLE: Limits = { all: ALL_BYTES, reason: 2_000, failedTiles: ALL_BYTES - 5_000, failedReason: 600 };

/** As it is stored, in words that fit into an answer. */
export function whole<View extends LongParts>(view: View): View {
  return within(WHOLE, view);
}

/** At most 800 tokens; `next_step` says what was cut, and how to get more of it. */
export function concise<View extends LongParts>(view: View): View {
  const cut = within(CONCISE, view);
  const fields = (['reason', 'summary', 'failed_tiles'] as const).filter((field) => bytesOf(cut[field]) < bytesOf(view[field]));
  if (fields.length === 0) return cut;
  const hint = `Cut here: ${fields.join(', ')}; response_format detailed gives more.`;
  return { ...cut, next_step: `${view.next_step} ${hint}` };
}

/** The summary has what the rest leaves. */
function within<View extends LongParts>({ all, reason, failedTiles, failedReason }: Limits, view: View): View {
  const named = view.failed_tiles.map((tile): FailedTile => ({ ...tile, reason: shortened(tile.reason, failedReason) }));
  const rest = {
    ...view,
    reason: view.reason && shortened(view.reason, reason),
    failed_tiles: firstWithin(failedTiles, named),
    summary: null,
  };
  return { ...rest, summary: view.summary && shortened(view.summary, all - bytesOf(rest)) };
}

/** As many of the first ones as have so many bytes as JSON. */
export function firstWithin<Part>(bytesMax: number, parts: readonly Part[]): Part[] {
  let bytes = 0;
  const over = parts.findIndex((part) => {
    bytes += bytesOf(part) + 1;
    return bytes > bytesMax;
  });
  return parts.slice(0, over === -1 ? parts.length : over);
}

/** The text, or as much of it as has so many bytes as JSON, to the end of a sentence where one is near. */
export function shortened(text: string, bytesMax: number): string {
  if (bytesOf(text) <= bytesMax) return text;
  let bytes = bytesOf('…');
  let end = 0;
  for (const character of text) {
    bytes += bytesOf(character) - bytesOf('');
    if (bytes > bytesMax) break;
    end += character.length;
  }
  const part = text.slice(0, end);
  const sentence = part.slice(0, Math.max(part.lastIndexOf('. '), part.lastIndexOf('。')) + 1);
  return `${sentence.length > part.length / 2 ? sentence : part}…`;
}

export function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
