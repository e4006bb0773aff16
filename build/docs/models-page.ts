// Writes docs/models.md from the registries of providers and model profiles, or with --check fails if it is stale:
// `node build/docs/models-page.ts [--check]`.
import { VERIFICATION_COST_USD_MAX } from '../../pipeline/findings/verification.ts';
import { estimateOf } from '../../pipeline/planning/cost.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import { VERIFICATIONS_MAX } from '../../pipeline/planning/shards.ts';
import { preferredTileOf } from '../../pipeline/planning/tile-preferences.ts';
import { coordinatesName, coordinatesNames } from '../../pipeline/providers/coordinates.ts';
import { MODEL_PROFILES, type ModelProfile } from '../../pipeline/providers/model-profiles.ts';
import { priceOf } from '../../pipeline/providers/prices.ts';
import { profileOf } from '../../pipeline/providers/profile-of.ts';
import { ANTHROPIC_REFUSALS } from '../../pipeline/vision/llm/anthropic-errors.ts';
import { BEDROCK_REFUSALS } from '../../pipeline/vision/llm/bedrock-settings.ts';
import { OPENAI_REFUSALS } from '../../pipeline/vision/llm/openai-settings.ts';
import { table, writeOrCheck } from './generated-page.ts';

/** A square whose finest level has about 500 tiles of 1,024 px. */
const SIDE_PX = 20_500;
const PACE = { tileConcurrency: 64, shardConcurrency: 8 };
const CORES = { each: 2, areShared: true };
const PLAN = {
  detail: 'max',
  tile_size: null,
  overlap: null,
  grid: null,
  region: null,
  max_tiles: null,
  skip_blank: true,
} as const;
const COMPARED = [
  'bedrock:us.amazon.nova-lite-v1:0',
  'bedrock:us.amazon.nova-pro-v1:0',
  'bedrock:us.anthropic.claude-haiku-4-5-20251001-v1:0',
  'bedrock:global.anthropic.claude-haiku-5-5',
  'bedrock:global.anthropic.claude-sonnet-5-5',
  'bedrock:global.anthropic.claude-opus-5-5',
  'bedrock:qwen.qwen3-vl-235b-a22b',
  'bedrock:us.meta.llama4-maverick-17b-instruct-v1:0',
  'bedrock:google.gemma-3-27b-it',
  'anthropic:claude-sonnet-5-5',
  'openai:gpt-4o',
  'openai:gpt-4.1-mini',
  'openai:gpt-5-mini',
  'openai:gpt-5.4',
] as const;

const count = (number: number) => Math.round(number).toLocaleString('en');
const usd = (amount: number | null) => (amount === null ? 'unknown' : `$${amount.toFixed(2)}`);
const mib = (bytes: number) => `${Math.round((bytes / 1_048_576) * 100) / 100} MiB`;

function profileRow({ family, coordinates, knownFrom, intake, tileEdgePx, bytesMax, source, asOf }: ModelProfile): string[] {
  const tokens = intake.tokens({ width: tileEdgePx, height: tileEdgePx });
  const known = knownFrom === 'maker' ? '' : ', assumed';
  return [
    family,
    `${coordinatesName(coordinates)}${known}`,
    `${count(tileEdgePx)} px`,
    count(tokens),
    mib(bytesMax),
    `${source}, ${asOf}`,
  ];
}

function costRow(model: string): string[] {
  const plan = planTiles({ width: SIDE_PX, height: SIDE_PX }, PLAN, preferredTileOf([model]));
  const estimate = estimateOf(
    plan,
    { models: { moderation: null, detection: [model], verification: null, synthesis: 'rules:summary' }, verify: false },
    PACE,
    CORES,
  );
  const same = planTiles({ width: SIDE_PX, height: SIDE_PX }, { ...PLAN, tile_size: 1_024 }, preferredTileOf([model]));
  const at1024 = estimateOf(
    same,
    { models: { moderation: null, detection: [model], verification: null, synthesis: 'rules:summary' }, verify: false },
    PACE,
    CORES,
  );
  const per500 = at1024.cost_usd === null ? null : (at1024.cost_usd / at1024.tiles) * 500;
  const price = priceOf(model);
  return [
    `\`${model}\``,
    profileOf(model).family,
    usd(per500),
    count(estimate.tiles),
    usd(estimate.cost_usd),
    price === null ? 'unknown' : `$${price.input} / $${price.output}, ${price.asOf}`,
  ];
}

