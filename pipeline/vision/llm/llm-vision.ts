// Vision by any language model that accepts images and fills in forms. Knows the questions and reads the answers; knows no wire format.
import type { z } from 'zod';
import type { Ask, Detection, ModelId, Usage } from '../../contract/schemas.ts';
import type { DetectionAnswer, Jpeg, VerificationAnswer, Vision } from '../../ports.ts';
import { costOf, unknownPriceNote } from '../../providers/prices.ts';
import { boxOf } from '../prompts/box-scale.ts';
import { DETECTIONS_MAX, detectPrompt } from '../prompts/detect-prompt.ts';
import { moderatePrompt } from '../prompts/moderate-prompt.ts';
import { summarizePrompt } from '../prompts/summarize-prompt.ts';
import { verifyPrompt } from '../prompts/verify-prompt.ts';
import { askModel, type Purpose } from './ask-model.ts';
import { DetectionsForm, ModerationForm, SUMMARY_LENGTH_ASKED, SummaryForm, VerificationForm } from './forms.ts';
import type { Model, Tokens } from './model.ts';

const OTHER_MODEL = 'Choose another model.';
const DETECT: Purpose<z.infer<typeof DetectionsForm>> = {
  wanted: 'detections',
  whenTooLong: 'Choose a smaller tile_size.',
  form: { name: 'report_detections', description: 'Reports what is in the image.', schema: DetectionsForm },
};
const VERIFY: Purpose<z.infer<typeof VerificationForm>> = {
  wanted: 'verification',
  whenTooLong: OTHER_MODEL,
  form: { name: 'report_verification', description: 'Reports the verdict on the finding.', schema: VerificationForm },
};
const MODERATE: Purpose<z.infer<typeof ModerationForm>> = {
  wanted: 'moderation verdict',
  whenTooLong: OTHER_MODEL,
  form: { name: 'report_verdict', description: 'Reports whether the image may be analyzed.', schema: ModerationForm },
};
const SUMMARIZE: Purpose<z.infer<typeof SummaryForm>> = {
  wanted: 'summary',
  whenTooLong: OTHER_MODEL,
  form: { name: 'report_summary', description: 'Reports the summary of the whole image.', schema: SummaryForm },
};

export function llmVision(send: Model): Vision {
  return {
    /** Throws if there is no valid verdict, whatever the reason: an image is never allowed by default. */
    async moderate(model, image) {
      const { answer, tokens } = await askModel(send, model, MODERATE, { ...moderatePrompt(), image });
      const usage = usageOf(model, tokens);
      if (answer.verdict === 'allowed') return { allowed: true, usage };
      return { allowed: false, category: answer.category, score: answer.score, usage };
    },
    async detect(model, tile, request) {
      const { answer, tokens } = await askModel(send, model, DETECT, { ...detectPrompt(request), image: tile });
      const { detections, clipped } = inPixels(answer.detections, tile);
      const requested = withRequestedLabels(detections, request);
      const usage = usageOf(model, tokens);
      const notes: string[] = [];
      if (answer.detections.length >= DETECTIONS_MAX) {
        notes.push(`${model} reports at most ${DETECTIONS_MAX} objects in one tile; there may be more. Use a smaller tile_size.`);
      }
      if (requested.length < detections.length) {
        notes.push(`${model} also detected objects with labels that were not requested; they are left out.`);
      }
      if (usage.cost_usd === null) notes.push(unknownPriceNote(model));
      return { detections: requested, clipped, usage, notes };
    },
    async verify(model, crop, task) {
      const { answer, tokens } = await askModel(send, model, VERIFY, { ...verifyPrompt(task, crop), image: crop });
      return { ...verdictOf(answer, crop), usage: usageOf(model, tokens) };
    },
    async summarize(model, material) {
      const prompt = summarizePrompt(material, SUMMARY_LENGTH_ASKED);
      const { answer, tokens } = await askModel(send, model, SUMMARIZE, { ...prompt, image: await material.overview() });
      return { summary: answer.summary, usage: usageOf(model, tokens) };
    },
  };
}

function inPixels(
  reported: z.infer<typeof DetectionsForm>['detections'],
  { width, height }: Jpeg,
): Pick<DetectionAnswer, 'detections' | 'clipped'> {
  let clippedCount = 0;
  const detections: Detection[] = [];
  for (const { left, top, right, bottom, text, ...rest } of reported) {
    const { box, clipped } = boxOf({ left, top, right, bottom }, width, height);
    if (clipped || box === null) clippedCount += 1;
    if (box) detections.push({ ...rest, box, text: textOrNull(text) });
  }
  return { detections, clipped: clippedCount };
}

/** Only the requested labels, as the request spells them. */
function withRequestedLabels(detections: Detection[], { labels }: Ask): Detection[] {
  if (labels.length === 0) return detections;
  const requested = new Map(labels.map((label) => [label.trim().toLowerCase(), label]));
  return detections.flatMap((detection) => {
    const label = requested.get(detection.label.toLowerCase());
    return label === undefined ? [] : [{ ...detection, label }];
  });
}

type Verdict = { verdict: 'confirmed' | 'rejected' } | Omit<VerificationAnswer & { verdict: 'corrected' }, 'usage'>;

function verdictOf(answer: z.infer<typeof VerificationForm>, crop: Jpeg): Verdict {
  const { verdict, label, description, severity, text, ...edges } = answer;
  if (verdict !== 'corrected') return { verdict };
  const { box } = boxOf(edges, crop.width, crop.height);
  if (!box) throw new Error('A corrected box is checked when the answer is read.');
  return { verdict, instead: { label, description, severity, text: textOrNull(text) }, boxInCrop: box };
}

function textOrNull(text: string): string | null {
  return text.trim() === '' ? null : text;
}

function usageOf(model: ModelId, tokens: Tokens): Usage {
  return { ...tokens, cost_usd: costOf(model, tokens) };
}
