// Draws large images in the manner of V*: gray texture with small plates, of which few answer a question, and the questions with their
// true answers. A plate has a frame in a color that a scaled-down image still shows; what is inside is legible only from nearby.
import sharp from 'sharp';
import { at } from '../../pipeline/contract/at.ts';

export const FRAMES = { orange: '#ff7800', blue: '#0050ff', magenta: '#ff00c8', green: '#00b43c' } as const;
export const DOTS = { red: '#e00000', yellow: '#f0d000', cyan: '#00c8d8', black: '#000000' } as const;
export type FrameName = keyof typeof FRAMES;
export type DotName = keyof typeof DOTS;

/** 3 x 5 cells a digit. */
export const DIGITS = [
  '111101101101111',
  '010110010010111',
  '111001111100111',
  '111001111001111',
  '101101111001001',
  '111100111001111',
  '111100111101111',
  '111001001001001',
  '111101111101111',
  '111101111001111',
] as const;

/** Shares of the side of a plate. */
export const PLATE = {
  frame: 0.12,
  dot: { center: [0.5, 0.33], radius: 0.1 },
  number: { left: 0.2, top: 0.55, cell: 0.04 },
} as const;
export const NUMBER_DIGITS = 4;

export interface Plate {
  frame: FrameName;
  /** `null` for a decoy: its inside is empty. */
  inside: { dot: DotName; number: string } | null;
  left: number;
  top: number;
  side: number;
}

export interface DrawnQuestion {
  kind: 'attribute' | 'read' | 'relation' | 'count';
  text: string;
  /** The one word that the answer must hold. */
  truth: string;
}

export interface DrawnImage {
  path: string;
  width: number;
  height: number;
  plates: Plate[];
  questions: DrawnQuestion[];
}

/** From 0 up to, but not including, `below`; the same sequence for a seed. */
export function seeded(seed: number): (below: number) => number {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0; // neighboring seeds give other sequences
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Two frame colors with one real plate each and decoys, one color with plates to count, and one color that is nowhere. */
export async function drawImage(path: string, [width, height]: readonly [number, number], seed: number): Promise<DrawnImage> {
  const random = seeded(seed);
  const side = Math.max(120, Math.round(Math.max(width, height) / 220));
  const plates: Plate[] = [];
  const place = (frame: FrameName, inside: Plate['inside']) => {
    for (let attempt = 0; attempt < 1_000; attempt++) {
      const [left, top] = [random(width - side), random(height - side)];
      const isFree = plates.every((other) => Math.abs(other.left - left) > 2 * side || Math.abs(other.top - top) > 2 * side);
      if (isFree) return void plates.push({ frame, inside, left, top, side });
    }
    throw new Error('Expected room for another plate.');
  };
  const inside = () => ({ dot: at(dots, random(dots.length)), number: String(1_000 + random(9_000)) });
  for (const frame of ['orange', 'blue'] as const) {
    place(frame, inside());
    for (let decoy = 0; decoy < 3; decoy++) place(frame, null);
  }
  const counted = 2 + random(4);
  for (let one = 0; one < counted; one++) place('magenta', { ...inside(), dot: 'red' });
  for (let one = 0; one < 6 - counted; one++) place('magenta', { ...inside(), dot: 'cyan' });
  await draw(path, [width, height], plates);
  return { path, width, height, plates, questions: questionsOn(plates) };
}

const dots = Object.keys(DOTS).filter((name): name is DotName => name in DOTS);

function questionsOn(plates: readonly Plate[]): DrawnQuestion[] {
  const real = (frame: FrameName) => plates.filter((plate) => plate.frame === frame && plate.inside !== null);
  const [orange, blue] = [at(real('orange'), 0), at(real('blue'), 0)];
  const red = real('magenta').filter((plate) => plate.inside?.dot === 'red');
  return [
    {
      kind: 'attribute',
      text: 'Which color has the dot on the orange plate that is not empty?',
      truth: orange.inside?.dot ?? 'none',
    },
    { kind: 'read', text: 'Which number is on the blue plate that is not empty?', truth: blue.inside?.number ?? 'none' },
    {
      kind: 'relation',
      text: 'Is the orange plate that is not empty left or right of the blue plate that is not empty?',
      truth: orange.left < blue.left ? 'left' : 'right',
    },
    { kind: 'count', text: 'How many magenta plates have a red dot?', truth: String(red.length) },
  ];
}

async function draw(path: string, [width, height]: readonly [number, number], plates: readonly Plate[]): Promise<void> {
  const noise = { type: 'gaussian', mean: 128, sigma: 18 } as const;
  const texture = await sharp({ create: { width: 512, height: 512, channels: 3, background: '#808080', noise } })
    .png()
    .toBuffer();
  const overlays = plates.map((plate) => ({ input: Buffer.from(svgOf(plate)), left: plate.left, top: plate.top }));
  await sharp({ create: { width, height, channels: 3, background: '#808080' }, limitInputPixels: false })
    .composite([{ input: texture, tile: true }, ...overlays])
    .jpeg({ quality: 85 })
    .toFile(path);
}

function svgOf({ frame, inside, side }: Plate): string {
  const border = PLATE.frame * side;
  const parts = [
    `<rect width="${side}" height="${side}" fill="${FRAMES[frame]}"/>`,
    `<rect x="${border}" y="${border}" width="${side - 2 * border}" height="${side - 2 * border}" fill="#f4f4f4"/>`,
  ];
  if (inside) {
    const [x, y] = PLATE.dot.center;
    parts.push(`<circle cx="${x * side}" cy="${y * side}" r="${PLATE.dot.radius * side}" fill="${DOTS[inside.dot]}"/>`);
    const cell = PLATE.number.cell * side;
    [...inside.number].forEach((digit, place) => {
      [...at(DIGITS, Number(digit))].forEach((bit, index) => {
        if (bit === '0') return;
        const left = PLATE.number.left * side + (place * 4 + (index % 3)) * cell;
        const top = PLATE.number.top * side + Math.floor(index / 3) * cell;
        parts.push(`<rect x="${left}" y="${top}" width="${cell}" height="${cell}" fill="#101010"/>`);
      });
    });
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}" shape-rendering="crispEdges">${parts.join('')}</svg>`;
}