function refusalRows(provider: string, notes: Readonly<Record<string, string>>): string[][] {
  return Object.values(notes).map((note) => [`\`${provider}:\``, ...note.split('; ')]);
}

function page(): string {
  return `# Models

Written by \`npm run docs\` from pipeline/providers and pipeline/planning/cost.ts.

## Choose

- **No account, no cost**: \`onnx:nanodet\` detects the 80 COCO labels and \`onnx:ppocr\` reads text at any angle, on the CPU of this machine. They are the default.
- **Anything that you can describe**: a language model that accepts images. \`DETECTION_MODELS\` names it, or \`models.detection\` of a request if \`ALLOWED_MODELS\` permits it. A model on a server of your own needs no key, and its cost is unknown (\`null\`) unless a price list has its name, because a gateway on this machine may call a paid service: \`OPENAI_BASE_URL=http://127.0.0.1:11434/v1 DETECTION_MODELS=openai:qwen3-vl:8b npm start\`.
- **Questions** (\`ask_image\`): a language model that accepts several images. \`ASK_MODEL\` names it; otherwise it is the first language model among the verification, judge, synthesis and detection models. The detection models run when it calls \`find\` or \`read\`. A server that refuses tools gets the same as a form.
- **Exact boxes**: prefer a family whose numbers its maker documents, and calibrate every other one.
- [Configuration](configuration.md) lists every provider with its variables.

## Profiles

Every family of language models reports boxes best in the numbers that it was trained on, shrinks images in its own way, and counts tokens by its own formula. tilesight finds the profile by the model's id; prefixes of providers, gateways and inference profiles do not matter (\`bedrock:us.anthropic.claude-sonnet-5\`, \`openai:anthropic/claude-sonnet-5\`). A model of an unknown family is asked for thousandths, and a note says that its convention is not published.

${table([['family', 'boxes in', 'tile', 'tokens per tile', 'bytes at most', 'source'], ...MODEL_PROFILES.map(profileRow)])}

\`pixels\` are those of the image as the model sees it. \`thousandths\` and \`fractions\` refer to its width and height. \`y-first\` means top before left, and \`size\` means width and height instead of right and bottom. The tile is the largest square that the model sees unshrunk, or a smaller one if its maker advises it. It is the default of \`tile_size\`. A tile that is larger, or has too many bytes, is shrunk or compressed before it is sent.

## Calibrate

\`\`\`sh
npx tilesight calibrate openai:some-model
\`\`\`

This command draws two charts with 48 marks each, and asks the model for the marks. It prints the convention of the answers, their mean and worst error in percent of the side, offset, scale and the marks that the model missed. If the model is fit for boxes, the result is kept as \`calibration/<model>.json\` in the data folder, and later runs ask the model accordingly. \`--charts DIR\` only writes the charts. It takes 2 calls, or more if the answers are in another convention than expected: 6 to 8 for a model that sees no marks, at most 24.

On AWS the pipeline does the same, with its own credentials, and keeps the result in the bucket:

\`\`\`sh
aws lambda invoke --function-name PIPELINE_FUNCTION:live --cli-binary-format raw-in-base64-out \\
  --payload '{"kind":"calibrate","model":"bedrock:us.meta.llama4-maverick-17b-instruct-v1:0"}' calibration.json
\`\`\`

\`MODEL_COORDINATES\` overrides both the registry and calibrations: \`openai:some-model=fractions\`. The names of the conventions are ${coordinatesNames()
    .map((name) => `\`${name}\``)
    .join(', ')}.

An analysis has a note if a model reports boxes outside the scale that it was asked for, reports fractions of 1 where another unit was asked for, names the bottom right corner first, or places all boxes in one corner of their tiles. It also has one if many boxes have no area, as if their last two numbers were width and height, and if most lines of text are higher than wide, as if the top edge came first. At the end, an analysis compares the boxes of its levels: if they disagree as they were read, but agree with across and down exchanged, or with pixels and thousandths exchanged, a note says so.

## Prompt caching

