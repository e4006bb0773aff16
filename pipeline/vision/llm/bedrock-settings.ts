// Recognizes, by the error messages of Converse, which setting of a request a model on Bedrock refuses.
import { bedrockError, imageRefusalOf } from './bedrock-errors.ts';
import { UnexplainedRefusal } from './model.ts';
import { THINKING_NOTES, THINKING_SIGNS, type ThinkingSetting } from './requests/claude-thinking.ts';
import { answerTokensIn, type RefusalReader } from './requests/refused-settings.ts';

/** Without tools, the form is in the words of the request, and its answer is read from the text. */
export type Setting = 'cache' | 'temperature' | 'toolChoice' | 'tools' | 'system' | ThinkingSetting;

const NOT_ACCEPTED = /not support|unsupported|n['’]t support|not allowed|not permitted|not accept|not available|incompatible/i;

/** The first that fits counts. `words` is `null` if the name of the setting is enough. */
const SIGNS: readonly { setting: Setting; about: RegExp; words: RegExp | null }[] = [
  { setting: 'cache', about: /cachePoint|prompt caching/i, words: null },
  { setting: 'temperature', about: /temperature/i, words: null },
  { setting: 'toolChoice', about: /tool_?choice/i, words: null },
  ...THINKING_SIGNS.map((sign) => ({ ...sign, words: null })),
  { setting: 'tools', about: /tool ?(?:use|config|calling)|\btools?\b/i, words: NOT_ACCEPTED },
  {
    setting: 'system',
    about: /system (?:message|prompt|instruction|role)|system (?:is|are)\b|\[system\]|roles? must alternate/i,
    words: null,
  },
];

export const BEDROCK_REFUSALS: RefusalReader<Setting> = {
  refusedBy(error, { without, answerTokensMax: askedMax }) {
    if (!(error instanceof Error) || !isRefusal(error)) return null;
    const { message } = error;
    const sign = SIGNS.find(
      ({ setting, about, words }) => !without.has(setting) && about.test(message) && (words?.test(message) ?? true),
    );
    if (sign) return { setting: sign.setting };
    const answerTokensMax = answerTokensIn(message, askedMax);
    return answerTokensMax === null ? null : { answerTokensMax };
  },
  isUnexplained: (error, model) => imageRefusalOf(error) === null && bedrockError(error, model) instanceof UnexplainedRefusal,
  notes: {
    cache: 'prompt caching; every call pays for its instructions in full',
    temperature: 'a temperature of 0; its answers may differ from run to run',
    toolChoice: 'to be forced to call a tool; an answer may need a repair',
    tools: 'tools; the form is in its instructions instead',
    system: 'system messages; its instructions are in the user message instead',
    ...THINKING_NOTES,
  },
};

/** A model without prompt caching answers as if its access were denied. */
function isRefusal({ name, message }: Error): boolean {
  return name === 'ValidationException' || (name === 'AccessDeniedException' && /did not allow prompt caching/i.test(message));
}
