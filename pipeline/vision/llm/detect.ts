// The question "what is in this tile?": asks, reads, and looks again at halves of the tile where an answer was cut off.
import type { Ask, Box, Detection, ModelId } from '../../contract/schemas.ts';
import type { DetectionAnswer, Jpeg, MarkSeen } from '../../ports.ts';
import { type Coordinates, coordinatesName } from '../../providers/coordinates.ts';
import type { ModelProfile } from '../../providers/model-profiles.ts';
import type { ConventionWatch } from '../convention-watch.ts';
import { cutJpeg, fitJpeg } from '../jpeg-tools.ts';
import { type BoxFrame, frameOf, scaleOf } from '../prompts/box-frame.ts';
import { DETECTIONS_MAX, detectPrompt } from '../prompts/detect-prompt.ts';
import { wholeObjectsIn } from '../reading/json-in-text.ts';
import { detectionsReader } from '../reading/read-answers.ts';
import { type ReadDetections, readDetections } from '../reading/read-detections.ts';
import { askModel, type Purpose } from './ask-model.ts';
import { detectionsForm } from './forms.ts';
import { type Model, type Tokens, totalTokens } from './model.ts';

/** Neighboring halves share this much of the cut side, so that an object at the cut is whole in one of them. */
const SHARED_BY_HALVES = 1 / 8;
const HALF_SIDE_MIN_PX = 64;

export type UnpricedAnswer = Omit<DetectionAnswer, 'usage'> & { tokens: Tokens };

/** Boxes in pixels of `tile`, whatever was sent. */
export async function detect(
  send: Model,
  model: ModelId,
  profile: ModelProfile,
  tile: Jpeg,
  ask: Ask,
  isInCorner: ConventionWatch,
): Promise<UnpricedAnswer> {
  const image = await fitJpeg(tile, { ...profile.intake.seen(tile), bytesMax: profile.bytesMax });
  const whole = await detectOnce(send, model, image, frameOf(image, profile), ask, isInCorner);
  const halves = whole.isCutOff ? halvesOf(image) : [];
  const parts: UnpricedAnswer[] = [whole];
  for (const box of halves) {
    const cut = await cutJpeg(image, box);
    const half = await detectOnce(send, model, cut, frameOf(cut, profile), ask, isInCorner);
    parts.push({ ...half, detections: half.detections.map((detection) => movedBy(box, detection)) });
    if (half.isCutOff) half.notes.push(tooMany(model));
  }
  if (whole.isCutOff && halves.length === 0) whole.notes.push(tooMany(model));
  const detections = parts.flatMap((part) => part.detections);
  return {
    detections: detections.map((detection) => scaledTo(tile, image, detection)),
    clipped: parts.reduce((sum, { clipped }) => sum + clipped, 0),
    notes: [...new Set(parts.flatMap(({ notes }) => notes))],
    tokens: totalTokens(parts.map(({ tokens }) => tokens)),
  };
}

const tooMany = (model: ModelId) =>
  `${model} could not list all objects of a tile in one answer; some may be missing. Use a smaller tile_size.`;

async function detectOnce(
  send: Model,
  model: ModelId,
  image: Jpeg,
  frame: BoxFrame,
  ask: Ask,
  isInCorner: ConventionWatch,
): Promise<UnpricedAnswer & { isCutOff: boolean }> {
  const question = { ...detectPrompt(ask, frame), image };
  const { answer, tokens, isCutOff, notes } = await askModel(send, model, detection(frame), question);
  const requested = withRequestedLabels(answer.detections, ask);
  return {
    detections: requested,
    clipped: answer.clipped,
    notes: [
      ...notes,
      ...notesOn(model, answer, requested.length, frame),
      ...(isInCorner(model, answer.reported, frame) ? [cornerNote(model)] : []),
    ],
    tokens,
    isCutOff,
  };
}

function cornerNote(model: ModelId): string {
  return `All boxes of ${model} lie in the top left corner of their tiles; it may answer in another unit than asked. Measure it with "npx tilesight calibrate ${model}".`;
}

/** What the model reports, in its own numbers: for calibration. */
export async function locate(
  send: Model,
  model: ModelId,
  image: Jpeg,
  { coordinates, lookFor }: { coordinates: Coordinates; lookFor: string },
): Promise<{ marks: MarkSeen[]; tokens: Tokens }> {
  const frame: BoxFrame = { coordinates, image, seen: image };
  const prompt = detectPrompt({ look_for: lookFor, labels: [] }, frame);
  const { answer, tokens } = await askModel(send, model, detection(frame), { ...prompt, image });
  return { marks: answer.reported, tokens };
}

