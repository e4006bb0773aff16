// Reads what OpenAI-compatible servers answer: where the text stands, why it ended, how many tokens it took, and errors that come
// with HTTP status 200. Must not know forms.
import { TransientError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import { isRecord, jsonIn } from '../reading/json-in-text.ts';
import { type Reply, type Tokens, tokenCount } from './model.ts';

const LENGTH = /^(?:length|max_tokens|model_length|max_output_tokens)$/i;
const FILTERED = /^(?:content_filter|safety|prohibited_content|blocklist|recitation|image_safety)$/i;
const WORDS_LENGTH_MAX = 4_000; // in the log
const HTML = /^\s*<(?:!doctype|html|head|body)/i;

/** `namesCalls`: which tool a call names matters. Throws a TransientError for anything that is no chat completion. */
export function openaiReply(sent: unknown, model: ModelId, namesCalls = false): Reply {
  const body = bodyOf(sent);
  const choice = choiceIn(body);
  if (!choice) throw noCompletion(sent, model);
  const message = isRecord(choice.message) ? choice.message : { content: choice.text };
  const { tokens, notes } = usageIn(body, model);
  const reason = typeof choice.finish_reason === 'string' ? choice.finish_reason : '';
  const refusal = typeof message.refusal === 'string' ? message.refusal : '';
  const called = namesCalls ? namedCallsIn(message) : [];
  const { text, severalCalls } =
    called.length > 0 ? { text: called.join('\n'), severalCalls: called.length > 1 } : textIn(message, LENGTH.test(reason));
  const cause = new Error(`${reason}: ${refusal || text}`);
  if (refusal || FILTERED.test(reason)) return { kind: 'refused', cause, tokens };
  if (LENGTH.test(reason)) return { kind: 'cut-off', text, cause, tokens, notes };
  return { kind: 'filled', text, severalCalls, tokens, notes };
}

/** What a model wrote before its server refused it, as an answer: Groq answers 400 if the JSON does not fit the schema. */
export function failedGenerationIn(error: unknown): object | null {
  if (!(error instanceof Error) || !('error' in error) || !isRecord(error.error)) return null;
  const { failed_generation } = error.error;
  if (typeof failed_generation !== 'string') return null;
  return { choices: [{ finish_reason: 'stop', message: { content: failed_generation } }] };
}

/** The error of a body without an answer, with the status that it names or that its words are usual for. */
export function errorIn(sent: unknown): { status: number; error: object; headers: Record<string, string> } | null {
  const body = bodyOf(sent);
  if (!isRecord(body)) return null;
  const choice = choiceIn(body);
  const hasText = choice && isRecord(choice.message) && textIn(choice.message, false).text !== '';
  if (hasText) return null;
  const given = (choice ? choice.error : body.error) ?? (choice || body.object !== 'error' ? null : body);
  if (given === null) return null;
  const error = isRecord(given) ? given : { message: typeof given === 'string' ? given : JSON.stringify(given) };
  const id = body._request_id; // the client puts it there
  const headers: Record<string, string> = typeof id === 'string' ? { 'x-request-id': id } : {};
  return { status: statusIn(error) ?? usualStatus(JSON.stringify(error)), error, headers };
}

function statusIn(error: Record<string, unknown>): number | null {
  const status = [error.code, error.status, error.status_code].map(Number).find((code) => code >= 400 && code <= 599);
  return status ?? null;
}

const USUAL: readonly [status: number, words: RegExp][] = [
  [429, /rate.?limit|too many requests|overloaded|quota|\b[RT]P[MD]\b/i],
  [401, /unauthori[sz]ed|authenticat|api.?key/i],
  [404, /not found|does not exist|not exist|unexpected endpoint|unknown (?:path|url|route)|no models? (?:is |are )?loaded/i],
  [502, /internal|timed? ?out|unavailable|upstream|bad gateway|server error|try again|connection/i],
  [
    400,
    /invalid|unsupported|support|must|exceed|unknown|expected|too (?:large|long|big)|image|filter|policy|safety|flagged|inspect|token|context|template|schema|format/i,
  ],
];

function usualStatus(words: string): number {
  return USUAL.find(([, pattern]) => pattern.test(words))?.[0] ?? 502;
}

/** Some servers send JSON under another type, which the client does not parse, or a stream although none was asked for. */
function bodyOf(sent: unknown): unknown {
  if (typeof sent !== 'string' || HTML.test(sent)) return sent;
  return /^\s*data:/.test(sent) ? streamedIn(sent) : jsonIn(sent)[0];
}

/** The completion whose pieces are the events of a stream. */
function streamedIn(stream: string): object | undefined {
  const chunks: Record<string, unknown>[] = stream
    .split(/\r?\n/)
    .flatMap((line) => (line.startsWith('data:') ? jsonIn(line.slice('data:'.length)).filter(isRecord) : []));
  const choices: Record<string, unknown>[] = chunks.map(choiceIn).filter((choice) => choice !== null);
  const failed = chunks.find((chunk) => 'error' in chunk);
  if (choices.length === 0 || failed) return failed;
  const deltas = choices.map(({ delta }) => (isRecord(delta) ? delta : {}));
  const joined = (field: string) => deltas.map((delta) => wordsIn(delta[field])).join('');
  return {
    choices: [
      {
        finish_reason: choices.findLast(({ finish_reason }) => typeof finish_reason === 'string')?.finish_reason,
        message: { content: joined('content'), reasoning_content: joined('reasoning_content') },
      },
    ],
    usage: chunks.findLast(({ usage }) => isRecord(usage))?.usage,
  };
}

function choiceIn(body: unknown): Record<string, unknown> | null {
  const choice: unknown = isRecord(body) && Array.isArray(body.choices) ? body.choices[0] : null;
  return isRecord(choice) ? choice : null;
}

function noCompletion(sent: unknown, model: ModelId): TransientError {
  const words = typeof sent === 'string' ? sent : (JSON.stringify(sent) ?? 'nothing');
  const cause = new Error(`Not a chat completion: ${words.slice(0, WORDS_LENGTH_MAX)}`);
  const sentence = HTML.test(words)
    ? `The model ${model} got a web page instead of an answer. Check OPENAI_BASE_URL: it usually ends with /v1.`
    : `The model ${model} sent an answer that is not a chat completion. Check OPENAI_BASE_URL, or try again.`;
  return new TransientError(sentence, { cause });
}

/** A missing count is no reason to lose an answer, but the cost is unknown then. */
function usageIn(body: unknown, model: ModelId): { tokens: Tokens; notes: string[] } {
  const usage = isRecord(body) && isRecord(body.usage) ? body.usage : {};
  const input_tokens = tokenCount(usage.prompt_tokens ?? usage.input_tokens);
  const output_tokens = tokenCount(usage.completion_tokens ?? usage.output_tokens);
  const details = isRecord(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
  // OpenAI caches by itself, and counts what it read among the tokens of the prompt.
  const cache_read_tokens = Math.min(input_tokens, tokenCount(details.cached_tokens));
  const isCounted = input_tokens + output_tokens > 0;
  return {
    tokens: { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens: 0 },
    notes: isCounted ? [] : [`The server of ${model} does not count tokens: its tokens and its cost are unknown.`],
  };
}

/**
 * The text, if it may be the form, and after it calls of tools: some models call one although none was offered. Without both, the
 * reasoning: servers leave an answer there if the model did not end its thoughts. Reasoning of a cut-off answer counts only if it is
 * the form.
 */
function textIn(message: Record<string, unknown>, isCutOff: boolean): { text: string; severalCalls: boolean } {
  const calls = callsIn(message);
  const words = wordsIn(message.content).trim();
  const mayBeForm = /[[{]/.test(words) || calls.length === 0;
  const text = [...(mayBeForm && words !== '' ? [words] : []), ...calls].join('\n');
  if (text !== '') return { text, severalCalls: !mayBeForm && calls.length > 1 };
  const reasoning = wordsIn(message.reasoning_content ?? message.reasoning);
  const isForm = /^\s*(?:```|[[{])/.test(reasoning);
  return { text: isCutOff && !isForm ? '' : reasoning, severalCalls: false };
}

function callsIn({ tool_calls, function_call }: Record<string, unknown>): string[] {
  const calls = [...(Array.isArray(tool_calls) ? tool_calls : []), { function: function_call }];
  return calls.flatMap((call: unknown) => {
    const called = isRecord(call) && isRecord(call.function) ? call.function.arguments : undefined;
    const form = isRecord(called) ? JSON.stringify(called) : called;
    return typeof form === 'string' && form.trim() !== '' && form.trim() !== '{}' ? [form] : [];
  });
}

/** Each call as a form, with the name of its tool. Arguments that are no JSON are mended like any answer. */
function namedCallsIn({ tool_calls, function_call }: Record<string, unknown>): string[] {
  const calls = [...(Array.isArray(tool_calls) ? tool_calls : []), { function: function_call }];
  return calls.flatMap((call: unknown) => {
    const { name, arguments: given } = isRecord(call) && isRecord(call.function) ? call.function : {};
    if (typeof name !== 'string') return [];
    const fields = typeof given === 'string' && given.trim() !== '' ? given : JSON.stringify(given ?? {});
    return [`{"tool":${JSON.stringify(name)},"arguments":${fields}}`];
  });
}

/** A string, or parts of which thoughts are left out. Some gateways parse the form: then it is written again. */
function wordsIn(content: unknown): string {
  if (typeof content === 'string') return content;
  if (Array.isArray(content))
    return content.every(isFormEntry) && content.length > 0 ? JSON.stringify(content) : content.map(partIn).join('');
  return isRecord(content) ? partIn(content) || JSON.stringify(content) : '';
}

function isFormEntry(entry: unknown): boolean {
  return isRecord(entry) && 'label' in entry;
}

function partIn(part: unknown): string {
  if (typeof part === 'string') return part;
  if (!isRecord(part) || /think|reason/i.test(String(part.type))) return '';
  return typeof part.text === 'string' ? part.text : '';
}
