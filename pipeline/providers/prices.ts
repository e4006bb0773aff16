// Looks up what a model costs, in the price lists of its provider. A model on no list has no known price: the price is never
// guessed. Pure.
import type { ModelId, Usage } from '../contract/schemas.ts';
import type { PriceList } from './price-lists.ts';
import { PROVIDERS, type Provider } from './provider-registry.ts';

/** USD per million tokens. */
export interface Price extends Pick<PriceList, 'source' | 'asOf'> {
  input: number;
  output: number;
  /** For input that is read from a prompt cache, or written to it. */
  cacheRead: number;
  cacheWrite: number;
}

/** `input_tokens` are all tokens of the input, those of a prompt cache included. */
export interface PricedTokens extends Pick<Usage, 'input_tokens' | 'output_tokens'> {
  cache_read_tokens?: number;
  cache_write_tokens?: number;
}

const LOCAL_PRICE: Price = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, source: 'runs here', asOf: 'always' };

const PRICE_BOOKS = new Map(
  Object.entries<Provider>(PROVIDERS).map(([name, { prices }]) => [name, prices && { ...prices, byName: byName(prices.lists) }]),
);

function byName(lists: readonly PriceList[]) {
  return new Map(lists.flatMap((list) => list.prices.map((row) => [row[0], { list, row }])));
}

/** Whether the model runs on this machine, and so costs no tokens. */
export function isLocal(model: ModelId): boolean {
  return PRICE_BOOKS.get(providerOf(model)) === null;
}

/** The cost of the tokens in USD; `null` if the model has no known price. */
export function costOf(model: ModelId, tokens: PricedTokens): number | null {
  const price = priceOf(model);
  if (!price) return null;
  const { input_tokens, output_tokens, cache_read_tokens = 0, cache_write_tokens = 0 } = tokens;
  const uncached = input_tokens - cache_read_tokens - cache_write_tokens;
  const cached = cache_read_tokens * price.cacheRead + cache_write_tokens * price.cacheWrite;
  return (uncached * price.input + cached + output_tokens * price.output) / 1_000_000;
}

/** The note that goes with a cost of `null`. */
export function unknownPriceNote(model: ModelId): string {
  return `The price of ${model} is unknown: its tokens are counted, but not their cost.`;
}

/** `null` if the model has no known price. */
export function priceOf(model: ModelId): Price | null {
  const provider = providerOf(model);
  const book = PRICE_BOOKS.get(provider);
  if (book === null) return LOCAL_PRICE;
  if (!book) return null;
  const id = model.slice(provider.length + 1);
  const names = book.namesOf(id);
  const listed = names.map((name) => book.byName.get(name)).find((row) => row !== undefined);
  if (!listed) return null;
  const { source, asOf, regionalFactor } = listed.list;
  const [, input, output, cacheRead = input, cacheWrite = input] = listed.row;
  const factor = book.isGlobal(id) ? 1 : regionalFactor;
  return {
    input: input * factor,
    output: output * factor,
    cacheRead: cacheRead * factor,
    cacheWrite: cacheWrite * factor,
    source,
    asOf,
  };
}

function providerOf(model: ModelId): string {
  return model.slice(0, model.indexOf(':'));
}
