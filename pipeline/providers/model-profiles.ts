// The registry of vision-language models: one row a family, the most specific first. docs/models.md has its table. The figures are those
// of the makers, read on the day that a row names; calibration (docs/models.md) measures what no maker publishes. Pure.
import { type Coordinates, PIXELS, THOUSANDTHS } from './coordinates.ts';
import { byArea, crops258, fixed, type ImageIntake, patches, squares, squares512 } from './image-intake.ts';

export interface ModelProfile {
  family: string;
  /** Fits the name of a model without provider, gateway and inference profile, in lower case. */
  names: RegExp;
  coordinates: Coordinates;
  /** `maker`: documented. `assumed`: not published, so calibrate. */
  knownFrom: 'maker' | 'assumed' | 'configured' | 'calibrated';
  intake: ImageIntake;
  /** The largest image that is accepted; a larger tile is compressed before it is sent. */
  bytesMax: number;
  /** The largest tile that the model sees unshrunk, or less where the maker advises it. */
  tileEdgePx: number;
  source: string;
  /** The day on which the source was read. */
  asOf: string;
}

const CLAUDE_VISION = 'platform.claude.com/docs/en/build-with-claude/vision and vision-coordinates';
const OPENAI_VISION = 'developers.openai.com/api/docs/guides/images-vision';
const MIB = 1_048_576;
/**
 * 5 MiB of base64, three quarters of which are bytes. The API's refusals count base64: all numbers of bytes in issues 1897, 11181, 12167
 * and 19631 of github.com/anthropics/claude-code are multiples of 4. Bedrock documents 3.75 MB: docs.aws.amazon.com, "Converse".
 */
const CLAUDE_BYTES_MAX = (5 * MIB * 3) / 4;
const OPENAI_BYTES_MAX = 20 * MIB;
const LOCAL_BYTES_MAX = 20 * MIB;
const THOUSANDTHS_Y_FIRST: Coordinates = { ...THOUSANDTHS, first: 'y' };

const CLAUDE = {
  coordinates: PIXELS,
  knownFrom: 'maker',
  bytesMax: CLAUDE_BYTES_MAX,
  source: CLAUDE_VISION,
} as const;
const OPENAI = {
  coordinates: THOUSANDTHS,
  knownFrom: 'assumed',
  bytesMax: OPENAI_BYTES_MAX,
  source: OPENAI_VISION,
  asOf: '2026-11-28',
} as const;
const LOCAL = { bytesMax: LOCAL_BYTES_MAX, asOf: '2026-11-28' } as const;

