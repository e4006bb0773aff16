// Which models are registered detectors, and which names those may have. Pure, and small: every server loads it at its start.
import type { ModelId } from '../contract/schemas.ts';

/** The names of the models that this repository brings. */
const BUILT_IN_NAMES = ['nanodet', 'ppocr', 'nsfw'] as const;

/** Also the name of a folder, on disks that do not tell upper from lower case. */
const DETECTOR_NAME = /^[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?$/;
const PREFIX = 'onnx:';
const ZERO_SHOT_PREFIX = 'hf:';
/** Names as the hub allows them: never with `--` or `..`, which would be other folders. */
const HUB_MODEL = /^hf:([A-Za-z0-9][\w.-]{0,95})\/([A-Za-z0-9][\w.-]{0,95})@([0-9a-f]{40})$/;

/** Whether the id can only be that of a registered detector, if it is one at all. */
export function isOwnDetector(model: ModelId): boolean {
  if (isZeroShot(model)) return true;
  return model.startsWith(PREFIX) && !BUILT_IN_NAMES.some((name) => model === PREFIX + name);
}

/** Whether the model detects what words name. */
export function isZeroShot(model: ModelId): boolean {
  return model.startsWith(ZERO_SHOT_PREFIX);
}

/** `owl` of `hf:owl`; `null` for other providers and names that no folder can have. */
export function zeroShotName(model: ModelId): string | null {
  const name = isZeroShot(model) ? model.slice(ZERO_SHOT_PREFIX.length) : '';
  return isDetectorName(name) ? name : null;
}

export interface HubModel {
  owner: string;
  repository: string;
  commit: string;
}

/** The parts of `hf:OWNER/MODEL@COMMIT`; `null` for everything else. A branch or a tag would name other files tomorrow. */
export function hubModel(model: ModelId): HubModel | null {
  const [, owner, repository, commit] = HUB_MODEL.exec(model) ?? [];
  if (owner === undefined || repository === undefined || commit === undefined) return null;
  return /--|\.\./.test(model) ? null : { owner, repository, commit };
}

/** `gauges` of `onnx:gauges`; `null` for built-in models, other providers and names that no detector can have. */
export function detectorName(model: ModelId): string | null {
  if (!model.startsWith(PREFIX)) return null;
  const name = model.slice(PREFIX.length);
  return isDetectorName(name) ? name : null;
}

/** Windows opens a device by such a name, with any extension. Detectors that have one on another system remain usable. */
export function isReservedName(name: string): boolean {
  return /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/.test(name);
}

export function isDetectorName(name: string): boolean {
  return DETECTOR_NAME.test(name) && !name.includes('..') && !BUILT_IN_NAMES.some((builtIn) => builtIn === name);
}
