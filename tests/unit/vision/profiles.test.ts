// Which profile a run uses for a model: by its id, from the configuration, or from a calibration.
import { describe, expect, test } from 'vitest';
import type { Calibration } from '../../../pipeline/calibration/calibration-document.ts';
import type { ModelId } from '../../../pipeline/contract/schemas.ts';
import { type Coordinates, coordinatesName, coordinatesNamed } from '../../../pipeline/providers/coordinates.ts';
import { MODEL_PROFILES } from '../../../pipeline/providers/model-profiles.ts';
import { profileOf } from '../../../pipeline/providers/profile-of.ts';
import { profilesFrom } from '../../../pipeline/vision/profiles.ts';

import { GOOD_CALIBRATION } from '../../support/good-calibration.ts';

/** Ids as providers, inference profiles, gateways and local servers write them. */
const IDS: Record<string, ModelId[]> = {
  'Claude from 4.7': [
    'anthropic:claude-sonnet-5',
    'anthropic:claude-opus-4-7',
    'bedrock:us.anthropic.claude-sonnet-5-5-20251001-v1:0',
    'bedrock:arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-opus-5',
    'openai:anthropic/claude-opus-4.8',
    'openai:openrouter/anthropic/claude-fable-5.1',
  ],
  'Claude up to 4.6': [
    'anthropic:claude-3-7-sonnet-20250219',
    'anthropic:claude-sonnet-4-20250514',
    'bedrock:anthropic.claude-3-haiku-20240307-v1:0',
    'bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0',
    'openai:anthropic/claude-sonnet-4.6',
  ],
  'Amazon Nova': ['bedrock:us.amazon.nova-lite-v1:0', 'bedrock:amazon.nova-2-lite-v1:0', 'openai:amazon/nova-pro-v1'],
  'Gemini from 3': ['openai:gemini-3-flash-preview', 'openai:google/gemini-3.1-pro'],
  'Gemini up to 2.5': ['openai:gemini-2.5-flash', 'openai:google/gemini-2.0-flash-001'],
  'Qwen2-VL and Qwen2.5-VL': ['openai:qwen2.5vl:7b', 'openai:Qwen/Qwen2.5-VL-72B-Instruct', 'openai:qwen/qwen2-vl-7b'],
  'Qwen3-VL and later': ['openai:qwen3-vl:8b', 'openai:Qwen/Qwen3-VL-30B-A3B', 'bedrock:qwen.qwen3-vl-235b-a22b'],
  'Gemma from 3': ['openai:gemma3:12b', 'openai:google/gemma-3-27b-it', 'bedrock:google.gemma-3-27b-it'],
  'GPT mini with patches': ['openai:gpt-4.1-mini', 'openai:openai/gpt-5-mini'],
  'GPT nano': ['openai:gpt-4.1-nano', 'openai:gpt-5.4-nano'],
  'o4-mini': ['openai:o4-mini', 'openai:openai/o4-mini-2025-04-16'],
  'GPT from 5.2': ['openai:gpt-5.4', 'bedrock:openai.gpt-5.6-sol', 'openai:openai/gpt-5.2'],
  'GPT-5 and 5.1': ['openai:gpt-5', 'openai:gpt-5.1-2025-11-13'],
  'GPT-4o mini': ['openai:gpt-4o-mini'],
  'GPT-4': ['openai:gpt-4o', 'openai:gpt-4.1', 'openai:openai/chatgpt-4o-latest'],
  'o1 and o3': ['openai:o1', 'openai:o3-2025-04-16'],
  'Llama 4': ['bedrock:us.meta.llama4-maverick-17b-instruct-v1:0', 'openai:meta-llama/llama-4-scout'],
  'Llama 3.2 Vision': ['bedrock:us.meta.llama3-2-90b-instruct-v1:0', 'openai:llama3.2-vision:11b'],
  Pixtral: ['bedrock:eu.mistral.pixtral-large-2502-v1:0', 'openai:mistralai/pixtral-12b'],
  'Mistral with vision': ['openai:mistral-small3.2', 'bedrock:mistral.mistral-large-3-675b-instruct', 'openai:magistral:24b'],
  unknown: ['openai:llava:13b', 'openai:my-claude', 'openai:not-qwen3-vl'],
};

const UNKNOWN = 'openai:some-model';
const CALIBRATED: Calibration = {
  model: UNKNOWN,
  coordinates: 'pixels',
  seen_longer_px: null,
  ...GOOD_CALIBRATION,
};

async function used(model: ModelId, calibration: Calibration | null, configured: [ModelId, Coordinates][] = []) {
  return await profilesFrom({ configured: new Map(configured), calibrationOf: async () => calibration, now: () => 0 })(model);
}

describe('the registry', () => {
  test.each(Object.entries(IDS).flatMap(([family, ids]) => ids.map((id) => [family, id] as const)))(
    'has the family %s for %s',
    (family, id) => {
      expect(profileOf(id).family).toBe(family);
    },
  );

  test('has ids of every family above', () => {
    expect(MODEL_PROFILES.map(({ family }) => family).filter((family) => !(family in IDS))).toEqual([]);
  });
});

describe('the profile of a run', () => {
  test('is that of the registry, of a calibration, or of the configuration, which counts most', async () => {
    const configured: [ModelId, Coordinates] = [UNKNOWN, coordinatesNamed('fractions-y-first')];
    const profiles = [await used(UNKNOWN, null), await used(UNKNOWN, CALIBRATED), await used(UNKNOWN, CALIBRATED, [configured])];
    expect(profiles.map(({ coordinates, knownFrom }) => [coordinatesName(coordinates), knownFrom])).toEqual([
      ['thousandths', 'assumed'],
      ['pixels', 'calibrated'],
      ['fractions-y-first', 'configured'],
    ]);
  });

  test('has the size to which a calibrated model shrinks images', async () => {
    const { intake } = await used(UNKNOWN, { ...CALIBRATED, seen_longer_px: 700 });
    expect(intake.seen({ width: 1_400, height: 700 })).toEqual({ width: 700, height: 350 });
  });

  test('sends no larger image than the chart of a model whose pixels were measured, if its maker publishes no shrinking', async () => {
    const { intake, tileEdgePx } = await used(UNKNOWN, CALIBRATED);
    expect(tileEdgePx).toBe(1_024);
    expect(intake.seen({ width: 2_048, height: 1_024 })).toEqual({ width: 1_024, height: 512 });
    expect(intake.seen({ width: 1_024, height: 700 })).toEqual({ width: 1_024, height: 700 });
    const large = { width: 2_048, height: 1_024 };
    expect((await used(UNKNOWN, { ...CALIBRATED, coordinates: 'fractions' })).intake.seen(large)).toEqual(large);
    const published = 'openai:anthropic/claude-sonnet-5'; // up to 2,576 px, which its chart of 1,932 px does not show
    expect((await used(published, CALIBRATED)).intake.seen(large)).toEqual(large);
  });
});
