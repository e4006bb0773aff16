// Runs a detector on a tile as its sidecar describes: tile in, detections out, in pixels of the tile. For a model worker: loads sharp and
// onnxruntime.
import type { InferenceSession } from 'onnxruntime-node';
import { at } from '../../contract/at.ts';
import { AnswerError, UserError } from '../../contract/errors.ts';
import { type Detection, MIN_SCORE_DEFAULT } from '../../contract/schemas.ts';
import { simplified } from '../../outlines/outlines.ts';
import type { Point } from '../../outlines/polygons.ts';
import type { Jpeg } from '../../ports.ts';
import { loadRuntime, type Session, type Tensor } from '../onnx/runtime.ts';
import { byScore, type Candidate, cornersIou, suppressed } from './candidates.ts';
import { DECODERS } from './decoders/decoders.ts';
import { type Outputs, requireNumbers } from './decoders/outputs.ts';
import { boxInTile, inputPlanes, type Placement, placementOf, pointInTile } from './letterbox.ts';
import { shortName } from './model-checks.ts';
import { mergeScore, modelScore, type Sidecar } from './sidecar.ts';

const OUTLINE_TOLERANCE_PX = 0.5;
const OUTLINE_POINTS_MAX = 32; // of 12 bytes: 0.4 KB a detection
const PIXEL_MASK_SHAPE = [1, 64, 64];
const PIXEL_MASK_EDGE_MAX = 4_096;
const SCORE_MAX = 1.001; // rounding of float32
/** A box is clipped to its tile, and the corners of a turned box are not. */
const FAR_PX = 100_000;
const DETECTIONS_MAX = 300; // as Ultralytics; the callers keep fewer, and state it

/** Throws a UserError if onnxruntime cannot load the model: a damaged graph, or an operator that it lacks. */
export async function loadDetector(bytes: Uint8Array, options: InferenceSession.SessionOptions): Promise<Session> {
  const runtime = await loadRuntime(options);
  try {
    return await runtime.createSession(bytes, options);
  } catch (cause) {
    throw new UserError(
      'onnxruntime cannot load the model: its graph is damaged, or uses an operator or a type that it does not have. Export the model again, with opset 17 or lower.',
      { cause },
    );
  }
}

/**
 * Detections by falling score, mapped onto the scale of the merge; `scoreMin` is on that scale. Throws a UserError if the sidecar does
 * not describe the model, and an AnswerError if the model returns no usable numbers for this tile.
 */
export async function runDetector(
  session: Session,
  sidecar: Sidecar,
  tile: Jpeg,
  scoreMin = MIN_SCORE_DEFAULT,
): Promise<Detection[]> {
  const placement = placementOf(tile, sidecar);
  const outputs = await run(session, sidecar, await inputPlanes(tile, placement, sidecar));
  requireNumbers(outputs);
  const candidates = DECODERS[sidecar.layout](outputs, sidecar, modelScore(scoreMin, sidecar));
  const isTurned = candidates.some(({ corners }) => corners !== undefined);
  const kept =
    sidecar.nms === null ? byScore(candidates) : suppressed(candidates, sidecar.nms, isTurned ? cornersIou : undefined);
  return kept.slice(0, DETECTIONS_MAX).flatMap((candidate) => detectionOf(candidate, sidecar, placement, tile));
}

async function run(session: Session, { input }: Sidecar, planes: Float32Array): Promise<Outputs> {
  const feeds = Object.fromEntries(session.inputMetadata.map((value) => [value.name, feedOf(value, planes, input)]));
  let results: Record<string, Tensor>;
  try {
    results = await session.run(feeds);
  } catch (cause) {
    const sentence = `onnxruntime could not run the detector on an input of ${input.width} x ${input.height} px. If every tile fails, correct input in detector.json.`;
    throw new AnswerError(sentence, { cause });
  }
  return session.outputNames.map((name) => {
    const result = results[name];
    if (!result) throw new UserError(`The output ${shortName(name)} of the model is not a tensor. Export the model again.`);
    return { name, values: numbersOf(name, result), shape: result.dims };
  });
}

