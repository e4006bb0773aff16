// A turn of a search in words, for the report and the page. Pure.
import type { Trace } from '../contract/questions/search-turn.ts';
import type { Box } from '../contract/schemas.ts';

type TracedTurn = Trace['turns'][number];

export const TOOL_WORDS: Readonly<Record<TracedTurn['action']['tool'], string>> = {
  zoom: 'zoomed in',
  find: 'detected',
  read: 'read the text',
  ask_person: 'asked back',
  answer: 'answered',
};

/** Why the search showed something else than the model asked for, or nothing. */
const REPLIES: Readonly<Record<NonNullable<TracedTurn['reply']>, string>> = {
  outside: 'The box was not in the image.',
  repeated: 'The model had seen this before.',
  'no-evidence': 'The answer had no evidence.',
  check: 'The evidence was shown again at a higher resolution.',
  'next-region': 'The next region that the model had ranked was shown.',
  'no-looks': 'No look was left.',
  person: 'The person answered.',
  'no-person': 'No person could be asked.',
};

/** The notes of the model, and what came of the turn. */
export function turnWords({ action, reply, look, person }: TracedTurn): string {
  const found = look?.seen ? `Found: ${look.seen_total.toLocaleString('en')}.` : null;
  const said = action.tool === 'answer' ? action.text : action.tool === 'ask_person' ? action.question : null;
  return [action.note, said, person, found, reply && REPLIES[reply]].filter((part) => part).join(' ');
}

/** A search as a page shows it. */
export interface ShownSearch {
  question: string;
  model: string;
  /** `what`: the words that were searched for. `look`: the part of the image that was shown, in its pixels, and its scale. */
  turns: { title: string; what: string | null; words: string; look: { box: Box; scale: number } | null }[];
}

export function shownSearch({ question, model, turns }: Trace): ShownSearch {
  return {
    question,
    model,
    turns: turns.map((turn) => {
      const { action, look } = turn;
      return {
        title: TOOL_WORDS[action.tool],
        what: action.tool === 'find' ? action.what : null,
        words: turnWords(turn),
        look: look && { box: look.box, scale: look.width / look.box[2] },
      };
    }),
  };
}
