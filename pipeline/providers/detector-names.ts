// Which models are registered detectors, and which names those may have. Pure, and small: every server loads it at its start.
import type { ModelId } from '../contract/schemas.ts';

/** The names of the models that this repository brings. */
const BUILT_IN_NAMES = ['nanodet', 'ppocr', 'nsfw'] as const;

/** Also the name of a folder, on disks that do not tell upper from lower case. */
const DETECTOR_NAME = /^[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?$/;
const PREFIX = 'onnx:';

/** Whether the id can only be that of a registered detector, if it is one at all. */
export function isOwnDetector(model: ModelId): boolean {
  return model.startsWith(PREFIX) && !BUILT_IN_NAMES.some((name) => model === PREFIX + name);
}

/** `gauges` of `onnx:gauges`; `null` for built-in models, other providers and names that no detector can have. */
export function detectorName(model: ModelId): string | null {
  if (!model.startsWith(PREFIX)) return null;
  const name = model.slice(PREFIX.length);
  return isDetectorName(name) ? name : null;
}

export function isDetectorName(name: string): boolean {
  return DETECTOR_NAME.test(name) && !name.includes('..') && !BUILT_IN_NAMES.some((builtIn) => builtIn === name);
}
