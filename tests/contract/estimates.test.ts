// Estimates beside what a scripted provider counts for the same tiles: it counts images by the formulas of the makers, and text at four
// characters a token.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { estimateOf } from '../../pipeline/planning/cost.ts';
import { tilesOf } from '../../pipeline/planning/grid.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import { preferredTileOf } from '../../pipeline/planning/tile-preferences.ts';
import { MODEL_PROFILES } from '../../pipeline/providers/model-profiles.ts';
import { profileOf } from '../../pipeline/providers/profile-of.ts';
import { openaiVision } from '../../pipeline/vision/llm/openai-vision.ts';
import { type ChatRequest, completion, openaiServer } from '../support/openai-server.ts';

type Count = (width: number, height: number) => number;

/** Without shrinking: tiles of a model's own size need none. */
const patches =
  (edgePx: number, each = 1, eachRow = 0): Count =>
  (width, height) =>
    Math.ceil(Math.ceil(width / edgePx) * Math.ceil(height / edgePx) * each) + eachRow * Math.ceil(height / edgePx);

const openai512 =
  (base: number, each: number): Count =>
  (width, height) => {
    const scale = Math.min(1, 768 / Math.min(width, height));
    return base + each * Math.ceil((width * scale) / 512) * Math.ceil((height * scale) / 512);
  };

const FAMILIES: [model: string, count: Count][] = [
  ['openai:anthropic/claude-sonnet-5', patches(28)],
  ['openai:anthropic/claude-haiku-4.5', patches(28)],
  ['openai:amazon/nova-lite-v1', (width, height) => (width * height) / 660],
  ['openai:google/gemini-3-flash', () => 1_120],
  [
    'openai:google/gemini-2.5-flash',
    (width, height) => {
      const crop = Math.min(768, Math.max(256, Math.floor(Math.min(width, height) / 1.5)));
      return Math.max(width, height) <= 384 ? 258 : 258 * Math.ceil(width / crop) * Math.ceil(height / crop);
    },
  ],
  ['openai:qwen2.5-vl:7b', (width, height) => Math.round(width / 28) * Math.round(height / 28)],
  ['openai:qwen/qwen3-vl-8b', patches(32)],
  ['openai:gemma3:12b', () => 256],
  ['openai:gpt-4o', openai512(85, 170)],
  ['openai:gpt-5', openai512(70, 140)],
  ['openai:gpt-4o-mini', openai512(2_833, 5_667)],
  ['openai:o3', openai512(75, 150)],
  ['openai:gpt-4.1-mini', patches(32, 1.62)],
  ['openai:gpt-5-nano', patches(32, 2.46)],
  ['openai:o4-mini', patches(32, 1.72)],
  ['openai:gpt-5.4', patches(32)],
  [
    'openai:meta-llama/llama-4-scout',
    (width, height) => {
      const squares = Math.ceil(width / 336) * Math.ceil(height / 336);
      return squares * 144 + (squares > 1 ? 144 : 0);
    },
  ],
  ['openai:llama3.2-vision:11b', (width, height) => Math.ceil(width / 560) * Math.ceil(height / 560) * 1_601],
  ['openai:pixtral:12b', patches(16, 1, 1)],
  ['openai:mistral-small3.2', patches(28, 1, 1)],
];
const SIZE = { width: 5_200, height: 3_900 };
const PLAN = {
  detail: 'standard',
  tile_size: null,
  overlap: null,
  grid: null,
  region: null,
  max_tiles: null,
  skip_blank: true,
} as const;
const OBJECT = {
  label: 'pressure gauge',
  left: 100,
  top: 200,
  right: 300,
  bottom: 400,
  score: 0.87,
  severity: 'info',
  text: 'PI-4711',
};
const SENTENCE = 'A round analog pressure gauge with a white face, mounted on the pipe beside the valve.';

const textTokens = ({ body }: ChatRequest): number => {
  const words = body.messages.flatMap(({ content }) =>
    typeof content === 'string' ? [content] : content.map(({ text }) => text ?? ''),
  );
  return (words.join('').length + JSON.stringify(body.response_format.json_schema.schema).length) / 4;
};

const whiteTiles = new Map<string, Promise<Buffer>>();
/** Most tiles have the same few sizes. */
async function whiteTile(size: { width: number; height: number }): Promise<Buffer> {
  const name = `${size.width} x ${size.height}`;
  const tile =
    whiteTiles.get(name) ??
    sharp({ create: { ...size, channels: 3, background: 'white' } })
      .jpeg()
      .toBuffer();
  whiteTiles.set(name, tile);
  return await tile;
}

/** The size of the image that arrived. */
async function sentImage({ body }: ChatRequest): Promise<{ width: number; height: number }> {
  const parts = body.messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
  const url = parts.find((part) => part.image_url)?.image_url?.url ?? '';
  return await sharp(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64')).metadata();
}

test('every family of the registry is counted here', () => {
  const counted = new Set(FAMILIES.map(([model]) => profileOf(model).family));
  expect(MODEL_PROFILES.map(({ family }) => family).filter((family) => !counted.has(family))).toEqual([]);
});

/** The model's own tile, and one that most models see shrunk. */
const TILE_SIZES = [null, 2_048];
const CASES = TILE_SIZES.flatMap((size) => FAMILIES.map(([model, count]) => [model, size, count] as const));

test.each(CASES)(
  'of %s are within 10 percent of what the provider counts, with tile_size %s',
  async (model, tile_size, imageTokens) => {
    const plan = planTiles(SIZE, { ...PLAN, tile_size }, preferredTileOf([model]));
    const tiles = tilesOf(plan).map(({ boxInLevel: [, , width, height] }) => ({ width, height }));
    const answer = JSON.stringify({ detections: [1, 2].map(() => ({ ...OBJECT, description: SENTENCE })) });
    const server = await openaiServer(async (request) => {
      const { width, height } = await sentImage(request);
      return completion({
        content: answer,
        usage: {
          prompt_tokens: Math.round(imageTokens(width, height) + textTokens(request)),
          completion_tokens: Math.round(answer.length / 3.4), // digits and brackets are tokens of their own
        },
      });
    });
    const vision = openaiVision({ baseUrl: server.baseUrl, apiKey: null });
    const counted = { input: 0, output: 0 };
    for (const size of tiles) {
      const bytes = await whiteTile(size);
      const { usage } = await vision.detect(model, { bytes, ...size }, { look_for: null, labels: [] });
      counted.input += usage.input_tokens;
      counted.output += usage.output_tokens;
    }
    expect(server.requests).toHaveLength(tiles.length);
    const models = { moderation: null, detection: [model], verification: null, synthesis: model };
    const estimate = estimateOf(
      plan,
      { models, verify: false },
      { tileConcurrency: 8, shardConcurrency: 1 },
      { each: 2, areShared: true },
    );
    expect(estimate.calls).toBe(tiles.length);
    expect(Math.abs(estimate.input_tokens / counted.input - 1)).toBeLessThan(0.1);
    expect(Math.abs(estimate.output_tokens / counted.output - 1)).toBeLessThan(0.1);
  },
);
