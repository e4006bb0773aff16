// Recognizes, by the parameter or the message of an error, which setting of a request an OpenAI-compatible server refuses.
import { UnexplainedRefusal } from './model.ts';
import { errorWords, imageRefusalOf, isServerError, openaiError } from './openai-errors.ts';
import { answerTokensIn, type Concessions, type RefusalReader } from './requests/refused-settings.ts';

/** Without `json_schema` a request asks for a `json_object`, and without that for no format; the schema is in its words then. */
export type Setting =
  | 'system'
  | 'json_schema'
  | 'json_object'
  | 'strict'
  | 'additionalProperties'
  | 'detail'
  | 'parallel'
  | 'toolChoice'
  | 'tools'
  | 'temperature'
  | 'max_tokens'
  | 'max_completion_tokens';

/** Statuses of refusals. Some servers answer 500 if the template of a model does not accept a message. */
const STATUSES = [400, 415, 422, 500, 501];
/** The client puts it before the words of the server. */
const STATUS_BEFORE = /^\d{3} /;
const NOT_ACCEPTED =
  /not support|unsupported|n['’]t support|not allowed|not permitted|not accept|unknown|unrecognized|unexpected|extra_forbidden|incompatible|not enabled|invalid/i;

/** The first that fits counts. `words` is `null` if the parameter is enough. */
const SIGNS: readonly { setting: Setting; about: RegExp; words: RegExp | null }[] = [
  {
    setting: 'detail',
    about: /image_url["'\\\].,\s/>-]*detail|unknown (?:field|name|parameter|argument)\W*detail\b/i,
    words: null,
  },
  { setting: 'parallel', about: /parallel_tool_calls/i, words: null },
  { setting: 'tools', about: /enable-auto-tool-choice|tool-call-parser/i, words: null },
  { setting: 'toolChoice', about: /tool_?choice/i, words: null },
  { setting: 'tools', about: /\btools?\b|function[ _]call/i, words: NOT_ACCEPTED },
  { setting: 'temperature', about: /\btemperature\b/, words: null },
  {
    setting: 'max_completion_tokens',
    about: /\bmax_completion_tokens\b/,
    words: /extra|permitted|unknown|unrecognized|unexpected/i,
  },
  { setting: 'max_tokens', about: /\bmax_tokens\b/, words: /not supported|unsupported/i },
  { setting: 'additionalProperties', about: /additional_?properties/i, words: null },
  { setting: 'strict', about: /\bstrict\b/i, words: NOT_ACCEPTED },
  {
    setting: 'json_schema',
    about: /response_?format|json_?(?:schema|object)|guided_|grammar|structured[ _]outputs?|invalid schema/i,
    words: null,
  },
  {
    setting: 'system',
    about:
      /\bsystem (?:message|role|prompt|instruction)s?\b|\brole\b.{0,60}\bsystem\b|\bsystem\b.{0,20}\brole\b|developer instruction/i,
    words: NOT_ACCEPTED,
  },
  { setting: 'system', about: /roles? must alternate|only user and assistant roles/i, words: null },
];

const IN_WORDS = 'the form is in its instructions instead';

export const OPENAI_REFUSALS: RefusalReader<Setting> = {
  refusedBy(error, asked) {
    if (!isServerError(error) || !STATUSES.includes(error.status ?? 0)) return null;
    const words = errorWords(error);
    const about = error.param ? error.param : words;
    for (const { setting, about: sign, words: also } of SIGNS) {
      const left = sign.test(about) && (also?.test(words) ?? true) ? leftFor(setting, asked) : null;
      if (left) return { setting: left };
    }
    const answerTokensMax = answerTokensIn(`${error.param}: ${error.message.replace(STATUS_BEFORE, '')}`, asked.answerTokensMax);
    return answerTokensMax === null ? null : { answerTokensMax };
  },
  isUnexplained: (error, model) => imageRefusalOf(error) === null && openaiError(error, model) instanceof UnexplainedRefusal,
  notes: {
    system: 'system messages; its instructions are in the user message instead',
    json_schema: `a JSON schema as response_format; ${IN_WORDS}`,
    json_object: `response_format; ${IN_WORDS}`,
    strict: 'strict JSON schemas; an answer may need a repair',
    additionalProperties: 'additionalProperties in a JSON schema; its answers may have other fields, which are left out',
    detail: 'the detail of an image_url; it may shrink the tiles',
    parallel: 'parallel_tool_calls; it may call several tools at once, and only the first call counts',
    toolChoice: 'to be forced to call a tool; an answer may need a repair',
    tools: 'tools; the next step is a form instead',
    temperature: 'a temperature of 0; its answers may differ from run to run',
    max_tokens: 'max_tokens; max_completion_tokens is sent instead',
    max_completion_tokens: 'max_completion_tokens; the length of its answers is not limited',
  },
};

/** The setting to leave out for a sign; `null` if the request has left it out already. */
function leftFor(setting: Setting, { without }: Concessions<Setting>): Setting | null {
  if (setting === 'max_completion_tokens' && !without.has('max_tokens')) return null;
  if (!without.has(setting)) return setting;
  return setting === 'json_schema' && !without.has('json_object') ? 'json_object' : null;
}
