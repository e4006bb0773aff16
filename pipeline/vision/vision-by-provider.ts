// Vision by the provider that a model's name begins with. Knows the providers it was given and nothing of their models.

import { UserError } from '../contract/errors.ts';
import type { ModelId } from '../contract/schemas.ts';
import type { Vision } from '../ports.ts';

/** `onnx:nanodet` goes to `providers.onnx`. An unknown provider is a UserError that names the known ones. */
export function visionByProvider(providers: Readonly<Record<string, Vision>>): Vision {
  const of = (model: ModelId): Vision => {
    const name = model.slice(0, model.indexOf(':'));
    const vision = Object.hasOwn(providers, name) ? providers[name] : undefined;
    if (vision) return vision;
    const known = Object.keys(providers).map((provider) => `${provider}:`);
    throw new UserError(`Expected a model of ${known.join(' or ')}, got ${model}. Choose a model of one of these providers.`);
  };
  return {
    moderate: async (model, image) => of(model).moderate(model, image),
    detect: async (model, tile, ask) => of(model).detect(model, tile, ask),
    verify: async (model, crop, doubt) => of(model).verify(model, crop, doubt),
    summarize: async (model, material) => of(model).summarize(model, material),
  };
}
