// The factory of each provider, and one Vision in front of all of them: a model's prefix chooses the provider.
// Throttled models get fewer calls at once.
import { UserError } from '../contract/errors.ts';
import type { ModelId } from '../contract/schemas.ts';
import type { Vision } from '../ports.ts';
import { type Coordinates, coordinatesNamed } from '../providers/coordinates.ts';
import type { ExecutionProvider } from '../providers/execution-providers.ts';
import type { ProviderName, ProviderSettings } from '../providers/provider-registry.ts';
import { agentVision } from './agent-vision.ts';
import { anthropicVision } from './llm/anthropic-vision.ts';
import { bedrockVision } from './llm/bedrock-vision.ts';
import type { LlmOptions } from './llm/llm-vision.ts';
import { openaiVision } from './llm/openai-vision.ts';
import { onnxVision } from './onnx/onnx-vision.ts';
import { type ProfileSources, profilesFrom } from './profiles.ts';
import type { DetectorRegistry } from './registered-detectors.ts';
import { rulesVision } from './rules-vision.ts';
import { throttledVision, throttleGates } from './throttled-vision.ts';
import { hfVision } from './zero-shot/hf-vision.ts';

/** Creating a Vision loads no client and no model: the first call does. */
const FACTORIES = {
  onnx: ({ ONNX_EXECUTION_PROVIDER: executionProvider }, { through }, detectors) =>
    throttledVision(onnxVision({ detectors, executionProvider }), through),
  hf: ({ ONNX_EXECUTION_PROVIDER: executionProvider }, { through }, detectors) =>
    throttledVision(hfVision(detectors, executionProvider), through),
  agent: () => agentVision(),
  rules: () => rulesVision(),
  bedrock: (_settings, options) => bedrockVision(options),
  anthropic: ({ ANTHROPIC_BASE_URL, ANTHROPIC_API_KEY }, options) =>
    anthropicVision({ ...options, baseUrl: ANTHROPIC_BASE_URL ?? null, apiKey: ANTHROPIC_API_KEY ?? null }),
  openai: ({ OPENAI_BASE_URL, OPENAI_API_KEY }, options) =>
    openaiVision({ ...options, baseUrl: OPENAI_BASE_URL ?? null, apiKey: OPENAI_API_KEY ?? null }),
} satisfies Record<
  ProviderName,
  (settings: VisionSettings, options: Required<LlmOptions>, detectors: DetectorRegistry) => Vision
>;

interface VisionSettings extends ProviderSettings {
  /** The CPU by default. */
  ONNX_EXECUTION_PROVIDER?: ExecutionProvider;
  /** Calls in flight to one model. */
  TILE_CONCURRENCY: number;
  /** `openai:llava=fractions`. */
  MODEL_COORDINATES: readonly string[];
}

interface Stored {
  /** Reads what an earlier calibration stored. */
  calibrationOf: ProfileSources['calibrationOf'];
  detectors: DetectorRegistry;
}

/** Throws a UserError for unknown coordinates. */
export function allProviders(settings: VisionSettings, { calibrationOf, detectors }: Stored): Vision {
  const configured = new Map(settings.MODEL_COORDINATES.map(configuredCoordinates));
  const profiles = profilesFrom({ configured, calibrationOf, now: () => performance.now() });
  const options = { profiles, through: throttleGates(settings.TILE_CONCURRENCY) };
  const providers = Object.entries(FACTORIES).map(([name, factory]) => [name, factory(settings, options, detectors)] as const);
  return visionByProvider(Object.fromEntries(providers));
}

function configuredCoordinates(pair: string): [ModelId, Coordinates] {
  const at = pair.lastIndexOf('=');
  return [pair.slice(0, at), coordinatesNamed(pair.slice(at + 1))];
}

/** `onnx:nanodet` goes to `providers.onnx`. Throws a UserError that lists the providers if there is none of that name. */
export function visionByProvider(providers: Readonly<Record<string, Vision>>): Vision {
  const of = (model: ModelId): Vision => {
    const name = model.slice(0, model.indexOf(':'));
    const vision = Object.hasOwn(providers, name) ? providers[name] : undefined;
    if (vision) return vision;
    const known = Object.keys(providers).map((provider) => `${provider}:`);
    throw new UserError(`The model ${model} has an unknown provider. Choose a model that begins with ${known.join(' or ')}.`);
  };
  return {
    moderate: async (model, image) => of(model).moderate(model, image),
    detect: async (model, tile, ask, mayContinue) => of(model).detect(model, tile, ask, mayContinue),
    locate: async (model, image, question) => {
      const vision = of(model);
      if (vision.locate) return await vision.locate(model, image, question);
      throw new UserError(`The model ${model} has one convention for boxes: it needs no calibration.`);
    },
    verify: async (model, crop, question) => of(model).verify(model, crop, question),
    judge: async (model, crop, question) => {
      const vision = of(model);
      if (vision.judge) return await vision.judge(model, crop, question);
      throw new UserError(`The model ${model} cannot judge. Choose a language model that accepts images for models.judge.`);
    },
    nextAction: async (model, material) => {
      const vision = of(model);
      if (vision.nextAction) return await vision.nextAction(model, material);
      throw new UserError(`The model ${model} cannot answer questions. Choose a language model that accepts images.`);
    },
    summarize: async (model, material) => of(model).summarize(model, material),
  };
}
