// A scripted model that searches like one with real eyes: it knows only what it sees in the images of the request and what it wrote into its
// notes, zooms into what is too small, and guesses if it must answer before it has seen enough.
import { createHash } from 'node:crypto';
import { at } from '../../pipeline/contract/at.ts';
import type { Conversation, ShownImage } from './chat-request.ts';
import { DOTS, type DotName, FRAMES, type FrameName } from './drawn-questions.ts';
import { ACUITY_PX, LEGIBLE_PX, READABLE_PX, type SeenPlate, seenIn } from './seeing.ts';

/** A plate in pixels of the full image, and the number of the image in which it was seen best. */
interface KnownPlate {
  frame: FrameName;
  left: number;
  top: number;
  side: number;
  inside: SeenPlate['inside'];
  image: number;
}

interface Call {
  tool: string;
  input: object;
}

type PixelBox = readonly [left: number, top: number, width: number, height: number];

const MARGIN = 1.3;
const frames = Object.keys(FRAMES).filter((name): name is FrameName => name in FRAMES);
const dots = Object.keys(DOTS).filter((name): name is DotName => name in DOTS);

export async function nextCall(conversation: Conversation): Promise<Call> {
  const { question, tools, images } = conversation;
  const known = notedIn(conversation);
  for (const image of images) for (const plate of await seenIn(image.jpeg)) add(known, inFullImage(plate, image));
  const relevant = known.filter(({ frame }) => question.includes(frame));
  const open = relevant.filter((plate) => !isClear(plate, question));
  const note = known.map(noted).join(';');
  const whole = at(images, 0);
  if (open.length > 0 && tools.includes('zoom')) {
    const [best, ...rest] = windowsFor(open, question, whole.box);
    if (best) {
      const regions = rest.map((box, index) => ({ image: 0, ...fieldsIn(whole, box), likelihood: 0.5 - index / 100 }));
      return { tool: 'zoom', input: { note, image: 0, ...fieldsIn(whole, best), regions } };
    }
  }
  return { tool: 'answer', input: { note, ...answerTo(question, relevant, open.length > 0, images) } };
}

function isClear({ inside }: KnownPlate, question: string): boolean {
  if (inside === null) return false;
  return inside.isEmpty || !question.includes('number') || inside.number !== null;
}

function inFullImage({ frame, box, inside }: SeenPlate, { number, box: [x, y, width, height] }: ShownImage): KnownPlate {
  const [left, top, right, bottom] = box;
  const side = Math.max((right - left) * width, (bottom - top) * height);
  return { frame, left: x + left * width, top: y + top * height, side, inside, image: number };
}

/** What was seen from nearer counts. */
function add(known: KnownPlate[], plate: KnownPlate): void {
  const reach = Math.max(plate.side, 80);
  const same = known.find(
    (one) => one.frame === plate.frame && Math.abs(one.left - plate.left) < reach && Math.abs(one.top - plate.top) < reach,
  );
  if (!same) known.push(plate);
  else if (plate.inside && (same.inside === null || plate.inside.number !== null)) Object.assign(same, plate);
}

/** Windows in which the open plates are legible, the one that holds most of them first. */
function windowsFor(open: readonly KnownPlate[], question: string, [, , width, height]: PixelBox): PixelBox[] {
  const neededPx = (question.includes('number') ? READABLE_PX : LEGIBLE_PX) * MARGIN;
  const windows: PixelBox[] = [];
  let left = [...open];
  while (left.length > 0) {
    const spanOf = ({ side }: KnownPlate) => Math.min(Math.max(side, 60) * (ACUITY_PX / neededPx), Math.max(width, height));
    const candidates = left.map((plate) => {
      const span = spanOf(plate);
      const box: PixelBox = inside([plate.left - plate.side, plate.top - plate.side, span, span], width, height);
      return { box, holds: left.filter((other) => lies(other, box)) };
    });
    const best = candidates.reduce((one, candidate) => (candidate.holds.length > one.holds.length ? candidate : one));
    if (best.holds.length === 0) break;
    windows.push(best.box);
    left = left.filter((plate) => !best.holds.includes(plate));
  }
  return windows;
}

