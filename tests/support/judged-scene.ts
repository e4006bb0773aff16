// A drawn scene of colored squares and gray decoys, models with known errors that find them by their pixels, and a judge that
// checks them. Every square has a color of its own, so that a model makes the same error in every tile and level. A seed determines everything.
import { join } from 'node:path';
import sharp from 'sharp';
import { at } from '../../pipeline/contract/at.ts';
import type { Box, Detection, FindingsDocument, ModelId } from '../../pipeline/contract/schemas.ts';
import { iou } from '../../pipeline/planning/geometry.ts';
import type { Jpeg, JudgeQuestion, Vision } from '../../pipeline/ports.ts';
import { temporaryFolder } from './folder.ts';
import { detectionOf, scriptedVision } from './scripted-vision.ts';
import { seededRandom } from './seeded-random.ts';

const LABELS = ['apple', 'leaf', 'berry'] as const;
export interface Drawn {
  label: string;
  box: Box;
}

export const JUDGED = { width: 960, height: 720 };
const GROUND = 128;
const CELL_PX = 80;
const EDGE_PX = 36;
/** The two lesser channels of a square, and the gray of a decoy, are multiples of this: JPEG changes a flat square by less than half. */
const STEP = 20;
const STEPS = 5;

/** A share of 0 to 1 each. */
export interface Errors {
  misses: number;
  mislabels: number;
  /** Takes a decoy for an object. */
  invents: number;
}

export async function drawScene(seed: number): Promise<{ path: string; objects: Drawn[] }> {
  const random = seededRandom(seed);
  const objects: Drawn[] = [];
  const squares: { box: Box; color: [number, number, number] }[] = [];
  for (let row = 0; row < JUDGED.height / CELL_PX; row++) {
    for (let column = 0; column < JUDGED.width / CELL_PX; column++) {
      const index = row * (JUDGED.width / CELL_PX) + column;
      const [left, top] = [column * CELL_PX + random.between(8, 36), row * CELL_PX + random.between(8, 36)];
      const box: Box = [left, top, EDGE_PX, EDGE_PX];
      if (index % 4 === 3) {
        const gray = (Math.floor(index / 4) % STEPS) * (STEP / 2);
        squares.push({ box, color: [gray, gray, gray] });
        continue;
      }
      const channel = random.between(0, 2);
      const color: [number, number, number] = [
        random.between(0, 4) * STEP,
        random.between(0, 4) * STEP,
        random.between(0, 4) * STEP,
      ];
      color[channel] = 240;
      squares.push({ box, color });
      objects.push({ label: at(LABELS, channel), box });
    }
  }
  const path = join(await temporaryFolder(), `scene-${seed}.png`);
  const composed = squares.map(({ box: [left, top, width, height], color: [r, g, b] }) => ({
    input: { create: { width, height, channels: 3 as const, background: { r, g, b } } },
    left,
    top,
  }));
  const ground = { create: { ...JUDGED, channels: 3 as const, background: { r: GROUND, g: GROUND, b: GROUND } } };
  await sharp(ground).composite(composed).png().toFile(path);
  return { path, objects };
}