/** The inputs beside the image ask for the size of an image: that of the input, so that boxes come in its pixels. */
function feedOf(value: InferenceSession.ValueMetadata, planes: Float32Array, { width, height }: Sidecar['input']): Tensor {
  const type = value.isTensor ? value.type : 'float32';
  if (value.name === 'orig_target_sizes') return smallTensor(type, [width, height], [1, 2]);
  if (value.name === 'im_shape') return smallTensor(type, [height, width], [1, 2]);
  if (value.name === 'scale_factor') return smallTensor(type, [1, 1], [1, 2]);
  if (value.name === 'pixel_mask') return pixelMask(type, value.isTensor ? value.shape : []);
  return { type: 'float32', data: planes, dims: [1, 3, height, width] };
}

/** All of it is image. Its size does not matter where the model leaves it open. */
function pixelMask(type: string, declared: readonly (number | string)[]): Tensor {
  const sizes = declared.filter((size) => typeof size === 'number' && size > 0 && size <= PIXEL_MASK_EDGE_MAX).map(Number);
  const shape = sizes.length === PIXEL_MASK_SHAPE.length ? sizes : PIXEL_MASK_SHAPE;
  const length = shape.reduce((product, size) => product * size, 1);
  return smallTensor(
    type,
    Array.from({ length }, () => 1),
    shape,
  );
}

function smallTensor(type: string, values: readonly number[], shape: readonly number[]): Tensor {
  if (type === 'int64') return { type, data: BigInt64Array.from(values, BigInt), dims: shape };
  if (type === 'int32') return { type, data: Int32Array.from(values), dims: shape };
  return { type: 'float32', data: Float32Array.from(values), dims: shape };
}

function numbersOf(name: string, { data, type }: Tensor): Float32Array {
  if (data instanceof Float32Array) return data;
  if (data instanceof BigInt64Array) return Float32Array.from(data, Number);
  if (data instanceof Int32Array) return Float32Array.from(data);
  throw new UserError(
    `The output ${shortName(name)} of the model has the type ${type}. Expected float32, int32 or int64: export the model without half precision.`,
  );
}

/** Nothing if it lies outside of the tile: in the padding. */
function detectionOf(candidate: Candidate, sidecar: Sidecar, placement: Placement, tile: Jpeg): Detection[] {
  const label = at(sidecar.labels, candidate.label);
  requirePossible(candidate);
  const box = boxInTile(candidate, placement, tile);
  if (box === null || label === null) return [];
  const detection: Detection = {
    label,
    description: label,
    score: rounded(Math.min(1, mergeScore(candidate.score, sidecar)), 1_000),
    severity: 'info',
    box,
    text: null,
  };
  if (candidate.corners) {
    detection.polygon = polygonInTile(candidate.corners, placement);
    detection.angle = angleOf(detection.polygon);
  }
  const outline = candidate.outline?.();
  if (outline) {
    const polygon = simplified(polygonInTile(outline, placement), OUTLINE_TOLERANCE_PX, OUTLINE_POINTS_MAX);
    if (polygon.length >= 3) detection.polygon = polygon.map(([x, y]): [number, number] => [x, y]);
  }
  return [detection];
}

/** The sign of a wrong layout: nothing may be made of such numbers. */
function requirePossible({ score, left, top, right, bottom, corners = [] }: Candidate): void {
  if (score > SCORE_MAX) {
    const sentence = `The model returned a score of ${score.toFixed(2)}. Expected at most 1: if every tile fails, correct layout in detector.json.`;
    throw new AnswerError(sentence);
  }
  const isPossible = ([x, y]: Point) => Math.abs(x) <= FAR_PX && Math.abs(y) <= FAR_PX;
  if (![left, top, right, bottom].every(Number.isFinite) || !corners.every(isPossible)) {
    throw new AnswerError('The model returned a box without an end. If every tile fails, correct layout in detector.json.');
  }
}

function polygonInTile(points: readonly Point[], placement: Placement): [number, number][] {
  return points.map(([x, y]) => {
    const [xInTile, yInTile] = pointInTile(placement, x, y);
    return [rounded(xInTile, 10), rounded(yInTile, 10)];
  });
}

/** Degrees from the x axis to the first edge, clockwise, above -180 and up to 180. */
function angleOf(polygon: readonly Point[]): number {
  const [[fromX, fromY], [toX, toY]] = [at(polygon, 0), at(polygon, 1)];
  const degrees = rounded((Math.atan2(toY - fromY, toX - fromX) * 180) / Math.PI, 10);
  return degrees === -180 ? 180 : degrees;
}

function rounded(value: number, parts: number): number {
  return Math.round(value * parts) / parts + 0; // no -0
}
