// Reads what the Messages API answers: the form where it stands, why the answer ended, and how many tokens it took. Knows no form.
import { TransientError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import { isRecord } from '../reading/json-in-text.ts';
import { type Reply, type Tokens, tokenCount } from './model.ts';

const CUTS = ['max_tokens', 'model_context_window_exceeded'];

export interface Expected {
  /** The tool that holds the form; `null` if any tool may be called, and its name matters. */
  tool: string | null;
  /** What a repair asks for if the tool was not called. */
  complaint: string;
}

/** Throws a TransientError for anything that is no Messages response. */
export function anthropicReply(sent: unknown, { tool, complaint }: Expected, model: ModelId): Reply {
  const { content: given, stop_reason, usage } = isRecord(sent) ? sent : {};
  if (!Array.isArray(given)) throw noMessage(sent, model);
  const content = given.filter(isRecord);
  const tokens = tokensOf(usage);
  const cause = new Error(`${stop_reason}: ${JSON.stringify(content)}`);
  if (stop_reason === 'refusal') return { kind: 'refused', cause, tokens };
  const calls = content
    .filter(({ type, name }) => type === 'tool_use' && (tool === null || name === tool))
    .map(({ name, input }) => (tool === null ? namedForm(name, formIn(input)) : formIn(input)));
  const words = content.flatMap(({ text }) => (typeof text === 'string' ? text : [])).join('');
  const forms = words.trim() === '' ? calls : calls.filter((form) => form !== '{}'); // then the words may be the form
  const text = forms.length > 0 ? forms.join('\n') : words;
  if (typeof stop_reason === 'string' && CUTS.includes(stop_reason)) return { kind: 'cut-off', text, cause, tokens };
  if (forms.length > 0) return { kind: 'filled', text, severalCalls: forms.length > 1, tokens };
  return { kind: 'malformed', text, complaint, cause, tokens };
}

/** Some servers with the same API send the input as JSON. */
function formIn(input: unknown): string {
  if (typeof input === 'string') return input;
  return input === undefined ? '' : JSON.stringify(input);
}

/** The form of a call of any tool. */
function namedForm(name: unknown, fields: string): string {
  return `{"tool":${JSON.stringify(name ?? null)},"arguments":${fields === '' ? '{}' : fields}}`;
}

/** The `input_tokens` of the service are those after the cached part. */
function tokensOf(usage: unknown): Tokens {
  const counts = isRecord(usage) ? usage : {};
  const cache_read_tokens = tokenCount(counts.cache_read_input_tokens);
  const cache_write_tokens = tokenCount(counts.cache_creation_input_tokens);
  return {
    input_tokens: tokenCount(counts.input_tokens) + cache_read_tokens + cache_write_tokens,
    output_tokens: tokenCount(counts.output_tokens),
    cache_read_tokens,
    cache_write_tokens,
  };
}

function noMessage(sent: unknown, model: ModelId): TransientError {
  const cause = new Error(`Not a Messages response: ${JSON.stringify(sent) ?? 'nothing'}`);
  const sentence = `The model ${model} sent an answer that is not a Messages response. Check ANTHROPIC_BASE_URL, or try again.`;
  return new TransientError(sentence, { cause });
}
