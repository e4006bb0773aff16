// The providers of models: one row for each prefix, with its documentation, environment variables and prices. Knows no client:
// vision/providers.ts has a factory for each row.
import { z } from 'zod';
import type { ModelId } from '../contract/schemas.ts';
import type { Variables, VariablesOf } from '../contract/variables.ts';
import { ANTHROPIC_PRICES, BEDROCK_PRICES, OPENAI_PRICES, type PriceList } from './price-lists.ts';

export interface Provider {
  /** For docs/configuration.md: which ids there are, and what they can do. */
  models: string;
  /** For docs/configuration.md: what the provider needs before it can be used. */
  needs: string;
  /** Environment variables of this provider alone. */
  variables(): Variables;
  /** A sentence about what the settings lack, without which every call would fail; `null` if they lack nothing that can be known here. */
  lacking?(settings: Readonly<Record<string, unknown>>): string | null;
  /** `null` if its models run on this machine and cost nothing. */
  prices: PriceBook | null;
}

export interface PriceBook {
  lists: readonly PriceList[];
  /** The names under which a model id may be listed, the most specific first. */
  namesOf(id: string): readonly string[];
  /** Whether the id names a global endpoint, to which the regional factor does not apply. */
  isGlobal(id: string): boolean;
}

const BEDROCK_ARN = /^arn:aws:bedrock:[^/]*\//;
/** `us.` of `us.amazon.nova-lite-v1:0`. AWS GovCloud has prices of its own, so `us-gov.` is not among them. */
const BEDROCK_PROFILE = /^(?:global|us|eu|apac|jp|au|ca|in)\./;
/** A dated or numbered version costs the same unless a list names it: `-20250929-v1:0`. */
const BEDROCK_VERSION = /(?:-\d{8})?(?:-v\d+)?(?::\w+)*$/;
/** `-20251001`, or `-latest` and `-0` of names that stand for one. */
const ANTHROPIC_VERSION = /-(?:\d{8}|latest|0)$/;
const OPENAI_VERSION = /-\d{4}-\d{2}-\d{2}$/;

export const NO_ANTHROPIC_KEY = 'anthropic: models need a key. Set ANTHROPIC_API_KEY.';
export const NO_OPENAI_SERVER = 'openai: models need OPENAI_API_KEY, or OPENAI_BASE_URL of a local server. Set one of them.';

/** `localhost:11434/v1` is a URL, too: its protocol would be `localhost:`. */
const httpAddress = () =>
  z
    .url({ protocol: /^https?$/, error: 'expected an address that begins with http:// or https://' })
    .check(z.refine((address) => !WITH_PASSWORD.test(address), 'expected an address without a user and a password'));
/** `fetch` refuses such an address, and repeats the password in its error. */
const WITH_PASSWORD = /^https?:\/*[^/?#]*@/i;

/** `fetch` repeats a key that is no header in its error. Line ends of a file that held the key are no part of it. */
const secretKey = () =>
  z.string().check(z.trim(), z.regex(/^[!-~]+$/, 'expected a key of letters, digits and signs, without spaces'));

