// What the scripted eyes see in one image: plates by the color of their frame, and their inside where it is large enough. They decode the
// image that was sent, shrink it as a model does, and see only what remains.
import sharp from 'sharp';
import { at } from '../../pipeline/contract/at.ts';
import { DIGITS, DOTS, type DotName, FRAMES, type FrameName, NUMBER_DIGITS, PLATE } from './drawn-questions.ts';

/** The longer side of an image as the model sees it. */
export const ACUITY_PX = 1_000;
/** A plate of fewer pixels is a colored speck. */
export const LEGIBLE_PX = 36;
/** Digits need 4 px a cell: with 3, two of 48 questions were misread. */
export const READABLE_PX = 4 / PLATE.number.cell;

export interface SeenPlate {
  frame: FrameName;
  /** Shares of the width and the height of the image. */
  box: readonly [left: number, top: number, right: number, bottom: number];
  /** Pixels of the smaller side, as seen. */
  sidePx: number;
  /** `null` if the plate is too small to see its inside. */
  inside: { isEmpty: boolean; dot: DotName | null; number: string | null } | null;
}

interface Raster {
  data: Buffer;
  width: number;
  height: number;
}

export async function seenIn(jpeg: Buffer): Promise<SeenPlate[]> {
  const size = { width: ACUITY_PX, height: ACUITY_PX, fit: 'inside', withoutEnlargement: true } as const;
  const { data, info } = await sharp(jpeg)
    .resize(size)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const raster = { data, width: info.width, height: info.height };
  const frames = Object.keys(FRAMES).filter((name): name is FrameName => name in FRAMES);
  return frames.flatMap((frame) => plates(raster, frame));
}

function pixel({ data, width }: Raster, x: number, y: number): [number, number, number] {
  const start = (y * width + x) * 3;
  return [at(data, start), at(data, start + 1), at(data, start + 2)];
}

function hueOf([red, green, blue]: readonly [number, number, number]): { hue: number; chroma: number } {
  const most = Math.max(red, green, blue);
  const chroma = most - Math.min(red, green, blue);
  if (chroma === 0) return { hue: 0, chroma };
  const sector = most === red ? (green - blue) / chroma : most === green ? 2 + (blue - red) / chroma : 4 + (red - green) / chroma;
  return { hue: (sector * 60 + 360) % 360, chroma };
}

function numbersIn(hex: string): [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Connected pixels whose hue is that of the frame. Parts of one frame that scaling has cut are joined. */
function plates(raster: Raster, frame: FrameName): SeenPlate[] {
  const wanted = hueOf(numbersIn(FRAMES[frame])).hue;
  const isFrame = (x: number, y: number) => {
    const { hue, chroma } = hueOf(pixel(raster, x, y));
    return chroma > 45 && Math.min(Math.abs(hue - wanted), 360 - Math.abs(hue - wanted)) < 14;
  };
  const seen = new Uint8Array(raster.width * raster.height);
  const boxes: [number, number, number, number][] = [];
  for (let y = 0; y < raster.height; y++) {
    for (let x = 0; x < raster.width; x++) {
      if (seen[y * raster.width + x] === 1 || !isFrame(x, y)) continue;
      boxes.push(grown(raster, seen, isFrame, x, y));
    }
  }
  const whole = joined(boxes).filter(([left, top, right, bottom]) => right - left >= 2 && bottom - top >= 2);
  return whole.map((box) => plateIn(raster, frame, box));
}

function grown(
  raster: Raster,
  seen: Uint8Array,
  isFrame: (x: number, y: number) => boolean,
  x: number,
  y: number,
): [number, number, number, number] {
  const box: [number, number, number, number] = [x, y, x + 1, y + 1];
  const queue: [number, number][] = [[x, y]];
  seen[y * raster.width + x] = 1;
  for (let next = queue.pop(); next; next = queue.pop()) {
    const [px, py] = next;
    box[0] = Math.min(box[0], px);
    box[1] = Math.min(box[1], py);
    box[2] = Math.max(box[2], px + 1);
    box[3] = Math.max(box[3], py + 1);
    for (const [nx, ny] of [
      [px + 1, py],
      [px - 1, py],
      [px, py + 1],
      [px, py - 1],
    ] as const) {
      if (nx < 0 || ny < 0 || nx >= raster.width || ny >= raster.height || seen[ny * raster.width + nx] === 1 || !isFrame(nx, ny))
        continue;
      seen[ny * raster.width + nx] = 1;
      queue.push([nx, ny]);
    }
  }
  return box;
}

function joined(boxes: readonly [number, number, number, number][]): [number, number, number, number][] {
  const result: [number, number, number, number][] = [];
  for (const box of boxes) {
    const near = result.find(
      (one) => box[0] <= one[2] + 2 && box[2] >= one[0] - 2 && box[1] <= one[3] + 2 && box[3] >= one[1] - 2,
    );
    if (!near) result.push([...box]);
    else {
      near[0] = Math.min(near[0], box[0]);
      near[1] = Math.min(near[1], box[1]);
      near[2] = Math.max(near[2], box[2]);
      near[3] = Math.max(near[3], box[3]);
    }
  }
  return result;
}

function plateIn(raster: Raster, frame: FrameName, box: readonly [number, number, number, number]): SeenPlate {
  const [left, top, right, bottom] = box;
  const { width, height } = raster;
  const sidePx = Math.min(right - left, bottom - top);
  // A plate that the edge of the image cuts off is not seen whole.
  const isWhole = left > 0 && top > 0 && right < width && bottom < height;
  const inside = isWhole && sidePx >= LEGIBLE_PX ? insideOf(raster, box) : null;
  return { frame, box: [left / width, top / height, right / width, bottom / height], sidePx, inside };
}

function insideOf(
  raster: Raster,
  [left, top, right, bottom]: readonly [number, number, number, number],
): NonNullable<SeenPlate['inside']> {
  const [across, down] = [right - left, bottom - top];
  const at2 = (x: number, y: number) =>
    pixel(
      raster,
      Math.min(raster.width - 1, Math.round(left + x * across - 0.5)),
      Math.min(raster.height - 1, Math.round(top + y * down - 0.5)),
    );
  const [x, y] = PLATE.dot.center;
  const middle = at2(x, y);
  if (Math.min(...middle) > 200) return { isEmpty: true, dot: null, number: null };
  return { isEmpty: false, dot: dotOf(middle), number: Math.min(across, down) >= READABLE_PX ? numberIn(at2) : null };
}

function dotOf(color: readonly [number, number, number]): DotName {
  const names = Object.keys(DOTS).filter((name): name is DotName => name in DOTS);
  const distance = (name: DotName) => numbersIn(DOTS[name]).reduce((sum, part, index) => sum + (part - at(color, index)) ** 2, 0);
  return names.reduce((best, name) => (distance(name) < distance(best) ? name : best));
}

/** The digit whose cells fit best, for each place. */
function numberIn(at2: (x: number, y: number) => readonly [number, number, number]): string {
  const { left, top, cell } = PLATE.number;
  return Array.from({ length: NUMBER_DIGITS }, (_, place) => {
    const dark = Array.from({ length: 15 }, (_bit, index) => {
      const [red] = at2(left + (place * 4 + (index % 3) + 0.5) * cell, top + (Math.floor(index / 3) + 0.5) * cell);
      return red < 128;
    });
    const fits = (digit: string) => [...digit].filter((bit, index) => (bit === '1') === dark[index]).length;
    const best = DIGITS.reduce((one, digit) => (fits(digit) > fits(one) ? digit : one));
    return DIGITS.indexOf(best);
  }).join('');
}
