// Vision by any language model that takes images and fills in forms. Knows what to ask and what to make of answers, not the wire.
import type { z } from 'zod';
import type { Ask, Detection, ModelId, Usage } from '../../contract/schemas.ts';
import { costOf } from '../../planning/prices.ts';
import type { DetectionAnswer, Jpeg, VerificationAnswer, Vision } from '../../ports.ts';
import { boxOf } from '../prompts/box-scale.ts';
import { DETECTIONS_MAX, detectPrompt } from '../prompts/detect-prompt.ts';
import { moderatePrompt } from '../prompts/moderate-prompt.ts';
import { summarizePrompt } from '../prompts/summarize-prompt.ts';
import { verifyPrompt } from '../prompts/verify-prompt.ts';
import { ask, type Purpose } from './ask-model.ts';
import { DetectionsForm, ModerationForm, SecondLookForm, SUMMARY_LENGTH_ASKED, SummaryForm } from './forms.ts';
import type { Model, Tokens } from './model.ts';

const OTHER_MODEL = 'Choose another model.';
const DETECT: Purpose<z.infer<typeof DetectionsForm>> = {
  wanted: 'detections',
  whenTooLong: 'Choose a smaller tile_size.',
  form: { name: 'report_detections', description: 'Reports what is in the image.', schema: DetectionsForm },
};
const VERIFY: Purpose<z.infer<typeof SecondLookForm>> = {
  wanted: 'a second look',
  whenTooLong: OTHER_MODEL,
  form: { name: 'report_second_look', description: 'Reports what a second look shows.', schema: SecondLookForm },
};
const MODERATE: Purpose<z.infer<typeof ModerationForm>> = {
  wanted: 'a verdict',
  whenTooLong: OTHER_MODEL,
  form: { name: 'report_verdict', description: 'Reports whether the image may be analyzed.', schema: ModerationForm },
};
const SUMMARIZE: Purpose<z.infer<typeof SummaryForm>> = {
  wanted: 'a summary',
  whenTooLong: OTHER_MODEL,
  form: { name: 'report_summary', description: 'Reports the summary of the whole image.', schema: SummaryForm },
};

export function llmVision(askModel: Model): Vision {
  return {
    /** No valid verdict is an exception, whatever the reason: never "allowed". */
    async moderate(model, image) {
      const { answer, tokens } = await ask(askModel, model, MODERATE, { ...moderatePrompt(), image });
      const { usage } = bill(model, tokens);
      if (answer.verdict === 'allowed') return { allowed: true, usage };
      return { allowed: false, category: answer.category, score: answer.score, usage };
    },
    async detect(model, tile, request) {
      const { answer, tokens } = await ask(askModel, model, DETECT, { ...detectPrompt(request), image: tile });
      const seen = inPixels(answer.detections, tile);
      const wanted = asAskedFor(seen.detections, request);
      const { usage, priceKnown } = bill(model, tokens);
      const notes = [
        ...(answer.detections.length >= DETECTIONS_MAX
          ? [`${model} reports at most ${DETECTIONS_MAX} things in one tile; there may be more. A smaller tile_size shows them.`]
          : []),
        ...(wanted.length < seen.detections.length ? [`${model} saw things of other labels too; they are left out.`] : []),
        ...(priceKnown ? [] : [`No price is known for ${model}: its tokens are counted without cost.`]),
      ];
      return { detections: wanted, clipped: seen.clipped, usage, notes };
    },
    async verify(model, crop, doubt) {
      const { answer, tokens } = await ask(askModel, model, VERIFY, { ...verifyPrompt(doubt, crop), image: crop });
      return { ...secondLook(answer, crop), usage: bill(model, tokens).usage };
    },
    async summarize(model, material) {
      const prompt = summarizePrompt(material, SUMMARY_LENGTH_ASKED);
      const { answer, tokens } = await ask(askModel, model, SUMMARIZE, { ...prompt, image: await material.overview() });
      return { summary: answer.summary, usage: bill(model, tokens).usage };
    },
  };
}

function inPixels(
  seen: z.infer<typeof DetectionsForm>['detections'],
  { width, height }: Jpeg,
): Pick<DetectionAnswer, 'detections' | 'clipped'> {
  let clipped = 0;
  const detections: Detection[] = [];
  for (const { left, top, right, bottom, text, ...said } of seen) {
    const inside = boxOf({ left, top, right, bottom }, width, height);
    if (inside.clipped || inside.box === null) clipped += 1;
    if (inside.box) detections.push({ ...said, box: inside.box, text: written(text) });
  }
  return { detections, clipped };
}

/** Only labels that were asked for, as they were spelled there. */
function asAskedFor(detections: Detection[], { labels }: Ask): Detection[] {
  if (labels.length === 0) return detections;
  const asked = new Map(labels.map((label) => [label.trim().toLowerCase(), label]));
  return detections.flatMap((detection) => {
    const label = asked.get(detection.label.toLowerCase());
    return label === undefined ? [] : [{ ...detection, label }];
  });
}

type Verdict = { verdict: 'confirmed' | 'rejected' } | Omit<VerificationAnswer & { verdict: 'corrected' }, 'usage'>;

function secondLook(answer: z.infer<typeof SecondLookForm>, crop: Jpeg): Verdict {
  const { verdict, label, description, severity, text, ...corners } = answer;
  if (verdict !== 'corrected') return { verdict };
  const { box } = boxOf(corners, crop.width, crop.height);
  if (!box) throw new Error('A corrected box is checked when the answer is read.');
  return { verdict, instead: { label, description, severity, text: written(text) }, boxInCrop: box };
}

function written(text: string): string | null {
  return text.trim() === '' ? null : text;
}

function bill(model: ModelId, tokens: Tokens): { usage: Usage; priceKnown: boolean } {
  const { cost_usd, known } = costOf(model, tokens);
  return { usage: { ...tokens, cost_usd }, priceKnown: known };
}