export const PROVIDERS = {
  onnx: {
    models:
      '`onnx:nanodet` detects the 80 COCO labels, `onnx:ppocr` reads text, `onnx:nsfw` moderates; `onnx:NAME` is a detector or text model that you registered.',
    needs: 'Nothing: the models run on the CPU of this machine, or locally on what `ONNX_EXECUTION_PROVIDER` names.',
    variables: () => ({}),
    prices: null,
  },
  hf: {
    models:
      '`hf:NAME` detects what `labels` or `look_for` name in words: an OWL-ViT, OWLv2 or Grounding DINO model in a folder of this machine, or in the cache of the hub (`hf:OWNER/MODEL@COMMIT`).',
    needs:
      'The package `@huggingface/transformers` and the files of the model: [detectors.md](detectors.md#detectors-for-words).',
    variables: () => ({}),
    prices: null,
  },
  agent: {
    models:
      '`agent:` is the agent that called: `next_tiles` hands it tiles as images, `report_tiles` takes what is in them; detection and verification.',
    needs: 'Nothing: no key, and no model of this server. The agent’s own model pays for the images.',
    variables: () => ({}),
    prices: null,
  },
  rules: {
    models: '`rules:summary` writes the summary from counts, without a model.',
    needs: 'Nothing.',
    variables: () => ({}),
    prices: null,
  },
  bedrock: {
    models: '`bedrock:<model id, inference profile id or ARN>`: language models that accept images and tools; every step.',
    needs: 'A region and credentials, as the AWS SDK finds them (`AWS_REGION`, `AWS_PROFILE`, …), and access to the model.',
    variables: () => ({}),
    prices: {
      lists: BEDROCK_PRICES,
      namesOf(id) {
        const named = id.replace(BEDROCK_ARN, '').replace(BEDROCK_PROFILE, '');
        return [named, named.replace(BEDROCK_VERSION, '')];
      },
      isGlobal: (id) => id.replace(BEDROCK_ARN, '').startsWith('global.'),
    },
  },
  anthropic: {
    models: '`anthropic:<model>`: Claude through Anthropic’s own API, for example `anthropic:claude-sonnet-5`; every step.',
    needs: '`ANTHROPIC_API_KEY`.',
    variables: () => ({
      ANTHROPIC_API_KEY: secretKey().optional().meta({ description: 'The key of the account.' }),
      ANTHROPIC_BASE_URL: httpAddress()
        .optional()
        .meta({ description: 'The address of a gateway with the same API, without `/v1`. Anthropic itself if unset.' }),
    }),
    lacking: ({ ANTHROPIC_API_KEY }) => (ANTHROPIC_API_KEY === undefined ? NO_ANTHROPIC_KEY : null),
    prices: {
      lists: ANTHROPIC_PRICES,
      namesOf: (id) => [id, id.replace(ANTHROPIC_VERSION, '')],
      isGlobal: () => false,
    },
  },
  openai: {
    models:
      '`openai:<model>`: language models behind OpenAI’s chat API, for example Ollama, vLLM, LM Studio or OpenAI; every step.',
    needs: 'One of its variables, or both.',
    variables: () => ({
      OPENAI_BASE_URL: httpAddress().optional().meta({
        description:
          'The address of an OpenAI-compatible server, with its path: `http://127.0.0.1:11434/v1`. OpenAI itself if unset.',
      }),
      OPENAI_API_KEY: secretKey().optional().meta({ description: 'The key of that server. Not needed for most local servers.' }),
    }),
    lacking: ({ OPENAI_BASE_URL, OPENAI_API_KEY }) =>
      OPENAI_BASE_URL === undefined && OPENAI_API_KEY === undefined ? NO_OPENAI_SERVER : null,
    prices: {
      lists: OPENAI_PRICES,
      namesOf: (id) => [id, id.replace(OPENAI_VERSION, '')],
      isGlobal: () => false,
    },
  },
} satisfies Record<string, Provider>;

export type ProviderName = keyof typeof PROVIDERS;

/**
 * A sentence if no call of the model can succeed: its provider is unknown, or the settings lack what it needs. `null` if nothing is known
 * that would prevent it.
 */
export function obstacleTo(model: ModelId, settings: Readonly<Record<string, unknown>>): string | null {
  const rows = new Map<string, Provider>(Object.entries(PROVIDERS));
  const row = rows.get(model.slice(0, model.indexOf(':')));
  if (row) return row.lacking?.(settings) ?? null;
  const known = [...rows.keys()].map((name) => `${name}:`).join(' or ');
  return `The model ${model} has an unknown provider. Choose a model that begins with ${known}.`;
}

/** The parsed values of all providers' variables. */
export type ProviderSettings = z.infer<z.ZodObject<VariablesOf<typeof PROVIDERS>>>;
