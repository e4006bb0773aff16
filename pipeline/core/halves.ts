// Joins what the edges of neighbouring tiles have cut: boxes to their union, readings of a line to the whole line. Pure.
import type { Detection } from './contract.ts';
import { joinedText } from './joined-text.ts';
import { CUT_MARGIN_PX, detectionOf, type Looks, SIDE, tileOf } from './look.ts';
import { neighboursOf } from './neighbours.ts';

/** Halves have more than this share of the longer one's side along the cut in common. */
const COMMON_SHARE_MIN = 0.5;

/** Adds a look for every object of which neighbouring tiles of one level show a part each; the parts are merged into it. */
export function joinHalves(looks: Looks, image: { width: number; height: number }): void {
  const cut = Int32Array.from(cutRows(looks));
  const neighbours = neighboursOf(looks, cut, image);
  const walked = new Uint8Array(looks.count);
  for (const first of cut) {
    if (walked[first] === 1) continue;
    walked[first] = 1;
    const parts = [first]; // grows while it is walked: a quarter's neighbours' neighbours belong to it too
    for (const part of parts) {
      const meet = (other: number): boolean => {
        if (walked[other] === 1 || !areHalves(looks, part, other)) return false;
        walked[other] = 1;
        parts.push(other);
        return false;
      };
      neighbours.visit(part, meet, slackOf(looks, part));
    }
    const detection = parts.length > 1 ? spokenFor(looks, parts) : null;
    if (detection) addUnion(looks, parts, detection);
  }
}

function cutRows({ count, cut }: Looks): number[] {
  const rows: number[] = [];
  for (let at = 0; at < count; at++) if (cut[at] !== 0) rows.push(at);
  return rows;
}

function areHalves(looks: Looks, a: number, b: number): boolean {
  if (looks.level[a] !== looks.level[b] || looks.isText[a] !== looks.isText[b]) return false;
  const [one, two] = [tileOf(looks, a), tileOf(looks, b)];
  const [across, down] = [two.column - one.column, two.row - one.row];
  if (Math.abs(across) > 1 || Math.abs(down) > 1) return false;
  if (across !== 0 && shareSide(looks.top, looks.bottom, a, b) && (across > 0 ? goOn(looks, a, b, 0) : goOn(looks, b, a, 0))) {
    return looks.isText[a] === 0 || joined(looks, a, b) !== null;
  }
  if (down === 0 || looks.isText[a] === 1) return false; // a line cut along its length is not legible
  return shareSide(looks.left, looks.right, a, b) && (down > 0 ? goOn(looks, a, b, 1) : goOn(looks, b, a, 1));
}

/**
 * True when what the tile of `before` cuts off at its end may go on in `after`, along x (0) or y (1): each reaches over all that the
 * tiles share. Of two things that touch each other there, each lies in one of the tiles whole.
 */
function goOn(looks: Looks, before: number, after: number, axis: 0 | 1): boolean {
  const { cut, left, top, right, bottom } = looks;
  const [starts, ends, start, end] = axis === 0 ? [left, right, SIDE.left, SIDE.right] : [top, bottom, SIDE.top, SIDE.bottom];
  if (((cut[before] as number) & end) === 0 || ((cut[after] as number) & start) === 0) return false;
  const [first, second] = [tileOf(looks, before).box, tileOf(looks, after).box];
  const slackPx = slackOf(looks, before);
  const firstEnd = first[axis] + (axis === 0 ? first[2] : first[3]);
  return (starts[before] as number) < second[axis] + slackPx && (ends[after] as number) > firstEnd - slackPx;
}

/** How far a look may end from the edge that cuts it, in pixels of the picture. */
function slackOf({ isText, level, top, bottom }: Looks, at: number): number {
  return isText[at] === 1 ? (bottom[at] as number) - (top[at] as number) : CUT_MARGIN_PX * 2 ** (level[at] as number);
}

