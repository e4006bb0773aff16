// What a search for an answer knows after some turns: what the model has seen, which regions wait, and how often it made no progress. Pure:
// a replay rebuilds it from the results of the steps.
import type { Action, Look, RankedRegion, Reply } from '../contract/questions/search-turn.ts';
import type { Box } from '../contract/schemas.ts';
import { iou } from '../planning/geometry.ts';

export interface Turn {
  action: Action;
  /** What the search answers besides what the model asked for; `null` if nothing. */
  reply: Reply | null;
  /** What was shown to the model; `null` if nothing. */
  look: Look | null;
  /** What a person answered; `null` if no person was asked. */
  person: string | null;
}

export interface SearchState {
  turns: Turn[];
  /** The most likely first. */
  waiting: RankedRegion[];
  /** Turns in a row that showed the model nothing new. */
  idle: number;
  /** How often evidence was shown again before the answer counts. */
  checks: number;
  /** Whether the model was reminded of evidence. */
  reminded: boolean;
  personsAsked: number;
}

/** Two boxes show the same if they overlap by this much. */
const SAME_IOU = 0.8;
/** More than a model can use. */
const WAITING_MAX = 40;

export const emptySearch = (): SearchState => ({
  turns: [],
  waiting: [],
  idle: 0,
  checks: 0,
  reminded: false,
  personsAsked: 0,
});

export function looksOf({ turns }: Pick<SearchState, 'turns'>): Look[] {
  return turns.flatMap(({ look }) => look ?? []);
}

export function isSame(a: Box, b: Box): boolean {
  return iou(a, b) >= SAME_IOU;
}

/** The look that has shown this area in the same way; `undefined` if there is none. */
export function sameLook(state: SearchState, { tool, box, what }: Pick<Look, 'tool' | 'box' | 'what'>): Look | undefined {
  return looksOf(state).find((look) => look.tool === tool && look.what === what && isSame(look.box, box));
}

/** The search after one more turn. */
export function afterTurn(state: SearchState, turn: Turn): SearchState {
  const { action, reply, look } = turn;
  const added = action.tool === 'zoom' ? action.regions : [];
  const waiting = [...state.waiting, ...added]
    .filter(({ box }, index, all) => all.findIndex((other) => isSame(other.box, box)) === index)
    .filter(({ box }) => !(look && isSame(look.box, box)) && !looksOf(state).some((seen) => isSame(seen.box, box)))
    .toSorted((a, b) => b.likelihood - a.likelihood)
    .slice(0, WAITING_MAX);
  return {
    turns: [...state.turns, turn],
    waiting,
    idle: look || turn.person !== null ? 0 : state.idle + 1,
    checks: state.checks + Number(reply === 'check'),
    reminded: state.reminded || reply === 'no-evidence',
    personsAsked: state.personsAsked + Number(action.tool === 'ask_person'),
  };
}
