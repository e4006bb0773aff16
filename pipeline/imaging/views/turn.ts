// Coordinates of a view that is turned by quarters: from the full image to the view, and the words for the way back. Pure.
import type { Box } from '../../contract/schemas.ts';

/** Degrees clockwise. */
export const TURNS = [0, 90, 180, 270] as const;
export type Turn = (typeof TURNS)[number];

/** A box of the full image, and how it is shown. */
export interface ViewFrame {
  box: Box;
  /** Pixels of the view for each pixel of the full image. */
  scale: number;
  turn: Turn;
}

/** A point of the full image in pixels of the view. */
export function pointInView(
  [x, y]: readonly [x: number, y: number],
  { box: [left, top, width, height], scale, turn }: ViewFrame,
): [number, number] {
  const [across, down] = [(x - left) * scale, (y - top) * scale];
  switch (turn) {
    case 0:
      return [across, down];
    case 90:
      return [height * scale - down, across];
    case 180:
      return [width * scale - across, height * scale - down];
    case 270:
      return [down, width * scale - across];
  }
}

/** How a reader finds x and y of the full image from a point of the view. */
export function wayBack({ box: [left, top, width, height], scale, turn }: ViewFrame): string {
  const [right, bottom] = [left + width, top + height];
  const [x, y] = {
    0: [`${left} + x / ${scale}`, `${top} + y / ${scale}`],
    90: [`${left} + y / ${scale}`, `${bottom} - x / ${scale}`],
    180: [`${right} - x / ${scale}`, `${bottom} - y / ${scale}`],
    270: [`${right} - y / ${scale}`, `${top} + x / ${scale}`],
  }[turn];
  return `full-image x = ${x}, y = ${y}`;
}
