// Every provider of models behind one Vision. Each model is asked less often when it wants fewer calls.
import type { Vision } from '../ports.ts';
import { bedrockVision } from './llm/bedrock-vision.ts';
import { type OpenaiVisionOptions, openaiVision } from './llm/openai-vision.ts';
import { onnxVision } from './onnx/onnx-vision.ts';
import { rulesVision } from './rules-vision.ts';
import { patientVision } from './throttled-vision.ts';
import { visionByProvider } from './vision-by-provider.ts';

export interface EveryVisionOptions {
  openai: OpenaiVisionOptions;
  /** Calls to one model at once, at most. */
  concurrency: number;
}

export function everyVision({ openai, concurrency }: EveryVisionOptions): Vision {
  const providers = { onnx: onnxVision(), rules: rulesVision(), bedrock: bedrockVision(), openai: openaiVision(openai) };
  return patientVision(visionByProvider(providers), concurrency);
}