The form and the rules are the same for all tiles of an analysis. They go first, and are marked for the provider's prompt cache: with \`anthropic:\` models, and with Claude on \`bedrock:\`. OpenAI caches by itself. Cached tokens count as input tokens, and cost what the provider charges: Claude's cache is read at a tenth of the price of input or less, and written at 1.25 times that price.

A model keeps a prompt only if it has a minimum of tokens: 512 for Claude Opus 5, 1,024 for Sonnet 5, 2,048 for Opus 4.7, 4,096 for Haiku 4.5 and Opus 4.6 (platform.claude.com/docs/en/build-with-claude/prompt-caching). The form and the rules have about 600, plus what the service adds for tools. A model that does not keep them costs the same as without a cache. Estimates do not include what a cache saves.

## Settings that a model refuses

No list of models stays current, so tilesight learns from refusals: what a model refuses is left out, remembered while the process runs, and named in a note of the analysis. If the words of a refusal do not say why, the request is tried once without any of these settings (not at Anthropic, which names them), and then with a plain image: if the plain image is accepted, only this tile fails. If a model refuses the length of an answer, it is asked for an answer within the limit that the refusal names, or for half the length.

${table([
  ['provider', 'what may be refused', 'what happens then'],
  ...refusalRows('openai', OPENAI_REFUSALS.notes),
  ...refusalRows('bedrock', BEDROCK_REFUSALS.notes),
  ...refusalRows('anthropic', ANTHROPIC_REFUSALS.notes),
])}

## Several models and a judge

\`\`\`json
{ "models": { "detection": ["openai:qwen3-vl:8b", "bedrock:us.amazon.nova-lite-v1:0"], "judge": "anthropic:claude-sonnet-5-5" } }
\`\`\`

Every model in \`models.detection\` analyzes every tile. Detections of the same label whose boxes have an IoU above 0.5 become one finding, whichever models reported them, and \`said_by\` names these models. A language model that did not report a finding differs from those that did. The silence of a local model does not count, because it knows a fixed list of labels.

The judge gets a crop around at most 8 findings of one area on which the models differ, and the number of models that reported each finding. It confirms, corrects or rejects each of them, and a note counts its decisions. \`judged\` has its verdict and, if it corrected a finding, the label that was reported; \`verified\` repeats the verdict, so that rejected findings are left out everywhere. If a correction describes a finding that exists already, the corrected finding is rejected. A correction to another place, or to a label that was not requested, changes nothing, and a note counts it.

- The judge is \`models.judge\` of a request, or \`JUDGE_MODEL\` of the deployment if several models detect. Without a judge, every finding is kept; an object under two labels (IoU above 0.8) is one finding then, with \`alternatives\`.
- An analysis calls the judge at most ${VERIFICATIONS_MAX} times, or ${VERIFICATIONS_MAX / 2} times with \`verify\`, and spends at most ${VERIFICATION_COST_USD_MAX} USD on it: areas with severe findings come first, then those with the most findings. A note counts the findings that were not judged; they are kept as they were detected. Findings that the judge decides on are not verified.
- Each model multiplies the cost of detection. The estimate of a dry run does not contain the calls of the judge; a note says how many there may be.
- \`said_by\` and \`judged\` are in findings.json and in list_findings with \`response_format: detailed\`, on the page of the execution, and in the exports for COCO, GeoJSON, Label Studio and CSV (\`said_by\`, \`judged_by\`, \`judged_label\`). YOLO and Pascal VOC have no place for them.

A test with three scripted models with known errors (recall 0.73 to 0.93, precision 0.66 to 0.96) and a judge that is wrong about 1 of 20 objects measures a recall and a precision of 0.99 to 1; without the judge, precision is 0.68 to 0.70 (\`tests/engine/judge.test.ts\`). Models that share an error gain less: the judge is not asked where they agree.

## What 500 tiles cost

Estimates for detection alone, with two objects a tile. The time of a dry run assumes 3 s for a tile, until an analysis of at least 8 tiles has measured how long the model takes (\`calibration/pace/<model>.json\`). The first figure is for 500 tiles of 1,024 px; the second is for a square of ${count(SIDE_PX)} px at full detail in tiles of the model's own size.

${table([['model', 'family', '500 tiles', 'tiles of the square', 'the square', 'price in / out of a million tokens, as of'], ...COMPARED.map(costRow)])}
`;
}

writeOrCheck('models.md', page());
