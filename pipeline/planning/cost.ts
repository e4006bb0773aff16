// Estimates an analysis before it starts: model calls, tokens, cost, time and operations. Pure.
import type { AnalysisRequest, ModelId } from '../contract/schemas.ts';
import { totalUsage } from '../contract/usage.ts';
import { AGENT_MODEL, isAgent } from '../providers/agent-model.ts';
import type { ImageSize } from '../providers/image-intake.ts';
import { costOf, isLocal, priceOf } from '../providers/prices.ts';
import { profileOf } from '../providers/profile-of.ts';
import { tileCount, tilesOf } from './grid.ts';
import type { Plan } from './plan.ts';
import { operationsAtMost, shardsOf, shardTilesMaxOf } from './shards.ts';

/** The rules and the form of pipeline/vision/prompts/detect-prompt.ts: 2,450 characters, 4 a token. */
const PROMPT_TOKENS = 615;
/** The id of a tile, and its share of the words of a call. */
const AGENT_WORDS_TOKENS = 80;
/** Two detections of 70 tokens: most tiles hold none or a few. */
const ANSWER_TOKENS = 140;
/**
 * Until its pace is measured, a language model is expected to answer a tile in 3 s. A local model takes 0.3 s of one core (measured on two).
 */
const ANSWER_S = { language: 3, local: 0.3, agent: 3 } as const;
/** Tiling, merging and the summary add about a fifth to the time of detection (measured at 10,000 tiles). */
const TOTAL_BY_DETECTION_TIME = 1.2;

/** Every model that an analysis calls, each once. */
export function modelsUsed({ models, verify }: Pick<AnalysisRequest, 'models' | 'verify'>): ModelId[] {
  const { moderation, detection, verification, synthesis, judge = null } = models;
  const used = [moderation, ...detection, verify ? verification : null, judge, synthesis];
  return [...new Set(used.filter((model) => model !== null))];
}

export interface Estimate {
  tiles: number;
  /** Calls of detection models. Blank tiles need no call, but their number is known only after tiling. */
  calls: number;
  input_tokens: number;
  output_tokens: number;
  /** `null` if the price of a model is unknown. */
  cost_usd: number | null;
  seconds: number;
  executions: number;
  /** Operations of the largest execution, every retry included. */
  operations_at_most: number;
}

export interface Pace {
  tileConcurrency: number;
  shardConcurrency: number;
}

/** The CPU cores that local models run on: more tiles at once than cores do not make them faster. */
export interface Cores {
  /** A process that runs one execution or shard has this number of cores; on Lambda also a fraction. */
  each: number;
  /** Shards that run at once share them, as on one machine; on AWS each has its own. */
  areShared: boolean;
}

export function estimateOf(
  plan: Plan,
  { models, verify }: Pick<AnalysisRequest, 'models' | 'verify'>,
  pace: Pace,
  cores: Cores,
  /** Seconds for a tile, of the language models whose pace is known. */
  measured: ReadonlyMap<ModelId, number> = new Map(),
): Estimate {
  const tiles = tileCount(plan);
  const sizes = sizesOf(plan);
  const estimates = models.detection.map((model) => detectionEstimate(model, sizes, measured.get(model) ?? ANSWER_S.language));
  const sum = (of: (estimate: DetectionEstimate) => number) => estimates.reduce((total, estimate) => total + of(estimate), 0);
  const shardTilesMax = shardTilesMaxOf({ models });
  const shards = shardsOf(tiles, shardTilesMax).length;
  const running = Math.min(shards, pace.shardConcurrency);
  const concurrency = pace.tileConcurrency * running;
  const concurrencyHere = Math.min(concurrency, cores.each * (cores.areShared ? 1 : running));
  const seconds = sum((estimate) => estimate.seconds / (estimate.runsHere ? concurrencyHere : concurrency));
  return {
    tiles,
    calls: tiles * models.detection.length,
    input_tokens: sum(({ input_tokens }) => input_tokens),
    output_tokens: sum(({ output_tokens }) => output_tokens),
    cost_usd: modelsUsed({ models, verify }).some((model) => priceOf(model) === null) ? null : totalCost(estimates),
    seconds: Math.ceil(seconds * TOTAL_BY_DETECTION_TIME),
    executions: shards === 1 ? 1 : shards + 1,
    operations_at_most: Math.max(
      operationsAtMost(tiles, { verify, models }),
      shards === 1 ? 0 : operationsAtMost(shardTilesMax, { verify: false, models: { detection: models.detection } }),
    ),
  };
}

/** What the agent's own model reads and writes if it detects in all tiles. */
export function agentEstimate(plan: Plan): Pick<Estimate, 'input_tokens' | 'output_tokens'> {
  return detectionEstimate(AGENT_MODEL, sizesOf(plan), ANSWER_S.agent);
}

function sizesOf(plan: Plan): ImageSize[] {
  return tilesOf(plan).map(({ boxInLevel: [, , width, height] }) => ({ width, height }));
}

interface DetectionEstimate {
  input_tokens: number;
  output_tokens: number;
  cost_usd: number | null;
  /** Seconds of sequential model calls. */
  seconds: number;
  /** On the cores of the execution, not at a service. */
  runsHere: boolean;
}

/** What one model needs to detect objects in all tiles. */
function detectionEstimate(model: ModelId, sizes: readonly ImageSize[], answerS: number): DetectionEstimate {
  const byAgent = isAgent(model);
  const runsHere = isLocal(model) && !byAgent;
  const tiles = sizes.length;
  const { intake } = profileOf(model);
  const imageTokens = runsHere ? 0 : sizes.reduce((sum, size) => sum + intake.tokens(size), 0);
  const input_tokens = runsHere ? 0 : imageTokens + tiles * (byAgent ? AGENT_WORDS_TOKENS : PROMPT_TOKENS);
  const output_tokens = runsHere ? 0 : tiles * ANSWER_TOKENS;
  return {
    input_tokens,
    output_tokens,
    cost_usd: costOf(model, { input_tokens, output_tokens }),
    seconds: tiles * (byAgent ? ANSWER_S.agent : runsHere ? ANSWER_S.local : answerS),
    runsHere,
  };
}

function totalCost(estimates: readonly DetectionEstimate[]): number | null {
  const { cost_usd } = totalUsage(estimates);
  return cost_usd === null ? null : rounded(cost_usd);
}

function rounded(usd: number): number {
  return Math.round(usd * 10_000) / 10_000;
}
