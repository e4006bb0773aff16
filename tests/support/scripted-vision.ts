// Eyes that follow a script: for tests of what the pipeline does with what is seen. Counts what it was asked.
import type { Detection } from '../../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import type {
  Jpeg,
  ModerationAnswer,
  SummaryMaterial,
  VerificationAnswer,
  VerificationQuestion,
  Vision,
} from '../../pipeline/ports.ts';

export interface Script {
  moderate?: () => ModerationAnswer;
  /** `look` counts from 0 over all tiles. */
  detect?: (tile: Jpeg, look: number) => Detection[] | Promise<Detection[]>;
  verify?: (crop: Jpeg, doubt: VerificationQuestion) => VerificationAnswer | Promise<VerificationAnswer>;
  summarize?: (material: SummaryMaterial) => string | Promise<string>;
}

export interface ScriptedVision extends Vision {
  looks: number;
}

export function scriptedVision({ moderate, detect, verify, summarize }: Script = {}): ScriptedVision {
  return {
    looks: 0,
    moderate: async () => moderate?.() ?? { allowed: true, usage: NO_USAGE },
    async detect(_model, tile) {
      const look = this.looks++;
      const detections = (await detect?.(tile, look)) ?? [];
      return { detections, usage: { input_tokens: 10, output_tokens: 1, cost_usd: 0 }, clipped: 0, notes: [] };
    },
    verify: async (_model, crop, doubt) => (await verify?.(crop, doubt)) ?? { verdict: 'confirmed', usage: NO_USAGE },
    async summarize(_model, material) {
      const { done, total } = material.tiles;
      return { summary: (await summarize?.(material)) ?? `Analyzed ${done} of ${total}.`, usage: NO_USAGE };
    },
  };
}

export function seen(label: string, box: Detection['box'], more: Partial<Detection> = {}): Detection {
  return { label, description: label, score: 0.9, severity: 'info', box, text: null, ...more };
}