function detection(frame: BoxFrame): Purpose<ReadDetections> {
  return {
    wanted: 'detections',
    whenTooLong: 'Choose a smaller tile_size.',
    form: detectionsForm(frame.coordinates),
    read: detectionsReader(frame),
    join: joined,
    readPart(text) {
      const part = readDetections(wholeObjectsIn(text, 'detections'), frame);
      return part.reported.length === 0 ? null : part;
    },
  };
}

function joined(answers: readonly ReadDetections[]): ReadDetections {
  const sum = (of: (answer: ReadDetections) => number) => answers.reduce((total, answer) => total + of(answer), 0);
  return {
    detections: answers.flatMap(({ detections }) => detections),
    clipped: sum(({ clipped }) => clipped),
    unreadable: sum(({ unreadable }) => unreadable),
    withoutScore: sum(({ withoutScore }) => withoutScore),
    reported: answers.flatMap(({ reported }) => reported),
    wereFractions: answers.some(({ wereFractions }) => wereFractions),
    reversed: sum(({ reversed }) => reversed),
  };
}

function notesOn(model: ModelId, answer: ReadDetections, requested: number, frame: BoxFrame): string[] {
  const { detections, reported, unreadable, withoutScore, wereFractions, reversed } = answer;
  const notes: string[] = [];
  if (reported.length >= DETECTIONS_MAX) {
    notes.push(`${model} reports at most ${DETECTIONS_MAX} objects in one tile; there may be more. Use a smaller tile_size.`);
  }
  if (requested < detections.length) {
    notes.push(`${model} also detected objects with labels that were not requested; they are left out.`);
  }
  if (unreadable > 0) notes.push(`Some detections of ${model} had no label or no box; they are left out.`);
  if (withoutScore > 0) notes.push(`${model} reports detections without a score; 0.5 is assumed.`);
  if (reversed > 0) notes.push(`${model} names the bottom right corner of boxes first; they are read accordingly.`);
  const other = wereFractions ? 'fractions' : unitBeyond(reported, frame);
  if (other) {
    const expected = coordinatesName(frame.coordinates);
    notes.push(
      `${model} answers with boxes in ${other}, not in ${expected} as asked; boxes may be wrong. Measure it with "npx tilesight calibrate ${model}".`,
    );
  }
  return notes;
}

/** What the unit seems to be if most boxes lie outside of the scale that was asked for. */
function unitBeyond(reported: readonly MarkSeen[], frame: BoxFrame): string | null {
  const { width, height } = scaleOf(frame);
  const outside = reported.filter(({ edges: { right, bottom } }) => right > width * 1.05 || bottom > height * 1.05);
  if (outside.length * 2 <= reported.length) return null;
  if (frame.coordinates.unit === 'pixels') return 'another unit';
  return frame.coordinates.unit === 'fractions' ? 'thousandths or pixels' : 'pixels';
}

function halvesOf({ width, height }: Jpeg): Box[] {
  const side = Math.max(width, height);
  const half = Math.ceil((side * (1 + SHARED_BY_HALVES)) / 2);
  if (half < HALF_SIDE_MIN_PX) return [];
  return width >= height
    ? [
        [0, 0, half, height],
        [width - half, 0, half, height],
      ]
    : [
        [0, 0, width, half],
        [0, height - half, width, half],
      ];
}

function movedBy([left, top]: Box, detection: Detection): Detection {
  const [x, y, width, height] = detection.box;
  return { ...detection, box: [left + x, top + y, width, height] };
}

/** From the image that was sent to the tile, rounded outwards. */
function scaledTo(tile: Jpeg, image: Jpeg, detection: Detection): Detection {
  if (tile.width === image.width && tile.height === image.height) return detection;
  const [across, down] = [tile.width / image.width, tile.height / image.height];
  const [left, top, width, height] = detection.box;
  const [leftPx, topPx] = [Math.floor(left * across), Math.floor(top * down)];
  const [rightPx, bottomPx] = [Math.ceil((left + width) * across), Math.ceil((top + height) * down)];
  return {
    ...detection,
    box: [leftPx, topPx, Math.min(tile.width, rightPx) - leftPx, Math.min(tile.height, bottomPx) - topPx],
  };
}

/** Only the requested labels, as the request spells them. */
function withRequestedLabels(detections: Detection[], { labels }: Ask): Detection[] {
  if (labels.length === 0) return detections;
  const requested = new Map(labels.map((label) => [label.trim().toLowerCase(), label]));
  return detections.flatMap((detection) => {
    const label = requested.get(detection.label.toLowerCase());
    return label === undefined ? [] : [{ ...detection, label }];
  });
}
