// What a viewer needs to know of a stored image: its size and the levels of its pyramid. Pure.
import type { Plan } from './plan.ts';
import type { StoredPlan } from './stored-plan.ts';

/** Levels count down from full resolution, 0: each is half as wide as the one before. */
export interface StoredImage {
  uri: string;
  width: number;
  height: number;
  /** Pixels between the left edges of neighbouring tiles, and those added on every inner side. */
  stridePx: number;
  marginPx: number;
  /** The finest level that is stored, and the one that is a single pixel. */
  finestLevel: number;
  coarsestLevel: number;
}

export function storedImage({ request, plan }: Pick<StoredPlan, 'request' | 'plan'>): StoredImage {
  const { width, height, stridePx, marginPx, pyramidLevel } = plan;
  const levels = { finestLevel: pyramidLevel, coarsestLevel: coarsestLevelOf(plan) };
  return { uri: request.image.uri, width, height, stridePx, marginPx, ...levels };
}

/** False for what the pyramid of this plan does not hold. */
export function hasTile(plan: Plan, level: number, column: number, row: number): boolean {
  const along = (px: number) => Math.ceil(Math.ceil(px / 2 ** level) / plan.stridePx);
  const isLevel = level >= plan.pyramidLevel && level <= coarsestLevelOf(plan);
  return isLevel && column < along(plan.width) && row < along(plan.height);
}

function coarsestLevelOf({ width, height }: Plan): number {
  return Math.ceil(Math.log2(Math.max(width, height)));
}
