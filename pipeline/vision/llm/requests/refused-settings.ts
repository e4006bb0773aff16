// Omits the settings that a model refuses. Learned from its refusals, because no list of models stays true: newer Claude models refuse
// `temperature`, reasoning models of OpenAI want another name for `max_tokens`, older models have no tools or no system message.
import type { ModelId } from '../../../contract/schemas.ts';
import { ANSWER_TOKENS_MAX } from '../model.ts';
import { REFUSAL_CHARACTERS_MAX } from './image-refusals.ts';

/** What one request leaves out, and how many tokens its answer may have. */
export interface Concessions<Setting extends string> {
  without: ReadonlySet<Setting>;
  answerTokensMax: number;
}

/** The setting that an error is about, or how many tokens the service accepts instead. */
export type Refused<Setting extends string> = { setting: Setting } | { answerTokensMax: number };

/** How a provider refuses settings. */
export interface RefusalReader<Setting extends string> {
  /** `null` if the error is about no setting that `asked` still has. */
  refusedBy(error: unknown, asked: Concessions<Setting>): Refused<Setting> | null;
  /** True for a refusal in words that do not say why. */
  isUnexplained(error: unknown, model: ModelId): boolean;
  /** What a note states about each setting: it completes "… refuses". */
  notes: Readonly<Record<Setting, string>>;
}

export interface Conceded<Answer, Setting extends string> {
  answer: Answer;
  asked: Concessions<Setting>;
  notes: string[];
}

/** Below this, a limit is not worth asking for: one detection takes about 70 tokens. */
const ANSWER_TOKENS_MIN = 256;

/** What the refusals of one model have taught. */
interface Known<Setting extends string> {
  without: Set<Setting>;
  answerTokensMax: number;
  /** A request was accepted: what is refused later is no setting. */
  isAccepted: boolean;
}

/**
 * Remembers for each model what it refuses. A call that fails because of a setting is repeated without it; all later calls leave it out
 * from the beginning. A first call that fails for no known reason is repeated without any setting.
 */
export function refusedSettings<Setting extends string>({ refusedBy, isUnexplained, notes }: RefusalReader<Setting>) {
  const learned = new Map<ModelId, Known<Setting>>();
  const everything = new Set(Object.keys(notes) as Setting[]);
  return async <Answer>(
    model: ModelId,
    call: (asked: Concessions<Setting>) => Promise<Answer>,
  ): Promise<Conceded<Answer, Setting>> => {
    const known = learned.get(model) ?? { without: new Set(), answerTokensMax: ANSWER_TOKENS_MAX, isAccepted: false };
    learned.set(model, known);
    const accepted = (answer: Answer, asked: Concessions<Setting>): Conceded<Answer, Setting> => {
      known.isAccepted = true;
      return { answer, asked, notes: notesOn(model, asked, notes) };
    };
    // A copy: other calls may add to it meanwhile.
    let asked: Concessions<Setting> = { without: new Set(known.without), answerTokensMax: known.answerTokensMax };
    for (;;) {
      try {
        return accepted(await call(asked), asked);
      } catch (error) {
        const refused = refusedBy(error, asked);
        const conceded = refused && withConcession(asked, refused);
        if (refused && conceded) {
          asked = conceded;
          if ('setting' in refused) known.without.add(refused.setting);
          known.answerTokensMax = Math.min(known.answerTokensMax, asked.answerTokensMax);
          continue;
        }
        if (known.isAccepted || !isUnexplained(error, model)) throw error;
        const bare = { ...asked, without: everything };
        const answer = await call(bare).catch(() => {
          throw error; // the settings were not the reason
        });
        known.without = new Set(everything);
        return accepted(answer, bare);
      }
    }
  };
}

/** `null` if the request has made this concession already, or cannot make it. */
function withConcession<Setting extends string>(
  asked: Concessions<Setting>,
  refused: Refused<Setting>,
): Concessions<Setting> | null {
  if ('setting' in refused) {
    return asked.without.has(refused.setting) ? null : { ...asked, without: new Set([...asked.without, refused.setting]) };
  }
  const { answerTokensMax } = refused;
  return answerTokensMax < ANSWER_TOKENS_MIN || answerTokensMax >= asked.answerTokensMax ? null : { ...asked, answerTokensMax };
}

/** The same for every answer of a model: an analysis shows each of them once. */
function notesOn<Setting extends string>(
  model: ModelId,
  { without, answerTokensMax }: Concessions<Setting>,
  notes: Readonly<Record<Setting, string>>,
): string[] {
  const shorter = answerTokensMax < ANSWER_TOKENS_MAX;
  if (without.size === Object.keys(notes).length) {
    return [`${model} refuses the usual request without a reason; it is asked without settings, and its answers may vary.`];
  }
  return [
    ...[...without].map((setting) => `${model} refuses ${notes[setting]}.`),
    ...(shorter
      ? [`${model} refuses answers of ${ANSWER_TOKENS_MAX} tokens; a tile with many objects is analyzed in halves.`]
      : []),
  ];
}

const ABOUT_TOKENS = /max[_ -]?(?:imum|completion|output|new)?[_ -]?tokens|maximum tokens|(?:completion|output) tokens|context/i;
const ABOUT_A_LIMIT =
  /exceed|too (?:large|long|high|many)|at most|less than|lower than|greater than|larger than|must be|maximum|range|limit|[<>]/i;
const CONTEXT = /(?:context[ _-]?(?:length|window|size|limit)|context)\D{0,30}?(\d{3,})|<= (\d{3,})\. Given/i;
const OF_THE_PROMPT = [
  /(\d+) (?:in the messages|in the prompt|`?inputs`?|input tokens|prompt tokens|tokens from the input)/i,
  /(?:prompt|messages|input)\D{0,40}?(\d+) (?:input )?tokens/i,
  /limit: (\d+) \+ \d+ > \d+/i,
];
const SUM_OVER_CONTEXT = /: \d+ \+ \d+ > (\d+)/;

/**
 * The largest answer that the words of a refusal leave room for: the limit that they name, or what the prompt leaves of the context;
 * otherwise half of what was asked for. `null` if they are not about the length of the answer.
 */
export function answerTokensIn(words: string, askedMax: number): number | null {
  const plain = words.slice(0, REFUSAL_CHARACTERS_MAX).replace(/(\d),(?=\d{3}\b)/g, '$1');
  if (!ABOUT_TOKENS.test(plain) || !ABOUT_A_LIMIT.test(plain)) return null;
  const context = numberIn(SUM_OVER_CONTEXT, plain) ?? numberIn(CONTEXT, plain);
  const prompt = OF_THE_PROMPT.map((pattern) => numberIn(pattern, plain)).find((tokens) => tokens !== null) ?? null;
  if (context !== null && prompt !== null) return context - prompt;
  // A context that the prompt alone may fill: a shorter answer is a remedy only if the words mention the answer.
  if (!/max[_ ]?(?:completion_|output_|new_)?tokens|maximum tokens|maxTokens|(?:completion|output) tokens/i.test(plain))
    return null;
  const named = [...plain.matchAll(/(?<![\w.-])\d+(?!\w|[.-]\d)/g)].map(([digits]) => Number(digits));
  const limits = named.filter((limit) => limit >= ANSWER_TOKENS_MIN && limit < askedMax);
  return context === null && limits.length > 0 ? Math.max(...limits) : Math.floor(askedMax / 2);
}

function numberIn(pattern: RegExp, words: string): number | null {
  const digits = pattern
    .exec(words)
    ?.slice(1)
    .find((group) => group !== undefined);
  return digits === undefined ? null : Number(digits);
}
