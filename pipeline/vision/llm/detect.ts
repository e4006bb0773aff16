// Asks a language model what is in a tile. Where the answer is cut off, asks about the halves of the tile, too.
import { AnswerError, TransientError } from '../../contract/errors.ts';
import type { Ask, ModelId } from '../../contract/schemas.ts';
import type { DetectionAnswer, Jpeg, MarkSeen } from '../../ports.ts';
import type { Coordinates } from '../../providers/coordinates.ts';
import type { ModelProfile } from '../../providers/model-profiles.ts';
import type { ConventionWatch } from '../convention-watch.ts';
import { leftOut, notesOn, shrunkNote, tooManyObjects } from '../detection-notes.ts';
import { cutJpeg, fitJpeg } from '../jpeg-tools.ts';
import { type BoxFrame, frameOf } from '../prompts/box-frame.ts';
import { detectPrompt } from '../prompts/detect-prompt.ts';
import { wholeObjectsIn } from '../reading/json-in-text.ts';
import { detectionsReader } from '../reading/read-answers.ts';
import { type ReadDetections, readDetections, withRequestedLabels } from '../reading/read-detections.ts';
import { halvesOf, movedBy, scaledTo } from '../tile-parts.ts';
import { askModel, type Purpose } from './ask-model.ts';
import { detectionsForm } from './forms.ts';
import type { Model } from './model.ts';

/** The most of one answer. Models are asked for at most 50. */
const DETECTIONS_KEPT_MAX = 1_000;

export type UnpricedAnswer = Omit<DetectionAnswer, 'usage'>;

/** What all tiles of a model have in common. */
export interface Asked {
  send: Model;
  model: ModelId;
  ask: Ask;
  watch: ConventionWatch;
  /** Whether a further call may follow those before it. */
  mayContinue(): boolean;
}

/** Boxes in pixels of `tile`, whatever was sent. */
export async function detect(asked: Asked, profile: ModelProfile, tile: Jpeg): Promise<UnpricedAnswer> {
  const { model, mayContinue } = asked;
  const image = await fitJpeg(tile, { ...profile.intake.seen(tile), bytesMax: profile.bytesMax });
  const whole = await detectOnce(asked, image, frameOf(image, profile));
  const halves = whole.isCutOff ? halvesOf(image) : [];
  const parts: UnpricedAnswer[] = [whole];
  for (const box of halves) {
    if (!mayContinue()) {
      whole.notes.push(tooManyObjects(model));
      break;
    }
    const cut = await cutJpeg(image, box);
    const half = await detectOnce(asked, cut, frameOf(cut, profile)).catch(notTheWhole);
    if (half === null || half.isCutOff) whole.notes.push(tooManyObjects(model));
    if (half) parts.push({ ...half, detections: half.detections.map((detection) => movedBy(box, detection)) });
  }
  if (whole.isCutOff && halves.length === 0) whole.notes.push(tooManyObjects(model));
  const shrunk = shrunkNote(model, tile, profile.intake);
  if (shrunk !== null) whole.notes.push(shrunk);
  const detections = parts.flatMap((part) => part.detections);
  return {
    detections: detections.map((detection) => scaledTo(tile, image, detection)),
    clipped: parts.reduce((sum, { clipped }) => sum + clipped, 0),
    unreadable: parts.reduce((sum, { unreadable = 0 }) => sum + unreadable, 0),
    notes: [...new Set(parts.flatMap(({ notes }) => notes))],
  };
}

/** Half a tile without a usable answer, or whose call is throttled for too long, does not cost what the whole tile has shown. */
function notTheWhole(error: unknown): null {
  if (error instanceof AnswerError || (error instanceof TransientError && error.throttled)) return null;
  throw error;
}

async function detectOnce(
  { send, model, ask, watch }: Asked,
  image: Jpeg,
  frame: BoxFrame,
): Promise<UnpricedAnswer & { isCutOff: boolean }> {
  const question = { ...detectPrompt(ask, frame), image };
  const { answer, isCutOff, notes } = await askModel(send, model, detection(frame), question);
  const requested = withRequestedLabels(answer.detections, ask);
  const left = requested.length - DETECTIONS_KEPT_MAX;
  return {
    detections: requested.slice(0, DETECTIONS_KEPT_MAX),
    clipped: answer.clipped,
    unreadable: answer.unreadable,
    notes: [
      ...notes,
      ...notesOn(model, answer, requested.length, frame, watch),
      ...(left > 0 ? [leftOut(model, DETECTIONS_KEPT_MAX)] : []),
    ],
    isCutOff,
  };
}

/** What the model reports, in its own numbers: for calibration. */
export async function locate(
  send: Model,
  model: ModelId,
  image: Jpeg,
  { coordinates, lookFor }: { coordinates: Coordinates; lookFor: string },
): Promise<{ marks: MarkSeen[] }> {
  const frame: BoxFrame = { coordinates, image, seen: image };
  const prompt = detectPrompt({ look_for: lookFor, labels: [] }, frame);
  const { answer } = await askModel(send, model, detection(frame), { ...prompt, image });
  return { marks: answer.reported };
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
    isReversed: answers.some(({ isReversed }) => isReversed),
  };
}