/** Several models with their errors, and a judge that is wrong about `judgeErrors` of the objects. */
export function erringVision(
  models: Readonly<Record<ModelId, Errors>>,
  judgeErrors: number,
): Vision & { questions: JudgeQuestion[] } {
  const questions: JudgeQuestion[] = [];
  return {
    ...scriptedVision(),
    questions,
    async detect(model, tile) {
      const errors = models[model];
      if (!errors) throw new Error(`Expected a scripted model, got ${model}.`);
      const detections = (await squaresIn(tile)).flatMap(({ box, color }): Detection[] => {
        const right = labelOf(color);
        if (right === null) return chance(color, `${model} invents`) < errors.invents ? [detectionOf('apple', box)] : [];
        if (chance(color, `${model} misses`) < errors.misses) return [];
        const isWrong = chance(color, `${model} mislabels`) < errors.mislabels;
        return [detectionOf(isWrong ? at(LABELS, (LABELS.indexOf(right) + 1) % LABELS.length) : right, box)];
      });
      return { detections, usage: { input_tokens: 10, output_tokens: 1, cost_usd: 0.001 }, clipped: 0, notes: [] };
    },
    async judge(_model, crop, question) {
      questions.push(question);
      const squares = await squaresIn(crop);
      const right = question.claims.map(({ boxInCrop }) => {
        const square = squares.find(({ box }) => iou(box, boxInCrop) > 0.5);
        if (!square) return null;
        const label = labelOf(square.color);
        if (chance(square.color, 'judge') >= judgeErrors) return label;
        return label === null ? 'apple' : null;
      });
      return {
        usage: { input_tokens: 100, output_tokens: 10, cost_usd: 0.01 },
        verdicts: question.claims.map(({ finding, boxInCrop }, claim) => {
          const label = right[claim] ?? null;
          if (label === null) return { verdict: 'rejected' };
          if (finding.label === label) return { verdict: 'confirmed' };
          return { verdict: 'corrected', instead: { label, description: label, severity: 'info', text: null }, boxInCrop };
        }),
      };
    },
  };
}

/** A finding is right if an object of its label has about its box. Rejected findings do not count. */
export function figuresOf(document: FindingsDocument | null, objects: readonly Drawn[]): { recall: number; precision: number } {
  const findings = document?.findings.filter(({ verified }) => verified !== 'rejected') ?? [];
  const isMatch = (one: Drawn, other: Drawn) => one.label === other.label && iou(one.box, other.box) > 0.5;
  return {
    recall: objects.filter((object) => findings.some((finding) => isMatch(finding, object))).length / objects.length,
    precision: findings.filter((finding) => objects.some((object) => isMatch(finding, object))).length / findings.length,
  };
}

type Color = readonly [number, number, number];

function labelOf(color: Color): (typeof LABELS)[number] | null {
  const largest = Math.max(...color);
  return largest < 200 ? null : at(LABELS, color.indexOf(largest));
}

/** From 0 up to 1, by color and question. */
function chance(color: Color, question: string): number {
  const name = `${color.map((value) => Math.round(value / (STEP / 2))).join(' ')} ${question}`;
  let hash = 2_166_136_261;
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16_777_619);
  return seededRandom(hash).next();
}

/** All models get the same tile: its pixels are searched once. */
const found = new WeakMap<Jpeg, ReturnType<typeof searched>>();

function squaresIn(image: Jpeg): ReturnType<typeof searched> {
  const squares = found.get(image) ?? searched(image);
  found.set(image, squares);
  return squares;
}

/** Connected areas that differ from the ground, as boxes with the color of their middle. */
async function searched({ bytes }: Jpeg): Promise<{ box: Box; color: Color }[]> {
  const { data, info } = await sharp(bytes).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const colorAt = (pixel: number): Color => [at(data, pixel * 3), at(data, pixel * 3 + 1), at(data, pixel * 3 + 2)];
  const differs = (pixel: number) => Math.max(...colorAt(pixel).map((value) => Math.abs(value - GROUND))) > 40;
  const known = new Uint8Array(width * height);
  const squares: { box: Box; color: Color }[] = [];
  for (let start = 0; start < width * height; start++) {
    if (known[start] === 1 || !differs(start)) continue;
    let [left, top, right, bottom] = [width, height, 0, 0];
    const open = [start];
    known[start] = 1;
    for (let pixel = open.pop(); pixel !== undefined; pixel = open.pop()) {
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x + 1), Math.max(bottom, y + 1)];
      const near = [x > 0 ? pixel - 1 : -1, x + 1 < width ? pixel + 1 : -1, pixel - width, pixel + width];
      for (const next of near) {
        if (next < 0 || next >= known.length || known[next] === 1 || !differs(next)) continue;
        known[next] = 1;
        open.push(next);
      }
    }
    if (right - left < 6 || bottom - top < 6) continue;
    const middle = Math.floor((top + bottom) / 2) * width + Math.floor((left + right) / 2);
    squares.push({ box: [left, top, right - left, bottom - top], color: colorAt(middle) });
  }
  return squares;
}
