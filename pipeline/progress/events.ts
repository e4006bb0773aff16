// What is told of an execution while it runs: the same objects to the local page and to AppSync Events. Pure.
// An id is a function of what it tells: whoever ignores ids that it has seen is told everything once, however often it comes.
import { z } from 'zod';
import { Phase, Progress, Status, Usage } from '../contract/schemas.ts';
import { GridLevel, TileState } from '../planning/tile-states.ts';

const about = { id: z.string(), execution_id: z.string() };

/** A tile has moved forward. */
export const TileEvent = z.object({
  ...{ type: z.literal('tile'), ...about },
  /** Index in the plan. */
  tile: z.number().int(),
  state: TileState.exclude(['waiting']),
});
export type TileEvent = z.infer<typeof TileEvent>;

const counts = {
  status: Status,
  tiles: Progress.shape.tiles,
  /** Detections so far; after the merge the number of findings. */
  findings: z.number().int(),
  usage: Usage,
  /** Events before this one that could not be told. */
  dropped: z.number().int(),
};

/** How far it is. Never holds a word that a model or an image said. */
export const ProgressEvent = z.object({
  ...{ type: z.literal('progress'), ...about, ...counts },
  phase: Phase,
  /** Null: of the whole execution. A number: of this part of it alone, while it runs. */
  shard: z.number().int().nullable(),
});
export type ProgressEvent = z.infer<typeof ProgressEvent>;

/** The last one. */
export const EndEvent = z.object({
  ...{ type: z.literal('end'), ...about, ...counts },
  /** One sentence when it did not succeed. */
  reason: z.string().nullable(),
});
export type EndEvent = z.infer<typeof EndEvent>;

export const LiveEvent = z.discriminatedUnion('type', [TileEvent, ProgressEvent, EndEvent]);
export type LiveEvent = z.infer<typeof LiveEvent>;

/** What a page begins with, and once more when the image has been cut. All that was told before is in it. */
export const SnapshotEvent = z.object({
  ...{ type: z.literal('snapshot'), execution_id: z.string() },
  /** What the caller named, its size in pixels, and the execution whose pyramid shows it; null: not cut yet. */
  picture: z.object({ uri: z.string(), width: z.number(), height: z.number(), pyramid_of: z.string() }).nullable(),
  grid: z.array(GridLevel),
  /** One letter a tile of the grid: waiting, looking, done, failed, blank, `-` for those of an earlier execution. */
  states: z.string(),
  progress: ProgressEvent,
  /** ISO 8601. */
  started_at: z.string(),
});
export type SnapshotEvent = z.infer<typeof SnapshotEvent>;

/** One line of the list of executions. */
export const ListedExecution = z.object({
  ...{
    execution_id: z.string(),
    status: Status,
    phase: Phase,
    tiles: Progress.shape.tiles,
    findings: z.number().int(),
    usage: Usage,
  },
  /** What the caller named; null: not known yet. */
  image: z.string().nullable(),
  /** ISO 8601. */
  started_at: z.string(),
  updated_at: z.string(),
  reason: z.string().nullable(),
});
export type ListedExecution = z.infer<typeof ListedExecution>;

export function tileEvent(execution_id: string, tile: number, state: TileState): TileEvent[] {
  return state === 'waiting' ? [] : [{ type: 'tile', id: `${execution_id}/tile/${tile}/${state}`, execution_id, tile, state }];
}

type Told = Pick<Progress, 'execution_id' | 'status' | 'phase' | 'tiles' | 'findings' | 'usage'>;

/** The same phase with the same number of tiles behind it is the same event. */
export function progressEvent(progress: Told, shard: number | null): ProgressEvent {
  const { execution_id, status, phase, tiles, findings, usage } = progress;
  const part = shard === null ? '' : `/shard/${shard}`;
  const id = `${execution_id}${part}/phase/${phase}/${tiles.done + tiles.failed + tiles.blank}`;
  return { type: 'progress', id, execution_id, status, phase, shard, tiles, findings, usage, dropped: 0 };
}

export function endEvent({ execution_id, status, tiles, findings, usage, reason }: Told & Pick<Progress, 'reason'>): EndEvent {
  return { type: 'end', id: `${execution_id}/end`, execution_id, status, tiles, findings, usage, dropped: 0, reason };
}

/** Of AppSync Events: letters, digits and dashes, none of these first or last. */
const SEGMENT_CHARACTERS_MAX = 50;

/** `/pipeline/<execution id>`; of a longer one its last 50 characters, in which it differs from all others. */
export function channelOf(executionId: string): string {
  const segment = executionId.replaceAll('_', '-').slice(-SEGMENT_CHARACTERS_MAX);
  return `/pipeline/${segment.replace(/^-+|-+$/g, '')}`;
}
