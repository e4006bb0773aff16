// The outline of an object that several tiles show in parts. Pure.
import type { Detection, Polygon } from '../contract/schemas.ts';
import { unionOfMasks } from '../outlines/mask-union.ts';
import { orientedUnion } from '../outlines/polygons.ts';

interface PartOutline {
  /** In pixels of the full image. */
  polygon: Polygon | null;
  angle: number | undefined;
}

/**
 * The detection with the outline of all parts: an oriented box if all parts are, at one angle; otherwise the outline around their masks.
 * Without an outline if a part has none, or no single outline shows all of them.
 */
export function withUnion({ polygon: _, angle, ...content }: Detection, parts: readonly PartOutline[]): Detection {
  const corners = angle === undefined ? null : orientedUnion(parts, angle);
  if (corners) return { ...content, polygon: corners, angle };
  const masks = parts.flatMap(({ polygon, angle: partAngle }) => (polygon && partAngle === undefined ? [polygon] : []));
  const union = masks.length === parts.length ? unionOfMasks(masks) : null;
  return union ? { ...content, polygon: union } : content;
}
