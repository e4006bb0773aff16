// Which models an analysis uses: the deployment's own, or others that it allows.
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import { type AnalysisRequest, ModelId } from '../../pipeline/contract/schemas.ts';

/** What a deployment offers. */
export interface ModelOffer {
  /** Used when a request names none; always allowed. */
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

/** Throws a UserError that names what can be chosen. */
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
      throw new UserError(`Expected a model that this server allows (${[...usable].sort().join(', ')}), got ${model}.`);
  }
  if (moderation === 'off' && !moderationMayBeOff) {
    throw new UserError('Expected moderation on, as this server requires it, got off. Leave moderation out.');
  }
  const models: AnalysisRequest['models'] = { ...defaults, ...Object.fromEntries(wished) };
  if (verify && models.verification === null) {
    throw new UserError(
      'Expected a server with a verification model for verify, got one without. Leave verify out, or name models.verification if one is allowed.',
    );
  }
  return { ...models, moderation: moderation === 'off' ? null : models.moderation };
}
