// What a run notes about the detections of a language model: limits, entries left out, and boxes that do not fit its convention. Pure.
import type { ModelId } from '../contract/schemas.ts';
import type { MarkSeen } from '../ports.ts';
import { coordinatesName } from '../providers/coordinates.ts';
import type { ImageIntake, ImageSize } from '../providers/image-intake.ts';
import type { ConventionWatch } from './convention-watch.ts';
import { type BoxFrame, scaleOf } from './prompts/box-frame.ts';
import { DETECTIONS_MAX } from './prompts/detect-prompt.ts';
import type { ReadDetections } from './reading/read-detections.ts';

/** An edge that is farther out than this share of the side is no rounding. */
const BEYOND = 1.05;

/** `requested`: how many of the detections have a label that was asked for. */
export function notesOn(
  model: ModelId,
  answer: ReadDetections,
  requested: number,
  frame: BoxFrame,
  watch: ConventionWatch,
): string[] {
  const { detections, reported, withoutScore, wereFractions, isReversed } = answer;
  const notes: string[] = [];
  if (reported.length >= DETECTIONS_MAX) {
    notes.push(`${model} reports at most ${DETECTIONS_MAX} objects in one tile; there may be more. Use a smaller tile_size.`);
  }
  if (requested < detections.length) {
    notes.push(`${model} also detected objects with labels that were not requested; they are left out.`);
  }
  if (withoutScore > 0) notes.push(`${model} reports detections without a score; 0.5 is assumed.`);
  if (isReversed) {
    notes.push(`${model} names the bottom right corner of boxes first; they are read accordingly. ${measureIt(model)}`);
  }
  const other = wereFractions ? 'fractions' : unitBeyond(reported, frame);
  if (other) {
    const expected = coordinatesName(frame.coordinates);
    const what = wereFractions ? 'they are read accordingly' : 'boxes may be wrong';
    notes.push(`${model} answers with boxes in ${other}, not in ${expected} as asked; ${what}. ${measureIt(model)}`);
  }
  const suspicions = watch(model, isReversed ? [] : reported, frame);
  if (suspicions.includes('corner') && !wereFractions) {
    notes.push(
      `All boxes of ${model} lie in the top left corner of their tiles; it may answer in another unit than asked. ${measureIt(model)}`,
    );
  }
  if (suspicions.includes('sizes') && frame.coordinates.form === 'edges') {
    notes.push(
      `Many boxes of ${model} have no area; it may answer with width and height instead of the right and bottom edge. ${measureIt(model)}`,
    );
  }
  if (suspicions.includes('upright')) {
    const [asked, meant] = frame.coordinates.first === 'x' ? ['left', 'top'] : ['top', 'left'];
    notes.push(
      `Most lines of text of ${model} are higher than wide; it may name the ${meant} edge before the ${asked} one. ${measureIt(model)}`,
    );
  }
  return notes;
}

/** What the unit seems to be if most boxes lie outside of the scale that was asked for. */
function unitBeyond(reported: readonly MarkSeen[], frame: BoxFrame): string | null {
  const { width, height } = scaleOf(frame);
  const outside = reported.filter(
    ({ edges: { left, top, right, bottom } }) =>
      Math.max(left, right) > width * BEYOND || Math.max(top, bottom) > height * BEYOND,
  );
  if (outside.length * 2 <= reported.length) return null;
  if (frame.coordinates.unit === 'pixels') return 'another unit';
  return frame.coordinates.unit === 'fractions' ? 'thousandths or pixels' : 'pixels';
}

export const tooManyObjects = (model: ModelId): string =>
  `${model} could not list all objects of a tile in one answer; some may be missing. Use a smaller tile_size.`;

/** A tile is shrunk if a side loses more than this share: rounding loses less. */
const SHRUNK_SHARE = 0.1;
const LARGE = { width: 4_096, height: 4_096 };

/** `null` if the model sees a tile in its own size. */
export function shrunkNote(model: ModelId, tile: ImageSize, { seen }: Pick<ImageIntake, 'seen'>): string | null {
  const isShrunk = seen(tile).width < tile.width * (1 - SHRUNK_SHARE);
  return isShrunk
    ? `${model} sees tiles shrunk, because they are larger than ${seen(LARGE).width} px; small objects may be missing. Use that tile_size or a smaller one.`
    : null;
}

export const leftOut = (model: ModelId, keptMax: number): string =>
  `${model} reported more than ${keptMax} objects in one answer; only the first ${keptMax} are kept.`;

function measureIt(model: ModelId): string {
  return `Measure it with "npx tilesight calibrate ${model}".`;
}
