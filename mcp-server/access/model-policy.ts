// Which models an analysis uses: the defaults of the deployment, or other models that it allows.
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import { type AnalysisRequest, ModelId } from '../../pipeline/contract/schemas.ts';

/** The models of a deployment. */
export interface ModelOffer {
  /** Used if a request names no model; always allowed. */
  defaults: AnalysisRequest['models'];
  allowed: readonly ModelId[];
  moderationMayBeOff: boolean;
}

export const ModelWishes = z.strictObject({
  moderation: ModelId.optional(),
  detection: z.array(ModelId).min(1).max(4).optional(),
  verification: ModelId.optional(),
  synthesis: ModelId.optional(),
});
export type ModelWishes = z.infer<typeof ModelWishes>;

/** Throws a UserError that names the allowed models. */
export function chosenModels(
  wishes: ModelWishes | undefined,
  { moderation, verify }: { moderation: 'on' | 'off'; verify: boolean },
  offer: ModelOffer,
): AnalysisRequest['models'] {
  const { defaults, allowed, moderationMayBeOff } = offer;
  const usable = new Set([...Object.values(defaults).flat(), ...allowed].filter((model) => model !== null));
  const wished = Object.entries(wishes ?? {}).flatMap(([step, model]) => (model === undefined ? [] : [[step, model] as const]));
  for (const model of wished.flatMap(([, model]) => model)) {
    if (!usable.has(model))
      throw new UserError(`This server does not allow the model ${model}. Allowed models: ${[...usable].sort().join(', ')}.`);
  }
  if (moderation === 'off' && !moderationMayBeOff) {
    throw new UserError('This server does not allow moderation off. Leave moderation out.');
  }
  const models: AnalysisRequest['models'] = { ...defaults, ...Object.fromEntries(wished) };
  if (verify && models.verification === null) {
    throw new UserError(
      'This server has no verification model, so verify is not available. Leave verify out, or name an allowed model in models.verification.',
    );
  }
  return { ...models, moderation: moderation === 'off' ? null : models.moderation };
}
