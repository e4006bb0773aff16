// Keeps answers about an execution short. Agents ask for its state again and again, and pay for every word each time.
import type { FailedTile } from '../../pipeline/contract/schemas.ts';
import { EXPORT_FILES } from '../../pipeline/findings/exports/index.ts';

const BYTES_A_TOKEN = 3.5;

/** The repository's measure, for JSON and English. By bytes, since a Chinese character has 3 and is about one token. */
export function tokensIn(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_A_TOKEN);
}

/** The parts of an answer about an execution that may be long. */
interface LongParts {
  reason: string | null;
  summary: string | null;
  failed_tiles: FailedTile[];
  notes: string[];
  next_step: string;
}

/** Bytes of JSON: a Chinese character has 3, and is about one token. */
interface Limits {
  all: number;
  reason: number;
  failedTiles: number;
  failedReason: number;
  notes: number;
  note: number;
}

// 2,800 bytes are 800 tokens, less 110 for the hint about shortened fields. Names, numbers and next_step take about 900, so at least
// 350 remain for the summary, and 1,750 of its 2,000 characters if no tile failed and nothing was noted.
const CONCISE: Limits = { all: 2_690, reason: 300, failedTiles: 600, failedReason: 160, notes: 500, note: 240 };
// 10,000 tokens are 35,000 bytes. Signed links take 1,700 each, for three documents and every file of an export. Failed tiles get the
// bytes that names, numbers, next_step (1,000), reason, summary (2,000 each) and notes (4,000) leave; 20 ordinary ones take 4,000.
const LINK_BYTES = 1_700;
const ALL_BYTES = 35_000 - (3 + EXPORT_FILES.length) * LINK_BYTES;
const WHOLE: Limits = {
  all: ALL_BYTES,
  reason: 2_000,
  failedTiles: ALL_BYTES - 9_000,
  failedReason: 600,
  notes: 4_000,
  note: 1_000,
};

/** The whole view, within the 10,000 tokens of an answer. */
export function whole<View extends LongParts>(view: View): View {
  return within(WHOLE, view);
}

/** At most 800 tokens; `next_step` names the shortened fields. */
export function concise<View extends LongParts>(view: View): View {
  const short = within(CONCISE, view);
  const fields = (['reason', 'summary', 'failed_tiles', 'notes'] as const).filter(
    (field) => bytesOf(short[field]) < bytesOf(view[field]),
  );
  if (fields.length === 0) return short;
  const hint = `Shortened: ${fields.join(', ')}. Use response_format detailed for more.`;
  return { ...short, next_step: `${view.next_step} ${hint}` };
}

/** The summary gets the bytes that the rest leaves. */
function within<View extends LongParts>(limits: Limits, view: View): View {
  const { all, reason, failedTiles, failedReason } = limits;
  const named = view.failed_tiles.map((tile): FailedTile => ({ ...tile, reason: shortened(tile.reason, failedReason) }));
  const rest = {
    ...view,
    reason: view.reason && shortened(view.reason, reason),
    failed_tiles: firstWithin(failedTiles, named),
    notes: firstWithin(
      limits.notes,
      view.notes.map((note) => shortened(note, limits.note)),
    ),
    summary: null,
  };
  return { ...rest, summary: view.summary && shortened(view.summary, all - bytesOf(rest)) };
}

/** The first parts that together take at most `bytesMax` as JSON. */
export function firstWithin<Part>(bytesMax: number, parts: readonly Part[]): Part[] {
  let bytes = 0;
  const over = parts.findIndex((part) => {
    bytes += bytesOf(part) + 1;
    return bytes > bytesMax;
  });
  return parts.slice(0, over === -1 ? parts.length : over);
}

/** The beginning of the text that takes at most `bytesMax` as JSON, up to the end of a sentence if one is near. */
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
