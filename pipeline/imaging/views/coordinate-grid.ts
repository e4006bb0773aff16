// Draws lines at round coordinates of the full image over a view, with their values.
import sharp, { type OverlayOptions, type Sharp } from 'sharp';
import { textTag } from '../drawing/name-tag.ts';
import { pointInView, type ViewFrame } from './turn.ts';

/** Lines of each direction, at most. */
const LINES_MAX = 8;
const STEPS = [1, 2, 5] as const;
const VALUE = { color: '#ffffff', ink: '#000000' } as const;

/** The smallest of 1, 2, 5, 10, 20, … that gives at most LINES_MAX lines over a length. */
export function gridStep(length: number): number {
  for (let decade = 1; ; decade *= 10) {
    const step = STEPS.find((one) => length / (one * decade) <= LINES_MAX);
    if (step !== undefined) return step * decade;
  }
}

/** Multiples of the step inside a range; not its start, where a line would lie on the border. */
function multiples(step: number, from: number, length: number): number[] {
  const first = Math.floor(from / step) + 1;
  const last = Math.ceil((from + length) / step) - 1;
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * step);
}

export async function withCoordinates(image: Sharp, frame: ViewFrame): Promise<Sharp> {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  const [left, top, width, height] = frame.box;
  const step = gridStep(Math.max(width, height));
  const lines = [
    ...multiples(step, left, width).map((x) => ({ name: `x ${x}`, from: [x, top], to: [x, top + height] }) as const),
    ...multiples(step, top, height).map((y) => ({ name: `y ${y}`, from: [left, y], to: [left + width, y] }) as const),
  ].map(({ name, from, to }) => ({ name, from: pointInView(from, frame), to: pointInView(to, frame) }));
  const drawn = lines.map(({ from, to }) => `<path d="M${from.map(tenths).join(' ')}L${to.map(tenths).join(' ')}"/>`).join('');
  // Dark on light on the image: visible on any ground.
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${info.width}" height="${info.height}">` +
    `<g stroke="#ffffff" stroke-width="3" stroke-opacity="0.5">${drawn}</g><g stroke="#000000" stroke-width="1">${drawn}</g></svg>`;
  const values = await Promise.all(lines.map(async (line) => await valueAt(line, info)));
  return sharp(data, { raw: info }).composite([{ input: Buffer.from(svg), left: 0, top: 0 }, ...values.flat()]);
}

const tenths = (value: number): string => value.toFixed(1);

/** At the upper or left end of its line; none if it does not fit. */
async function valueAt(
  { name, from, to }: { name: string; from: [number, number]; to: [number, number] },
  image: { width: number; height: number },
): Promise<OverlayOptions[]> {
  const { data, info } = await textTag(name, VALUE);
  if (info.width > image.width || info.height > image.height) return [];
  const left = Math.min(Math.round(Math.min(from[0], to[0])), image.width - info.width);
  const top = Math.min(Math.round(Math.min(from[1], to[1])), image.height - info.height);
  return [{ input: data, left: Math.max(0, left), top: Math.max(0, top) }];
}