function shareSide(starts: Float32Array, ends: Float32Array, a: number, b: number): boolean {
  const [startA, endA] = [starts[a] as number, ends[a] as number];
  const [startB, endB] = [starts[b] as number, ends[b] as number];
  return Math.min(endA, endB) - Math.max(startA, startB) > Math.max(endA - startA, endB - startB) * COMMON_SHARE_MIN;
}

/** What two readings say together, in whatever order they are given; null when they do not fit. */
function joined(looks: Looks, a: number, b: number): Reading | null {
  const [before, after] = [readingOf(looks, a), readingOf(looks, b)];
  return before.left <= after.left ? joinedReading(before, after) : joinedReading(after, before);
}

interface Reading {
  text: string;
  left: number;
  right: number;
}

function readingOf(looks: Looks, at: number): Reading {
  return { text: detectionOf(looks, at).text ?? '', left: looks.left[at] as number, right: looks.right[at] as number };
}

function joinedReading(before: Reading, after: Reading): Reading | null {
  if (after.right <= before.right) return before; // the same part of the line, seen from another row of tiles
  const letterPx = (before.right - before.left + after.right - after.left) / (before.text.length + after.text.length);
  const text = joinedText(before.text, after.text, (before.right - after.left) / letterPx);
  return text === null ? null : { text, left: before.left, right: after.right };
}

/** The words of the surest part; for text, all readings from left to right. Null when they do not fit together. */
function spokenFor(looks: Looks, parts: number[]): Detection | null {
  const detections = parts.map((part) => detectionOf(looks, part));
  const surest = detections.reduce((a, b) =>
    b.score > a.score || (b.score === a.score && b.description < a.description) ? b : a,
  );
  if (surest.text === null) return surest;
  const readings = parts.map((part) => readingOf(looks, part));
  readings.sort((a, b) => a.left - b.left || b.right - a.right || (a.text < b.text ? -1 : 1));
  const line = readings.reduce<Reading | null>((read, next) => (read ? joinedReading(read, next) : null), readings[0] ?? null);
  return line && { ...surest, text: line.text, description: surest.description.replace(surest.text, () => line.text) };
}

function addUnion(looks: Looks, parts: number[], detection: Detection): void {
  const at = looks.count++;
  const first = parts.reduce((a, b) => (detectionOf(looks, a) === detection || a < b ? a : b));
  looks.unions.push(detection);
  looks.tile[at] = looks.tile[first] as number;
  looks.level[at] = looks.level[first] as number;
  looks.label[at] = looks.label[first] as number;
  looks.left[at] = Math.min(...parts.map((part) => looks.left[part] as number));
  looks.top[at] = Math.min(...parts.map((part) => looks.top[part] as number));
  looks.right[at] = Math.max(...parts.map((part) => looks.right[part] as number));
  looks.bottom[at] = Math.max(...parts.map((part) => looks.bottom[part] as number));
  looks.isText[at] = looks.isText[first] as number;
  looks.weight[at] = seenByTwo(parts.map((part) => looks.weight[part] as number));
  looks.owner[at] = at;
  for (const part of parts) {
    looks.owner[part] = at;
    looks.cut[at] = (looks.cut[at] as number) | outerCut(looks, part, at);
  }
}

/** Two tiles that show a part each are two witnesses: the chance that not both of the surest err. */
function seenByTwo(scores: number[]): number {
  const [surest = 0, second = 0] = scores.sort((a, b) => b - a);
  return 1 - (1 - surest) * (1 - second);
}

/** Sides on which a part is cut and reaches as far as the union does: there the object goes on. */
function outerCut({ cut, left, top, right, bottom }: Looks, part: number, union: number): number {
  const reaches =
    (left[part] === left[union] ? SIDE.left : 0) |
    (top[part] === top[union] ? SIDE.top : 0) |
    (right[part] === right[union] ? SIDE.right : 0) |
    (bottom[part] === bottom[union] ? SIDE.bottom : 0);
  return (cut[part] as number) & reaches;
}