export const MODEL_PROFILES: readonly ModelProfile[] = [
  {
    ...CLAUDE,
    family: 'Claude from 4.7',
    names: /^claude-(?:[a-z]+-)?(?:4[-.][7-9]|[5-9])(?!\d)/,
    intake: patches({ edgePx: 28, patchesMax: 4_784, longerPxMax: 2_576 }),
    tileEdgePx: 1_932,
    asOf: '2026-11-27',
  },
  {
    ...CLAUDE,
    family: 'Claude up to 4.6',
    names: /^claude/,
    intake: patches({ edgePx: 28, patchesMax: 1_568, longerPxMax: 1_568 }),
    tileEdgePx: 1_092,
    asOf: '2026-11-27',
  },
  {
    family: 'Amazon Nova',
    names: /^nova/,
    coordinates: THOUSANDTHS,
    knownFrom: 'maker',
    intake: byArea({ pixelsPerToken: 660, longerPxMax: 8_000 }),
    bytesMax: 18 * MIB, // 25 MB a request, as base64
    tileEdgePx: 1_024,
    source: 'docs.aws.amazon.com/nova/latest/userguide/modalities-image.html',
    asOf: '2026-11-28',
  },
  {
    family: 'Gemini from 3',
    names: /^gemini-(?:[3-9]|\d\d)/,
    coordinates: THOUSANDTHS_Y_FIRST,
    knownFrom: 'maker',
    intake: fixed({ tokens: 1_120, edgePx: 3_072 }),
    bytesMax: 15 * MIB,
    tileEdgePx: 1_024,
    source: 'ai.google.dev/gemini-api/docs/media-resolution and image-understanding',
    asOf: '2026-11-28',
  },
  {
    family: 'Gemini up to 2.5',
    names: /^gemini/,
    coordinates: THOUSANDTHS_Y_FIRST,
    knownFrom: 'maker',
    intake: crops258,
    bytesMax: 15 * MIB,
    tileEdgePx: 1_024,
    source: 'ai.google.dev/gemini-api/docs/image-understanding',
    asOf: '2026-11-28',
  },
  {
    ...LOCAL,
    family: 'Qwen2-VL and Qwen2.5-VL',
    names: /^qwen[-_]?2(?:\.5)?[-_]?vl/,
    coordinates: PIXELS,
    knownFrom: 'maker',
    intake: patches({ edgePx: 28, patchesMax: 16_384, wholePatches: true }),
    tileEdgePx: 1_120,
    source: 'github.com/QwenLM/Qwen3-VL, issues 676, 940 and 947',
  },
  {
    ...LOCAL,
    family: 'Qwen3-VL and later',
    names: /^(?:qwen[-_]?(?:[3-9]|\d\d)|qwen-vl)/,
    coordinates: THOUSANDTHS,
    knownFrom: 'maker',
    intake: patches({ edgePx: 32, patchesMax: 16_384 }),
    tileEdgePx: 1_024,
    source: 'github.com/QwenLM/Qwen3-VL',
  },
  {
    ...LOCAL,
    family: 'Gemma from 3',
    names: /^gemma-?[3-9]/,
    coordinates: THOUSANDTHS,
    knownFrom: 'maker',
    intake: fixed({ tokens: 256, edgePx: 896 }),
    tileEdgePx: 896,
    source: 'ai.google.dev/gemma/docs/core/model_card_3',
  },
  {
    ...OPENAI,
    family: 'GPT mini with patches',
    names: /^(?:gpt-4\.1|gpt-5(?:\.\d)?)-mini/,
    intake: patches({ edgePx: 32, patchesMax: 1_536, tokensPerPatch: 1.62 }),
    tileEdgePx: 1_248,
  },
  {
    ...OPENAI,
    family: 'GPT nano',
    names: /^(?:gpt-4\.1|gpt-5(?:\.\d)?)-nano/,
    intake: patches({ edgePx: 32, patchesMax: 1_536, tokensPerPatch: 2.46 }),
    tileEdgePx: 1_248,
  },
  {
    ...OPENAI,
    family: 'o4-mini',
    names: /^o4-mini/,
    intake: patches({ edgePx: 32, patchesMax: 1_536, tokensPerPatch: 1.72 }),
    tileEdgePx: 1_248,
  },
  {
    ...OPENAI,
    family: 'GPT from 5.2',
    names: /^gpt-(?:5\.[2-9]|[6-9])/,
    intake: patches({ edgePx: 32, patchesMax: 1_536 }),
    tileEdgePx: 1_248,
  },
  { ...OPENAI, family: 'GPT-5 and 5.1', names: /^gpt-5/, intake: squares512({ base: 70, each: 140 }), tileEdgePx: 768 },
  { ...OPENAI, family: 'GPT-4o mini', names: /^gpt-4o-mini/, intake: squares512({ base: 2_833, each: 5_667 }), tileEdgePx: 768 },
  { ...OPENAI, family: 'GPT-4', names: /^(?:gpt-4|chatgpt-4o)/, intake: squares512({ base: 85, each: 170 }), tileEdgePx: 768 },
  { ...OPENAI, family: 'o1 and o3', names: /^o[13]\b/, intake: squares512({ base: 75, each: 150 }), tileEdgePx: 768 },
  {
    ...LOCAL,
    family: 'Llama 4',
    names: /^llama-?4/,
    coordinates: THOUSANDTHS,
    knownFrom: 'assumed',
    intake: squares({ edgePx: 336, squaresMax: 16, each: 144, whenSeveral: 144 }),
    tileEdgePx: 1_344,
    source: 'huggingface.co/meta-llama/Llama-4-Scout-17B-16E-Instruct, processor configuration',
  },
  {
    ...LOCAL,
    family: 'Llama 3.2 Vision',
    names: /^llama-?3[-.]?2/,
    coordinates: THOUSANDTHS,
    knownFrom: 'assumed',
    intake: squares({ edgePx: 560, squaresMax: 4, each: 1_601 }),
    tileEdgePx: 1_120,
    source: 'MllamaVisionConfig of transformers: 4 tiles of 560 px, patches of 14 px',
  },
  {
    ...LOCAL,
    family: 'Pixtral',
    names: /^pixtral/,
    coordinates: THOUSANDTHS,
    knownFrom: 'assumed',
    intake: patches({ edgePx: 16, longerPxMax: 1_024, tokensPerRow: 1 }),
    tileEdgePx: 1_024,
    source: 'docs.mistral.ai, vision; PixtralVisionConfig of transformers',
  },
  {
    ...LOCAL,
    family: 'Mistral with vision',
    names: /^(?:mistral|ministral|magistral)/,
    coordinates: THOUSANDTHS,
    knownFrom: 'assumed',
    intake: patches({ edgePx: 28, longerPxMax: 1_540, tokensPerRow: 1 }),
    tileEdgePx: 1_540,
    source: 'docs.mistral.ai, vision; Mistral3Config of transformers: patches of 14 px, merged by 2',
  },
];

/** For every model that no row names. */
export const UNKNOWN_PROFILE: ModelProfile = {
  ...LOCAL,
  family: 'unknown',
  names: /^/,
  coordinates: THOUSANDTHS,
  knownFrom: 'assumed',
  intake: byArea({ pixelsPerToken: 750, longerPxMax: 8_000 }),
  tileEdgePx: 1_024,
  source: 'none',
};
