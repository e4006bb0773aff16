// Joins what the edges of neighbouring tiles have cut: boxes to their union, readings of a line to the whole line. Pure.

import { CUT_MARGIN_PX, detectionOf, type Looks, SIDE, tileOf } from './detection-table.ts';
import { compareLooks } from './ranking.ts';
import { neighboursOf } from './spatial-index.ts';
import { joinedReading, type Reading } from './stitch-text.ts';

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
    if (parts.length > 1) addUnion(looks, parts);
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
    return looks.isText[a] === 0 || joinedReading([readingOf(looks, a), readingOf(looks, b)]) !== null;
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
  const slackPx = Math.min(slackOf(looks, before), slackOf(looks, after));
  if ((starts[after] as number) - (ends[before] as number) > slackPx) return false;
  const firstEnd = first[axis] + (axis === 0 ? first[2] : first[3]);
  return (starts[before] as number) < second[axis] + slackPx && (ends[after] as number) > firstEnd - slackPx;
}

/** How far a look may end from the edge that cuts it, in pixels of the image. */
function slackOf({ isText, level, top, bottom }: Looks, at: number): number {
  return isText[at] === 1 ? (bottom[at] as number) - (top[at] as number) : CUT_MARGIN_PX * 2 ** (level[at] as number);
}

function shareSide(starts: Float32Array, ends: Float32Array, a: number, b: number): boolean {
  const [startA, endA] = [starts[a] as number, ends[a] as number];
  const [startB, endB] = [starts[b] as number, ends[b] as number];
  return Math.min(endA, endB) - Math.max(startA, startB) > Math.max(endA - startA, endB - startB) * COMMON_SHARE_MIN;
}

function readingOf(looks: Looks, at: number): Reading {
  return { text: detectionOf(looks, at).text ?? '', left: looks.left[at] as number, right: looks.right[at] as number };
}

/** The surest part speaks; of a line of text, all parts do. Adds nothing when their readings do not fit together. */
function addUnion(looks: Looks, parts: readonly number[]): void {
  const surest = parts.reduce((a, b) => (comparePart(looks, a, b) <= 0 ? a : b));
  const detection = detectionOf(looks, surest);
  const line = detection.text === null ? null : joinedReading(parts.map((part) => readingOf(looks, part)));
  if (detection.text !== null && line === null) return;
  const { text, description } = detection;
  const said = line && text !== null ? { text: line.text, description: description.replace(text, () => line.text) } : {};
  const at = looks.count++;
  looks.unions.push({ ...detection, ...said });
  for (const column of [
    looks.tile,
    looks.level,
    looks.label,
    looks.isText,
    looks.left,
    looks.top,
    looks.right,
    looks.bottom,
    looks.weight,
  ]) {
    column[at] = column[surest] as number;
  }
  looks.owner[at] = at;
  for (const part of parts) {
    looks.owner[part] = at;
    if (part !== surest) looks.second[at] = Math.max(looks.second[at] as number, looks.weight[part] as number);
    looks.left[at] = Math.min(looks.left[at] as number, looks.left[part] as number);
    looks.top[at] = Math.min(looks.top[at] as number, looks.top[part] as number);
    looks.right[at] = Math.max(looks.right[at] as number, looks.right[part] as number);
    looks.bottom[at] = Math.max(looks.bottom[at] as number, looks.bottom[part] as number);
  }
  for (const part of parts) looks.cut[at] = (looks.cut[at] as number) | outerCut(looks, part, at);
}

function comparePart(looks: Looks, a: number, b: number): number {
  return (looks.weight[b] as number) - (looks.weight[a] as number) || compareLooks(looks, a, b);
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
