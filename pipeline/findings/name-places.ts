// Finds a free place for the name of a box, beside it or in it. Pure.
import type { Box } from '../contract/schemas.ts';

/** Where names may go, in the order in which names are placed. */
export interface NamePlaces {
  /** Left and top for a name of `width` x `height` at `box`, all in pixels of `area`. `null` if every place is outside or taken. */
  take(
    box: Box,
    name: { width: number; height: number },
    prefer?: 'above' | 'below',
  ): readonly [left: number, top: number] | null;
}

/** Names are compared with those in the same cells of this size, so that 1,000 of them are placed at once. */
const CELL_PX = 128;

export function namePlaces(area: { width: number; height: number }): NamePlaces {
  const taken = new Map<number, Box[]>();
  const columns = Math.ceil(area.width / CELL_PX) + 1;
  const cellsOf = ([left, top, width, height]: Box) => {
    const cells: number[] = [];
    for (let row = Math.floor(top / CELL_PX); row <= Math.floor((top + height) / CELL_PX); row++) {
      for (let column = Math.floor(left / CELL_PX); column <= Math.floor((left + width) / CELL_PX); column++) {
        cells.push(row * columns + column);
      }
    }
    return cells;
  };
  const isFree = (place: Box) => !cellsOf(place).some((cell) => taken.get(cell)?.some((other) => overlaps(place, other)));

  return {
    take(box, { width, height }, prefer = 'above') {
      if (width > area.width || height > area.height) return null;
      for (const [left, top] of candidatesFor(box, { width, height }, prefer)) {
        const place: Box = [clamped(left, area.width - width), clamped(top, area.height - height), width, height];
        // A place that is moved into the area by more than its size is not beside the box any more.
        if (Math.abs(place[0] - left) > width || Math.abs(place[1] - top) > height || !isFree(place)) continue;
        for (const cell of cellsOf(place)) taken.set(cell, [...(taken.get(cell) ?? []), place]);
        return [place[0], place[1]];
      }
      return null;
    },
  };
}

function candidatesFor(
  [left, top, width, height]: Box,
  name: { width: number; height: number },
  prefer: 'above' | 'below',
): (readonly [left: number, top: number])[] {
  const [right, bottom] = [left + width - name.width, top + height];
  const above = [left, top - name.height] as const;
  const below = [left, bottom] as const;
  const inside = [left, top] as const;
  const outside = top >= name.height ? [above, below] : [inside, below]; // no room above: in the box, at its top
  return [
    ...(prefer === 'above' ? outside : outside.toReversed()),
    [right, top - name.height],
    [right, bottom],
    [left + width, top],
    [left - name.width, top],
    inside,
    [left, bottom - name.height],
  ];
}

function clamped(position: number, most: number): number {
  return Math.max(0, Math.min(Math.round(position), most));
}

function overlaps([left, top, width, height]: Box, other: Box): boolean {
  return left < other[0] + other[2] && other[0] < left + width && top < other[1] + other[3] && other[1] < top + height;
}
