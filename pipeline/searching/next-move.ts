// Decides what follows from what the model wants: a tree search from the overview over ranked regions to crops. Pure.
import type { Action, Evidence, Look, Reply } from '../contract/questions/search-turn.ts';
import type { Box } from '../contract/schemas.ts';
import type { Size } from '../planning/geometry.ts';
import { looksOf, type SearchState, sameLook } from './search-state.ts';

/** A part of the image to show next. */
export type WantedLook = Pick<Look, 'tool' | 'box' | 'what'>;
export type AnswerAction = Extract<Action, { tool: 'answer' }>;

export type Move =
  | { kind: 'look'; wanted: WantedLook; reply: Reply | null }
  /** Nothing is shown. */
  | { kind: 'reply'; reply: Reply }
  | { kind: 'person'; question: string }
  | { kind: 'answer'; answer: AnswerAction };

export interface Limits {
  looksLeft: number;
  /** Whether a person can be asked. */
  hasPerson: boolean;
}

/** Turns in a row without progress, after which the model must answer. */
export const IDLE_TURNS_MAX = 3;
/** How often evidence is shown again before an answer counts: each costs a look. */
const CHECKS_MAX = 2;
/** Smaller evidence cannot be made out: letters of 8 px, in words of three. */
const LEGIBLE_PX = 24;
const PERSONS_ASKED_MAX = 2;
/** Evidence is shown again with as much around it. */
const CONTEXT_SHARE = 0.5;
/** The least that is shown of an image: less is no larger on the screen of a model. */
export const LOOK_EDGE_MIN_PX = 256;

/** True if the model may do nothing but answer. */
export function mustAnswer({ idle }: Pick<SearchState, 'idle'>, { looksLeft }: Pick<Limits, 'looksLeft'>): boolean {
  return looksLeft <= 0 || idle >= IDLE_TURNS_MAX;
}

export function nextMove(state: SearchState, action: Action, image: Size, limits: Limits): Move {
  if (action.tool === 'answer') return afterAnswer(state, action, image, limits);
  if (mustAnswer(state, limits)) return { kind: 'reply', reply: 'no-looks' };
  if (action.tool === 'ask_person') {
    const mayAsk = limits.hasPerson && state.personsAsked < PERSONS_ASKED_MAX;
    return mayAsk ? { kind: 'person', question: action.question } : { kind: 'reply', reply: 'no-person' };
  }
  if (action.box === null) return { kind: 'reply', reply: 'outside' };
  const box = action.tool === 'zoom' ? atLeast(action.box, image) : action.box;
  const wanted: WantedLook = { tool: action.tool, box, what: action.tool === 'find' ? action.what : null };
  if (sameLook(state, wanted) === undefined) return { kind: 'look', wanted, reply: null };
  return nextRegion(state, image, 'repeated') ?? { kind: 'reply', reply: 'repeated' };
}

/** An answer counts once its evidence was legible; "not found" counts once the regions that the model ranked were seen. */
function afterAnswer(state: SearchState, answer: AnswerAction, image: Size, limits: Limits): Move {
  if (mustAnswer(state, limits)) return { kind: 'answer', answer };
  if (!answer.found) return nextRegion(state, image, 'next-region') ?? { kind: 'answer', answer };
  if (answer.evidence.length === 0) {
    return state.reminded ? { kind: 'answer', answer } : { kind: 'reply', reply: 'no-evidence' };
  }
  const illegible = answer.evidence.filter((evidence) => !isLegible(evidence, state, image));
  if (illegible.length === 0 || state.checks >= CHECKS_MAX) return { kind: 'answer', answer };
  const wanted: WantedLook = { tool: 'zoom', box: withSurroundings(illegible, image), what: null };
  return sameLook(state, wanted) ? { kind: 'answer', answer } : { kind: 'look', wanted, reply: 'check' };
}

function nextRegion({ waiting }: SearchState, image: Size, reply: Reply): Move | null {
  const [best] = waiting;
  return best ? { kind: 'look', wanted: { tool: 'zoom', box: atLeast(best.box, image), what: null }, reply } : null;
}

/** True if the model saw it at full resolution, or large enough. */
function isLegible({ image: number, box }: Evidence, state: SearchState, image: Size): boolean {
  const look = looksOf(state).find((one) => one.number === number);
  const scale = look ? look.width / look.box[2] : OVERVIEW_EDGE_PX / Math.max(image.width, image.height);
  return scale >= 1 || Math.min(box[2], box[3]) * scale >= LEGIBLE_PX;
}

/** What models see of an overview at least. */
const OVERVIEW_EDGE_PX = 1_000;

function withSurroundings(evidence: readonly Evidence[], image: Size): Box {
  const left = Math.min(...evidence.map(({ box }) => box[0]));
  const top = Math.min(...evidence.map(({ box }) => box[1]));
  const width = Math.max(...evidence.map(({ box }) => box[0] + box[2])) - left;
  const height = Math.max(...evidence.map(({ box }) => box[1] + box[3])) - top;
  const around = Math.max(width, height) * CONTEXT_SHARE;
  return atLeast([left - around, top - around, width + 2 * around, height + 2 * around], image);
}

/** In whole pixels inside the image, around the same middle, and no smaller than LOOK_EDGE_MIN_PX where the image allows it. */
export function atLeast([left, top, width, height]: readonly [number, number, number, number], image: Size): Box {
  const [x, across] = along(left, width, image.width);
  const [y, down] = along(top, height, image.height);
  return [x, y, across, down];
}

function along(start: number, length: number, sidePx: number): [start: number, length: number] {
  const wanted = Math.min(sidePx, Math.max(LOOK_EDGE_MIN_PX, Math.ceil(length)));
  const middle = start + length / 2;
  return [Math.max(0, Math.min(sidePx - wanted, Math.round(middle - wanted / 2))), wanted];
}
