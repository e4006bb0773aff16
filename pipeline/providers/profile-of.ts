// Finds the profile of a model by its id. Pure.
import type { ModelId } from '../contract/schemas.ts';
import { MODEL_PROFILES, type ModelProfile, UNKNOWN_PROFILE } from './model-profiles.ts';

const BEDROCK_ARN = /^arn:aws[a-z-]*:bedrock:[^/]*\//;
const INFERENCE_PROFILE = /^(?:global|us|us-gov|eu|apac|jp|au|ca|in)\./;
/** `anthropic.claude-sonnet-5` on Bedrock; gateways write `anthropic/claude-sonnet-5`, perhaps with more folders before. */
const VENDOR = /^(?:.*\/)?(?:(?:anthropic|amazon|meta|mistral|qwen|google|openai|us)\.)?/;

/** `claude-sonnet-5-v1:0` of `bedrock:us.anthropic.claude-sonnet-5-v1:0`. */
export function modelName(model: ModelId): string {
  const id = model.slice(model.indexOf(':') + 1).toLowerCase();
  return id.replace(BEDROCK_ARN, '').replace(INFERENCE_PROFILE, '').replace(VENDOR, '');
}

/** The profile of its family, or that of unknown models. */
export function profileOf(model: ModelId): ModelProfile {
  const name = modelName(model);
  return MODEL_PROFILES.find(({ names }) => names.test(name)) ?? UNKNOWN_PROFILE;
}
