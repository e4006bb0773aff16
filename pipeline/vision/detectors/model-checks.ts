// Refuses an ONNX file that cannot run here, whatever its layout: every sentence says what was read and how to export it instead. Pure.
import { UserError } from '../../contract/errors.ts';
import { printable } from '../../contract/printable.ts';
import type { ModelValue, OnnxModel } from './onnx-model.ts';

/** Inputs beside the image that a decoder feeds. */
const OTHER_INPUTS = ['orig_target_sizes', 'scale_factor', 'im_shape', 'pixel_mask'];
const VALUES_SHOWN_MAX = 8;
/** A file may have names of any length. */
const NAME_CHARACTERS_MAX = 60;
const DIMENSIONS_SHOWN_MAX = 6;

/** The input that takes the image. Throws a UserError if the model cannot run. */
export function checkedInput(model: OnnxModel): ModelValue {
  if (model.externalWeight !== null) {
    throw new UserError(
      `The weight ${shortName(model.externalWeight)} of the model is stored in another file (external data). Export the model as a single file.`,
    );
  }
  if (model.customOperators.length > 0) {
    const names = model.customOperators.slice(0, 5).map(shortName).join(', ');
    throw new UserError(
      `The model needs operators that onnxruntime does not have: ${names}. Export it without plugins for other runtimes.`,
    );
  }
  const images = model.inputs.filter(({ name }) => !OTHER_INPUTS.includes(name));
  const [image] = images;
  if (image?.shape?.length !== 4 || images.length > 1) {
    throw new UserError(
      `Expected one image as input, with the shape [1, 3, height, width]; the inputs are ${shown(model.inputs)}.`,
    );
  }
  const [batch, channels] = image.shape;
  if (image.element !== 'float32') {
    const advice =
      image.element === 'float16' ? 'Export it without half precision (half=False).' : 'Export it with a float32 input.';
    throw new UserError(`The input ${shown([image])} must be float32. ${advice}`);
  }
  if (typeof batch === 'number' && batch !== 1) {
    throw new UserError(`The input ${shown([image])} has a fixed batch of ${batch}. Export the model with a batch of 1.`);
  }
  if (typeof channels === 'number' && channels !== 3) {
    throw new UserError(
      `The input ${shown([image])} must have three color planes in its second dimension: [1, 3, height, width].`,
    );
  }
  const half = model.outputs.find(({ element }) => element === 'float16' || element === 'bfloat16');
  if (half)
    throw new UserError(`The output ${shown([half])} must be float32. Export the model without half precision (half=False).`);
  return image;
}

/** For a sentence. */
export function shortName(name: string): string {
  const shown = printable(name.slice(0, NAME_CHARACTERS_MAX));
  return name.length > NAME_CHARACTERS_MAX ? `${shown}…` : shown;
}

/** As in `images float32 [1, 3, 640, 640]`. */
export function shown(values: readonly ModelValue[]): string {
  const named = values.slice(0, VALUES_SHOWN_MAX).map(({ name, element, shape }) => {
    const sizes = shape?.slice(0, DIMENSIONS_SHOWN_MAX).map((size) => shortName(String(size ?? '?')));
    if (shape && shape.length > DIMENSIONS_SHOWN_MAX) sizes?.push('…');
    return `${shortName(name)} ${element} ${sizes === undefined ? 'of unknown shape' : `[${sizes.join(', ')}]`}`;
  });
  if (values.length > VALUES_SHOWN_MAX) named.push(`${values.length - VALUES_SHOWN_MAX} more`);
  return new Intl.ListFormat('en').format(named);
}
