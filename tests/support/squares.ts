// Four squares of known colors on gray, and a detector that finds them by their pixels: for images that are stored in odd ways.
import sharp from 'sharp';
import type { Detection } from '../../pipeline/contract/schemas.ts';
import type { Jpeg } from '../../pipeline/ports.ts';

export const SCENE = { width: 320, height: 240 };
/** Of 255. The squares are 40 px wide, and none is near the edge of the scene. */
export const GROUND = 110;
const SQUARES = [
  { label: 'red', left: 40, top: 40, color: [230, 30, 30] },
  { label: 'green', left: 220, top: 40, color: [30, 230, 30] },
  { label: 'blue', left: 40, top: 160, color: [30, 30, 230] },
  { label: 'white', left: 220, top: 160, color: [240, 240, 240] },
] as const;
const EDGE_PX = 40;

/** The color of a pixel of the scene, from 0 to 255. */
export function sceneAt(x: number, y: number): readonly [number, number, number] {
  const square = SQUARES.find(({ left, top }) => x >= left && x < left + EDGE_PX && y >= top && y < top + EDGE_PX);
  return square ? square.color : [GROUND, GROUND, GROUND];
}

/** The labels of a color scene, or of one gray band of it. */
export const SQUARE_LABELS = SQUARES.map(({ label }) => label).toSorted();

const DIFFERENCE_MIN = 40;

/** Squares differ from the ground, which is the color of a pixel near the corner. Labels follow the brightest channel. */
export async function detectSquares({ bytes }: Jpeg): Promise<Detection[]> {
  const { data, info } = await sharp(bytes).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const pixel = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  const ground = pixel(12, 12);
  const differs = (x: number, y: number) =>
    Math.max(...pixel(x, y).map((value, channel) => Math.abs(value - (ground[channel] ?? 0)))) >= DIFFERENCE_MIN;
  const found: Detection[] = [];
  for (const { left, top } of SQUARES) {
    const middle: [number, number] = [left + EDGE_PX / 2, top + EDGE_PX / 2];
    const around: [number, number][] = [
      [left - 8, top - 8],
      [left + EDGE_PX + 8, top + EDGE_PX + 8],
    ];
    if (!differs(...middle) || around.some((place) => differs(...place))) continue;
    found.push({
      label: labelOf(pixel(...middle)),
      description: '',
      score: 0.9,
      severity: 'info',
      box: [left, top, EDGE_PX, EDGE_PX],
      text: null,
    });
  }
  return found;
}

/** `gray` if no channel stands out. */
function labelOf([red = 0, green = 0, blue = 0]: number[]): string {
  const most = Math.max(red, green, blue);
  const least = Math.min(red, green, blue);
  if (most - least < DIFFERENCE_MIN) return least > 150 ? 'white' : 'gray';
  if (red === most) return 'red';
  return green === most ? 'green' : 'blue';
}
