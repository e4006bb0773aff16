// The profile of a model as a run uses it: from the configuration, from a stored calibration, or from the registry.

import type { Calibration } from '../calibration/calibration-document.ts';
import { lru } from '../contract/lru.ts';
import type { ModelId } from '../contract/schemas.ts';
import { type Coordinates, coordinatesNamed } from '../providers/coordinates.ts';
import { patches } from '../providers/image-intake.ts';
import type { ModelProfile } from '../providers/model-profiles.ts';
import { profileOf } from '../providers/profile-of.ts';

/** A calibration counts in processes that run already after this time. */
const KEPT_MS = 60_000;
const MODELS_KEPT_MAX = 100;

export interface ProfileSources {
  /** MODEL_COORDINATES, by model. */
  configured: ReadonlyMap<ModelId, Coordinates>;
  /** `null` if the model was never calibrated. */
  calibrationOf(model: ModelId): Promise<Calibration | null>;
  now(): number;
}

export function profilesFrom({ configured, calibrationOf, now }: ProfileSources): (model: ModelId) => Promise<ModelProfile> {
  const kept = lru<ModelId, { calibration: Calibration | null; until: number }>(MODELS_KEPT_MAX);
  const calibrated = async (model: ModelId) => {
    const earlier = kept.get(model);
    if (earlier && now() < earlier.until) return earlier.calibration;
    const calibration = await calibrationOf(model);
    kept.set(model, { calibration, until: now() + KEPT_MS });
    return calibration;
  };
  return async (model) => {
    const registered = profileOf(model);
    const coordinates = configured.get(model);
    if (coordinates) return { ...registered, coordinates, knownFrom: 'configured' };
    const calibration = await calibrated(model);
    return calibration ? withCalibration(registered, calibration) : registered;
  };
}

function withCalibration(registered: ModelProfile, { coordinates, seen_longer_px }: Calibration): ModelProfile {
  const profile: ModelProfile = { ...registered, coordinates: coordinatesNamed(coordinates), knownFrom: 'calibrated' };
  const longerPxMax = seen_longer_px ?? sentLongerPxMax(registered, profile);
  if (longerPxMax === null) return profile;
  const measured = patches({ edgePx: 1, longerPxMax });
  return { ...profile, intake: { seen: measured.seen, tokens: registered.intake.tokens } };
}

/**
 * A chart is as large as a tile of the profile, so it does not show how the model shrinks larger ones. Where no maker publishes it, pixels
 * would be those of an unknown size: a larger tile is sent at the size of a chart.
 */
function sentLongerPxMax({ knownFrom, tileEdgePx }: ModelProfile, { coordinates }: ModelProfile): number | null {
  return knownFrom === 'assumed' && coordinates.unit === 'pixels' ? tileEdgePx : null;
}
