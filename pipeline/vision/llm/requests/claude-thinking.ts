// Keeps Claude from thinking before it fills in a form: thoughts cost output tokens, and count as tokens of the answer. From Claude 5 on,
// models think unless they are asked not to. Sonnet 5.5 refuses to turn thinking off; Opus 5.5 and Fable 5.1 always think:
// platform.claude.com/docs/en/build-with-claude/thinking and models/opus-5-5/whats-new-opus-5-5, read on 2026-11-28.

/** What is asked for in this order, if the one before is refused: no thinking, none before a call of a tool, a low effort. */
export type ThinkingSetting = 'thinking' | 'betweenTools' | 'effort';

/** The first that fits counts, without those that are left out. */
export const THINKING_SIGNS: readonly { setting: ThinkingSetting; about: RegExp }[] = [
  { setting: 'thinking', about: /\bthinking[.:\]]/i },
  { setting: 'betweenTools', about: /\bthinking[.:\]]|between_tools/i },
  { setting: 'effort', about: /\boutput_config\b|\beffort\b/i },
];

export const THINKING_NOTES: Readonly<Record<ThinkingSetting, string>> = {
  thinking: 'to turn thinking off; it is asked not to think before its answer',
  betweenTools: 'to answer without thinking; its thoughts cost output tokens',
  effort: 'a lower effort; it thinks as long as it does by default',
};

/** Tokens besides those of the answer, for a model whose thinking cannot be turned off. */
const THINKING_TOKENS_MAX = 8_192;

export function withThoughts(answerTokensMax: number, without: ReadonlySet<string>): number {
  return without.has('betweenTools') ? answerTokensMax + THINKING_TOKENS_MAX : answerTokensMax;
}

/** Fields of a request to the Messages API. */
export interface ThinkingFields {
  thinking?: { type: 'disabled' | 'between_tools' };
  output_config?: { effort: 'low' };
}

export function thinkingFields(without: ReadonlySet<string>): ThinkingFields {
  if (!without.has('thinking')) return { thinking: { type: 'disabled' } };
  if (!without.has('betweenTools')) return { thinking: { type: 'between_tools' } };
  return without.has('effort') ? {} : { output_config: { effort: 'low' } };
}
