// The smallest terms of requests and documents: ids, and shapes in an image. Lengths are in pixels; the name of a field states the space.
import { z } from 'zod';

/** Longer than any id or ARN of a provider. */
const MODEL_ID_CHARACTERS_MAX = 256;

/** `<provider>:<id>`, for example `onnx:nanodet`; `agent:` is the agent that called. The length is no part of the schema that clients get, which has it five times. */
export const ModelId = z
  .string()
  .regex(/^(?:agent:|[a-z]+:\S+)$/, 'expected <provider>:<id>, for example onnx:nanodet')
  .refine((id) => id.length <= MODEL_ID_CHARACTERS_MAX, `expected a model id of at most ${MODEL_ID_CHARACTERS_MAX} characters`);
export type ModelId = z.infer<typeof ModelId>;

export const ExecutionId = z.string().regex(/^[a-zA-Z0-9-_]{1,64}$/, 'expected an execution_id that analyze_image returned');

/** Left, top, width and height, in the order of COCO. The name of the field states the space (`boxInTile`, `box`). */
export const Box = z.tuple([
  z.number().nonnegative(),
  z.number().nonnegative(),
  z.number().nonnegative(),
  z.number().nonnegative(),
]);
export type Box = z.infer<typeof Box>;

/** More corners show no more: a mask of 160 x 160 cells is simplified to about 30. */
const CORNERS_MAX = 200;

/**
 * The outline of an object, as corners [x, y] without a repeated first one. The name of the field states the space. An oriented box has
 * four corners, clockwise from the one at which its first edge starts; they may lie outside of the tile or image.
 */
export const Polygon = z
  .array(z.tuple([z.number(), z.number()]))
  .min(3)
  .max(CORNERS_MAX);
export type Polygon = z.infer<typeof Polygon>;

/** Degrees from the x axis to the first edge of an oriented box, clockwise: for text, the direction in which it reads. */
export const Angle = z.number().gt(-180).lte(180);