function inside([left, top, across, down]: PixelBox, width: number, height: number): PixelBox {
  const [w, h] = [Math.min(across, width), Math.min(down, height)];
  return [Math.max(0, Math.min(left, width - w)), Math.max(0, Math.min(top, height - h)), w, h];
}

function lies({ left, top, side }: KnownPlate, [x, y, width, height]: PixelBox): boolean {
  return left > x && top > y && left + side < x + width && top + side < y + height;
}

/** In thousandths of the image, as the tools ask for them. */
function fieldsIn({ box: [x, y, width, height] }: ShownImage, [left, top, across, down]: PixelBox): object {
  const clamped = (value: number) => Math.max(0, Math.min(1_000, Math.round(value)));
  return {
    left: clamped(((left - x) / width) * 1_000),
    top: clamped(((top - y) / height) * 1_000),
    right: clamped(((left + across - x) / width) * 1_000),
    bottom: clamped(((top + down - y) / height) * 1_000),
  };
}

function answerTo(question: string, relevant: readonly KnownPlate[], mustGuess: boolean, images: readonly ShownImage[]): object {
  const full = relevant.filter(({ inside }) => inside && !inside.isEmpty);
  const random = (below: number) =>
    createHash('sha256').update(question).update(String(relevant.length)).digest().readUInt32BE() % below;
  const of = (frame: FrameName) => full.find((plate) => plate.frame === frame);
  const cited = question.includes('How many') ? full.filter(({ inside }) => inside?.dot === 'red') : full;
  const evidence = cited.map((plate) => {
    const shown = images.find(({ number }) => number === plate.image) ?? at(images, 0);
    const { left, top, side } = plate;
    return {
      image: shown.number,
      label: `${plate.frame} plate`,
      text: plate.inside?.number ?? 'unread',
      ...fieldsIn(shown, [left, top, side, side]),
    };
  });
  const confidence = mustGuess ? 0.3 : 0.95;
  const word = (): string => {
    if (question.includes('How many')) return String(mustGuess ? relevant.length : cited.length);
    if (question.includes('left or right')) {
      const [orange, blue] = [of('orange'), of('blue')];
      return orange && blue ? (orange.left < blue.left ? 'left' : 'right') : at(['left', 'right'], random(2));
    }
    const [plate] = full;
    if (question.includes('number')) return plate?.inside?.number ?? String(1_000 + random(9_000));
    return plate?.inside?.dot ?? at(dots, random(dots.length));
  };
  return { text: `It is: ${word()}.`, found: true, confidence, evidence };
}

/** `orange@1200,3400,160,2:red:4711`, `orange@1200,3400,160,2:empty` or `orange@1200,3400,160,0`. */
function noted({ frame, left, top, side, inside: seen, image }: KnownPlate): string {
  const place = `${frame}@${[left, top, side].map(Math.round).join(',')},${image}`;
  if (seen === null) return place;
  return seen.isEmpty ? `${place}:empty` : [place, seen.dot, seen.number ?? '?'].join(':');
}

function notedIn({ lastNote }: Conversation): KnownPlate[] {
  return lastNote.split(';').flatMap((entry): KnownPlate[] => {
    const [, name, numbers = '', rest] = /^(\w+)@([\d,]+)(?::(.*))?$/.exec(entry) ?? [];
    const frame = frames.find((one) => one === name);
    if (frame === undefined) return [];
    const [left = 0, top = 0, side = 0, image = 0] = numbers.split(',').map(Number);
    const [dot, number] = rest?.split(':') ?? [];
    const read = number === undefined || number === '?' ? null : number;
    const seen = { isEmpty: dot === 'empty', dot: dots.find((one) => one === dot) ?? null, number: read };
    return [{ frame, left, top, side, inside: rest === undefined ? null : seen, image }];
  });
}
