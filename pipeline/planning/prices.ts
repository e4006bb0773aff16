// Looks up what a language model costs. A model on no list has no known price: the price is never guessed. Pure.
import type { ModelId, Usage } from '../contract/schemas.ts';
import { PRICE_LISTS } from './price-lists.ts';

/** USD per million tokens, on demand, standard tier, without discounts for cached input. */
export interface Price {
  input: number;
  output: number;
  source: string;
  /** The day on which the list was read. */
  asOf: string;
}

const LISTED = new Map(
  PRICE_LISTS.flatMap((list) =>
    list.prices.map(([model, input, output]) => [`${list.provider}:${model}`, { list, input, output }]),
  ),
);

/** Providers whose models run on the machine itself. */
const LOCAL_PROVIDERS: ReadonlySet<string> = new Set(['onnx', 'rules']);
const LOCAL_PRICE: Price = { input: 0, output: 0, source: 'runs here', asOf: 'always' };

/** `us.amazon.nova-lite-v1:0`. AWS GovCloud has prices of its own, so `us-gov.` is not a known prefix. */
const PROFILE = /^(?:global|us|eu|apac|jp|au|ca|in)\./;
const ARN = /^arn:aws:bedrock:[^/]*\//;
/** A dated or numbered version costs the same as its model, unless a list names it: `-20250929-v1:0`, `-2024-11-20`. */
const BEDROCK_VERSION = /(?:-\d{8})?(?:-v\d+)?(?::\w+)*$/;
const OPENAI_VERSION = /-\d{4}-\d{2}-\d{2}$/;

/** The cost of the tokens. `known` is false if the model has no known price; the cost is then 0. */
export function costOf(
  model: ModelId,
  { input_tokens, output_tokens }: Pick<Usage, 'input_tokens' | 'output_tokens'>,
): { cost_usd: number; known: boolean } {
  const price = priceOf(model);
  if (!price) return { cost_usd: 0, known: false };
  return { cost_usd: (input_tokens * price.input + output_tokens * price.output) / 1_000_000, known: true };
}

/** `null` if the model has no known price. */
export function priceOf(model: ModelId): Price | null {
  const provider = model.slice(0, model.indexOf(':'));
  if (LOCAL_PROVIDERS.has(provider)) return LOCAL_PRICE;
  const name = model.slice(provider.length + 1).replace(ARN, '');
  const id = provider === 'bedrock' ? name.replace(PROFILE, '') : name;
  const listed = LISTED.get(`${provider}:${id}`) ?? LISTED.get(`${provider}:${withoutVersion(provider, id)}`);
  if (!listed) return null;
  const { source, asOf, regionalFactor } = listed.list;
  const factor = name.startsWith('global.') ? 1 : regionalFactor;
  return { input: listed.input * factor, output: listed.output * factor, source, asOf };
}

function withoutVersion(provider: string, id: string): string {
  if (provider === 'bedrock') return id.replace(BEDROCK_VERSION, '');
  return provider === 'openai' ? id.replace(OPENAI_VERSION, '') : id;
}
