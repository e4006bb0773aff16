// Writes docs/scale.md from pipeline/planning, or with --check fails when it is stale: `node build/docs/scale-page.ts [--check]`.

import { SHARD_TILES_MAX } from '../../pipeline/contract/protocol.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { estimateOf } from '../../pipeline/planning/cost.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import { serviceEstimateOf } from '../../pipeline/planning/service-cost.ts';
import { priceOf } from '../../pipeline/providers/prices.ts';
import { table, writeOrCheck } from './generated-page.ts';

/** No local model is in the table. */
const CORES = { each: 1, areShared: false };
const PACE = { tileConcurrency: 64, shardConcurrency: 8 };
const MODELS = ['bedrock:us.amazon.nova-lite-v1:0', 'bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0'] as const;
const TILE = { edgePx: 1_024, overlapPx: 128 };

const WISHES: AnalysisRequest['plan'] = {
  detail: 'max',
  tile_size: null,
  overlap: null,
  grid: null,
  region: null,
  max_tiles: null,
  skip_blank: true,
};
/** A grid of a 12,000 px square, or the side of a square image with about this number of tiles of 1,024 px, all levels counted. */
const ROWS: [name: string, sidePx: number, grid: number | null][] = [
  ['3 x 3', 12_000, 3],
  ['4 x 4', 12_000, 4],
  ['8 x 8', 12_000, 8],
  ['16 x 16', 12_000, 16],
  ['900', 23_200, null],
  ['10,000', 77_500, null],
  ['100,000', 243_000, null],
];

const QUOTAS = [
  ['from', 'quota', 'default', 'needed'],
  [
    '64 tiles',
    'Bedrock requests and tokens per minute of the model',
    'depends on the model',
    'concurrent tiles x 20 per minute, each 2,400 tokens',
  ],
  ['10,000 tiles', 'Lambda concurrent executions', '1,000 per account', 'concurrent shards + 1, beside other functions'],
  ['100,000 tiles', 'Bedrock tokens per day of the model', 'depends on the model', 'tiles x 2,400'],
  ['many analyses', 'durable executions started per second', '300', 'shards started together'],
  ['many pollers', 'none', '', 'progress is an object, so polls do not reach the control plane'],
];

const count = (number: number) => Math.round(number).toLocaleString('en');
const usd = (amount: number | null) => (amount === null ? 'unknown' : `$${amount < 10 ? amount.toFixed(2) : count(amount)}`);

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}

function row([name, sidePx, grid]: (typeof ROWS)[number]): string[] {
  const plan = planTiles({ width: sidePx, height: sidePx }, { ...WISHES, grid }, TILE);
  const estimates = MODELS.map((model) => {
    const models = { moderation: null, detection: [model], verification: null, synthesis: model };
    return estimateOf(plan, { models, verify: false }, PACE, CORES);
  });
  const [cheap, dear] = estimates;
  if (!cheap || !dear) throw new Error('Expected two models.');
  const services = serviceEstimateOf(cheap, PACE);
  return [
    name,
    count(cheap.tiles),
    count(cheap.executions > 1 ? cheap.executions - 1 : 0),
    count(services.operations),
    count(cheap.operations_at_most),
    `${count(services.puts)} / ${count(services.gets)}`,
    usd(services.durable_usd),
    usd(services.lambda_usd),
    usd(cheap.cost_usd),
    usd(dear.cost_usd),
    duration(cheap.seconds),
  ];
}

function page(): string {
  const head = [
    ...['grid or tiles', 'tiles', 'shards', 'operations', 'most in one', 'S3 PUT / GET', 'durable', 'Lambda'],
    ...['Nova Lite', 'Sonnet 4.5', 'wall'],
  ];
  const sources = MODELS.map((model) => {
    const price = priceOf(model);
    return `- \`${model}\`: ${usd(price?.input ?? null)} and ${usd(price?.output ?? null)} a million tokens in and out; ${price?.source}, ${price?.asOf}`;
  });
  return `# Scale

Written by \`npm run docs\` from pipeline/planning/{cost,service-cost,shards}.ts and pipeline/providers/price-lists.ts. These are estimates: only tiles, operations and overhead are measured (\`npm run bench scale\`). Blank tiles need no model call, and their number is known only after tiling. Model prices cover detection only.

${table([head, ...ROWS.map(row)])}

Grids refer to an image of 12,000 x 12,000 pixels, the other rows to images with tiles of 1,024 pixels; coarser levels are included. Wall time is for ${PACE.tileConcurrency} tiles at once in each of up to ${PACE.shardConcurrency} shards and a model that answers in 3 s. Lambda is 3 GB on arm64.

${sources.join('\n')}

## Why it fits

A durable execution holds 3,000 operations, retries included, so more than ${SHARD_TILES_MAX} tiles are divided into shards: executions of the same function, each with up to ${SHARD_TILES_MAX} tiles. Even with every attempt of every tile, a shard stays under 3,000, and so does the execution that starts the shards. A plan that does not fit is refused before anything starts, with the setting that makes it fit.

## Quotas to raise

${table(QUOTAS)}
`;
}

writeOrCheck('scale.md', page());
