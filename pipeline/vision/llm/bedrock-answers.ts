// Reads what Converse answers: the form where it stands, why the answer ended, and how many tokens it took. Knows no form.
import { TransientError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import { isRecord } from '../reading/json-in-text.ts';
import { type Reply, type Tokens, tokenCount } from './model.ts';

const REFUSALS = ['content_filtered', 'guardrail_intervened', 'refusal'];
const CUTS = ['max_tokens', 'model_context_window_exceeded'];

export interface Expected {
  /** The tools that may hold the form; `null` if the model was asked to write the form as text. */
  tools: readonly string[] | null;
  /** Which tool a call names matters. */
  namesCalls: boolean;
  /** What a repair asks for if the tool was not called. */
  complaint: string;
}

/** Throws a TransientError for anything that is no Converse response. */
export function bedrockReply(sent: unknown, { tools, namesCalls, complaint }: Expected, model: ModelId): Reply {
  const { stopReason, content, usage } = partsOf(sent, model);
  const tokens = { ...usage };
  const cause = new Error(`${stopReason}: ${JSON.stringify(content)}`);
  if (REFUSALS.includes(stopReason)) return { kind: 'refused', cause, tokens };
  const words = textIn(content);
  const calls = tools === null ? [] : content.flatMap((block) => formIn(block, tools, namesCalls));
  const forms = words.trim() === '' ? calls : calls.filter((form) => form !== '{}'); // then the words may be the form
  const text = forms.length > 0 ? forms.join('\n') : words;
  if (CUTS.includes(stopReason)) return { kind: 'cut-off', text, cause, tokens };
  if (forms.length > 0 || tools === null) return { kind: 'filled', text, severalCalls: forms.length > 1, tokens };
  return { kind: 'malformed', text: text || reasoningIn(content), complaint, cause, tokens };
}

interface Parts {
  stopReason: string;
  content: Record<string, unknown>[];
  usage: Tokens;
}

function partsOf(sent: unknown, model: ModelId): Parts {
  const { stopReason, output, usage } = isRecord(sent) ? sent : {};
  const message = isRecord(output) && isRecord(output.message) ? output.message : null;
  if (typeof stopReason !== 'string' || !message || !Array.isArray(message.content)) {
    const cause = new Error(`Not a Converse response: ${JSON.stringify(sent) ?? 'nothing'}`);
    throw new TransientError(`The model ${model} sent an answer that is not a Converse response. Try again.`, { cause });
  }
  return {
    stopReason,
    content: message.content.filter(isRecord),
    usage: tokensOf(usage),
  };
}

/** The `inputTokens` of the service are those after the cached part: docs.aws.amazon.com, Amazon Bedrock, "Prompt caching". */
function tokensOf(usage: unknown): Tokens {
  const counts = isRecord(usage) ? usage : {};
  const cache_read_tokens = tokenCount(counts.cacheReadInputTokens);
  const cache_write_tokens = tokenCount(counts.cacheWriteInputTokens);
  return {
    input_tokens: tokenCount(counts.inputTokens) + cache_read_tokens + cache_write_tokens,
    output_tokens: tokenCount(counts.outputTokens),
    cache_read_tokens,
    cache_write_tokens,
  };
}

/** The input of a call of one of the tools, whose names some models extend. A string is passed as it is: it may be JSON. */
function formIn({ toolUse }: Record<string, unknown>, tools: readonly string[], namesCalls: boolean): string[] {
  if (!isRecord(toolUse)) return [];
  const { name, input } = toolUse;
  const tool = typeof name === 'string' ? tools.find((one) => name.endsWith(one)) : undefined;
  if (tool === undefined) return [];
  const form = typeof input === 'string' ? input : input === undefined ? '' : JSON.stringify(input);
  return [!namesCalls ? form : `{"tool":${JSON.stringify(tool)},"arguments":${form === '' ? '{}' : form}}`];
}

function textIn(content: readonly Record<string, unknown>[]): string {
  return content.flatMap(({ text }) => (typeof text === 'string' ? text : [])).join('');
}

/** Where an answer stands if the model did not end its thoughts. */
function reasoningIn(content: readonly Record<string, unknown>[]): string {
  return content
    .flatMap(({ reasoningContent }) => {
      const thought =
        isRecord(reasoningContent) && isRecord(reasoningContent.reasoningText) ? reasoningContent.reasoningText : {};
      return typeof thought.text === 'string' ? thought.text : [];
    })
    .join('');
}
