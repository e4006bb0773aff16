// What two looks have in common, and from when on that makes them one object. Pure.
import type { Looks } from './detection-table.ts';

/** Two boxes of one label that share more than half are one object: the field's usual threshold for a match. */
export const SAME_OBJECT_IOU = 0.5;
/** A box that lies to 70 % inside another of its label is a part of it, or a second look at it. */
export const INSIDE_SHARE = 0.7;
/** An unsure box has a rough outline: half of it inside a sure one is enough. */
export const INSIDE_SHARE_UNSURE = 0.5;

export function areaOf({ left, top, right, bottom }: Looks, at: number): number {
  return ((right[at] as number) - (left[at] as number)) * ((bottom[at] as number) - (top[at] as number));
}

/** Area that two looks have in common, 0 when they do not meet. */
export function sharedArea({ left, top, right, bottom }: Looks, a: number, b: number): number {
  const width = Math.min(right[a] as number, right[b] as number) - Math.max(left[a] as number, left[b] as number);
  const height = Math.min(bottom[a] as number, bottom[b] as number) - Math.max(top[a] as number, top[b] as number);
  return width > 0 && height > 0 ? width * height : 0;
}

export function areAlike(looks: Looks, a: number, b: number): boolean {
  const shared = sharedArea(looks, a, b);
  return shared > 0 && shared > SAME_OBJECT_IOU * (areaOf(looks, a) + areaOf(looks, b) - shared);
}

export function liesInside(looks: Looks, small: number, large: number, share: number): boolean {
  return sharedArea(looks, small, large) > share * areaOf(looks, small);
}
