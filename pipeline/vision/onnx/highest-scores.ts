// Keeps a tile result small: the detections with the highest scores, and a note on the rest. Pure.
import type { Detection, ModelId } from '../../contract/schemas.ts';

/** Objects of a tile, of 170 bytes each: 17 KB. */
export const OBJECTS_MAX = 100;

export function highestScores(detections: Detection[], count: number): Detection[] {
  if (detections.length <= count) return detections;
  return detections.toSorted((a, b) => b.score - a.score).slice(0, count);
}

export function countNotes(model: ModelId, count: number, countMax: number): string[] {
  if (count <= countMax) return [];
  return [`${model} detected more than ${countMax} objects in one tile; the ${countMax} with the highest scores are kept.`];
}
