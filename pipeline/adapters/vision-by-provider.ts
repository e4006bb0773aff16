// Vision by the provider that a model's name begins with. Knows the providers it was given and nothing of their models.
import type { ModelId } from '../core/contract.ts';
import { UserError } from '../core/errors.ts';
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
    moderate: async (model, picture) => of(model).moderate(model, picture),
    detect: async (model, tile, ask) => of(model).detect(model, tile, ask),
    verify: async (model, crop, doubt) => of(model).verify(model, crop, doubt),
    summarize: async (model, material) => of(model).summarize(model, material),
  };
}
