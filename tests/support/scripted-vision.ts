// Vision that follows a script, to test what the pipeline does with its answers. Counts the calls of `detect`.
import type { Detection } from '../../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import type {
  Jpeg,
  ModerationAnswer,
  SummaryMaterial,
  TileJpeg,
  VerificationAnswer,
  VerificationQuestion,
  Vision,
} from '../../pipeline/ports.ts';

export interface Script {
  moderate?: () => ModerationAnswer;
  /** `call` counts the calls from 0, over all tiles. */
  detect?: (tile: TileJpeg, call: number) => Detection[] | Promise<Detection[]>;
  verify?: (crop: Jpeg, question: VerificationQuestion) => VerificationAnswer | Promise<VerificationAnswer>;
  summarize?: (material: SummaryMaterial) => string | Promise<string>;
}

export interface ScriptedVision extends Vision {
  /** How often `detect` was called. */
  detectCalls: number;
}

export function scriptedVision({ moderate, detect, verify, summarize }: Script = {}): ScriptedVision {
  return {
    detectCalls: 0,
    moderate: async () => moderate?.() ?? { allowed: true, usage: NO_USAGE },
    async detect(_model, tile) {
      const call = this.detectCalls++;
      const detections = (await detect?.(tile, call)) ?? [];
      return { detections, usage: { input_tokens: 10, output_tokens: 1, cost_usd: 0 }, clipped: 0, notes: [] };
    },
    verify: async (_model, crop, question) => (await verify?.(crop, question)) ?? { verdict: 'confirmed', usage: NO_USAGE },
    async summarize(_model, material) {
      const { done, total } = material.tiles;
      return { summary: (await summarize?.(material)) ?? `Analyzed ${done} of ${total}.`, usage: NO_USAGE };
    },
  };
}

export function detectionOf(label: string, box: Detection['box'], more: Partial<Detection> = {}): Detection {
  return { label, description: label, score: 0.9, severity: 'info', box, text: null, ...more };
}
