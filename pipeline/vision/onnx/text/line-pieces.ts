// Joins the pieces of a slanted line: the detector often finds each of its words as a line of its own. Pure.
import { axisAngleBetween, extentAlong, lengthwise, type Point, type Rectangle, smallestRectangle } from './rectangle.ts';

/** A piece of a line, or a whole one. */
export interface Piece {
  /** Points around its core, in pixels of the tile. */
  outline: readonly Point[];
  /** Around those points, its width at least its height. */
  core: Rectangle;
}

/** The sides of a squat piece, one or two characters, do not show the direction of its text. */
const SQUAT = 1.5;
/** The angle of a word differs by less from that of its line. */
const SAME_ANGLE_DEGREES = 12;
/** A line is hardly thicker than the thickest of its pieces, and no piece is much thinner. */
const GROWTH_MAX = 1.3;
const THICKNESS_SHARE_MIN = 0.5;
/** The gap between the cores of two words, in thicknesses of a core. */
const GAP_MAX = 1.5;

/** The line of both pieces; `null` if they do not lie in one, end to end. */
export function joinedPieces(a: Piece, b: Piece): Piece | null {
  const thickness = Math.max(a.core.height, b.core.height);
  if (Math.min(a.core.height, b.core.height) < THICKNESS_SHARE_MIN * thickness) return null;
  const distance = Math.hypot(a.core.x - b.core.x, a.core.y - b.core.y);
  if (distance > (a.core.width + b.core.width) / 2 + GAP_MAX * thickness) return null;
  const outline = [...a.outline, ...b.outline];
  const around = smallestRectangle(outline);
  if (around === null) return null;
  const core = lengthwise(around);
  if (core.height > GROWTH_MAX * thickness || !(isAlong(a, core) && isAlong(b, core))) return null;
  if (isSquat(a) && isSquat(b)) return null;
  const [[startA, endA], [startB, endB]] = [extentAlong(a.core, core.angle), extentAlong(b.core, core.angle)];
  return Math.max(startA, startB) - Math.min(endA, endB) <= GAP_MAX * thickness ? { outline, core } : null;
}

function isAlong(piece: Piece, line: Rectangle): boolean {
  return isSquat(piece) || axisAngleBetween(piece.core.angle, line.angle) <= SAME_ANGLE_DEGREES;
}

function isSquat({ core }: Piece): boolean {
  return core.width < SQUAT * core.height;
}
