// A tile with a cat, for tests of the wire formats of language models.
import type { Ask } from '../../pipeline/contract/schemas.ts';
import type { Jpeg } from '../../pipeline/ports.ts';

export const EVERYTHING: Ask = { look_for: null, labels: [] };
/** The scripted models do not decode the image, so it need not be one; its bytes must arrive unchanged. */
export const TILE: Jpeg = { bytes: new Uint8Array([0xff, 0xd8, 1, 2, 3, 0xff, 0xd9]), width: 200, height: 100 };
/** The cat as most models report it: in thousandths of the tile. */
export const CAT = {
  label: 'cat',
  left: 100,
  top: 200,
  right: 300,
  bottom: 700,
  score: 0.9,
  severity: 'info',
  description: 'a cat',
  text: '',
};
/** The same cat in pixels, as Claude 5 is asked for. */
export const CAT_IN_PIXELS = { ...CAT, left: 20, top: 20, right: 60, bottom: 70 };
/** What is read from both reports. */
export const CAT_IN_TILE = { label: 'cat', box: [20, 20, 40, 50] };
