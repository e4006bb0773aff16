// Which models an analysis uses: the defaults of the deployment, or other models that it allows.
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import { type AnalysisRequest, ModelId } from '../../pipeline/contract/schemas.ts';
import type { Detectors } from '../../pipeline/ports.ts';
import { AGENT_MODEL } from '../../pipeline/providers/agent-model.ts';
import { unfitFor } from '../../pipeline/providers/model-roles.ts';
import { isLocal } from '../../pipeline/providers/prices.ts';

/** The models of a deployment. */
export interface ModelOffer {
  /** Used if a request names no model; always allowed. */
  defaults: AnalysisRequest['models'];
  /** Answers questions. Missing if it is one of the models above, or none. */
  ask?: ModelId;
  allowed: readonly ModelId[];
  moderationMayBeOff: boolean;
}

/** What the execution keeps of the registered detectors among `models`; `undefined` if there are none. Throws as `find`, and if none of them could report anything. */
export async function detectorsOf(
  { detection }: AnalysisRequest['models'],
  ask: AnalysisRequest['ask'],
  detectors: Detectors,
): Promise<AnalysisRequest['detectors']> {
  if (!detection.some((model) => /^(?:onnx|hf):/.test(model))) return undefined;
  // Not at a cold start.
  const [{ isOwnDetector, isZeroShot }, { selectOwn, textModelNotes }, { tileEdgeOf }, { noWords, wordsOf }] = await Promise.all([
    import('../../pipeline/providers/detector-names.ts'),
    import('../../pipeline/providers/local-labels.ts'),
    import('../../pipeline/planning/tile-preferences.ts'),
    import('../../pipeline/providers/zero-shot-words.ts'),
  ]);
  const registered = [...new Set(detection)].filter(isOwnDetector);
  if (registered.length === 0) return undefined;
  const [first = ''] = detection;
  if (detection.every(isZeroShot) && wordsOf(ask).length === 0) throw new UserError(noWords(first));
  return await Promise.all(
    registered.map(async (model) => {
      const { labels, input, version, scripts } = await detectors.find(model);
      const tile_edge = tileEdgeOf(input);
      if (scripts) return { model, version, tile_edge, notes: textModelNotes(model, scripts, ask), reads_text: true as const };
      return { model, version, tile_edge, notes: selectOwn(model, labels, ask).notes };
    }),
  );
}

/** The model that answers questions. Throws a UserError if this deployment has no language model. */
export function askModelOf({ ask, defaults }: ModelOffer): ModelId {
  if (ask !== undefined) return ask;
  const { verification, judge, synthesis, detection } = defaults;
  const model = [verification, judge, synthesis, ...detection].find((one) => one && !isLocal(one));
  if (model) return model;
  throw new UserError(
    'This server has no language model that can answer questions: ASK_MODEL is not set. Look yourself with view_region, or search with analyze_image.',
  );
}

export const RequestedModels = z.strictObject({
  moderation: ModelId.optional(),
  detection: z.array(ModelId).min(1).max(4).optional(),
  verification: ModelId.optional(),
  synthesis: ModelId.optional(),
  judge: ModelId.optional().describe('Decides where several detection models differ.'),
});
const STEPS = ['moderation', 'detection', 'verification', 'synthesis', 'judge'] as const satisfies (keyof RequestedModels)[];
export type RequestedModels = z.infer<typeof RequestedModels>;

/** The agent that calls needs no permission: its own model looks. */
const BLIND_STEP = (step: string) =>
  `The agent itself (${AGENT_MODEL}) only detects and verifies. Name another model in models.${step}, or leave it out.`;

/** Throws a UserError that names the allowed models. */
export function chosenModels(
  requested: RequestedModels | undefined,
  { moderation, verify }: { moderation: 'on' | 'off'; verify: boolean },
  offer: ModelOffer,
): AnalysisRequest['models'] {
  const { defaults, allowed, moderationMayBeOff } = offer;
  const usable = new Set(
    [...Object.values(defaults).flat(), ...allowed, AGENT_MODEL].filter((model) => model !== null && model !== undefined),
  );
  const chosen = STEPS.flatMap((step) => {
    const model = requested?.[step];
    return model === undefined ? [] : [[step, model] as const];
  });
  for (const [step, model] of chosen.flatMap(([step, models]) => [models].flat().map((model) => [step, model] as const))) {
    if (!usable.has(model))
      throw new UserError(`This server does not allow the model ${model}. Allowed models: ${[...usable].sort().join(', ')}.`);
    const unfit = unfitFor(step, model);
    if (unfit) throw new UserError(`${unfit.cannot}. Name ${unfit.expected} in models.${step}.`);
  }
  for (const [step, model] of chosen) {
    if (model === AGENT_MODEL && step !== 'verification') throw new UserError(BLIND_STEP(step));
  }
  if (moderation === 'off' && !moderationMayBeOff) {
    throw new UserError('This server does not allow moderation off. Leave moderation out.');
  }
  const models: AnalysisRequest['models'] = { ...defaults, ...Object.fromEntries(chosen) };
  if (verify && models.verification === null) {
    throw new UserError(
      'This server has no verification model, so verify is not available. Leave verify out, or name an allowed model in models.verification.',
    );
  }
  if (requested?.judge !== undefined && models.detection.length < 2) {
    throw new UserError(
      'A judge decides where detection models differ. Name at least two models in models.detection, or leave models.judge out.',
    );
  }
  if (models.detection.length < 2) delete models.judge; // the default one has nothing to decide
  return { ...models, moderation: moderation === 'off' ? null : models.moderation };
}
