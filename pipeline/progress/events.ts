// The live events of an execution, the same for the local page and for AppSync Events. Pure.
// The id of an event is a function of its content: a subscriber that ignores known ids gets everything once, however often it comes.
import { z } from 'zod';
import { Phase, Progress, Status, Usage } from '../contract/schemas.ts';
import { endedTiles } from '../planning/shards.ts';
import { GridLevel, TileState } from '../planning/tile-states.ts';

/** A tile has moved forward. */
export const TileEvent = z.object({
  type: z.literal('tile'),
  id: z.string(),
  execution_id: z.string(),
  /** Index in the plan. */
  tile: z.number().int(),
  state: TileState.exclude(['waiting']),
});
export type TileEvent = z.infer<typeof TileEvent>;

const Counts = z.object({
  status: Status,
  tiles: Progress.shape.tiles,
  /** Detections so far; after the merge the number of findings. */
  findings: z.number().int(),
  usage: Usage,
  /** Earlier events that could not be published. */
  dropped: z.number().int(),
});

/** How far the execution is. Never contains text from a model or an image. */
export const ProgressEvent = z.object({
  type: z.literal('progress'),
  id: z.string(),
  execution_id: z.string(),
  ...Counts.shape,
  phase: Phase,
  /** The running shard that this event counts; `null` for the whole execution. */
  shard: z.number().int().nullable(),
});
export type ProgressEvent = z.infer<typeof ProgressEvent>;

/** The last event. */
export const EndEvent = z.object({
  type: z.literal('end'),
  id: z.string(),
  execution_id: z.string(),
  ...Counts.shape,
  /** One sentence if the execution did not succeed. */
  reason: z.string().nullable(),
});
export type EndEvent = z.infer<typeof EndEvent>;

export const LiveEvent = z.discriminatedUnion('type', [TileEvent, ProgressEvent, EndEvent]);
export type LiveEvent = z.infer<typeof LiveEvent>;

/** The first event of the local page, and another one once the image is cut into tiles. Contains everything published before. */
export const SnapshotEvent = z.object({
  type: z.literal('snapshot'),
  execution_id: z.string(),
  /** The name that the caller used, the size in pixels, and the execution with the pyramid; `null` before the image is cut. */
  picture: z.object({ uri: z.string(), width: z.number(), height: z.number(), pyramid_of: z.string() }).nullable(),
  /** The name that the caller used, also before the image is cut; `null` if it is not known. */
  uri: z.string().nullable(),
  grid: z.array(GridLevel),
  /** One letter for each tile of the grid: waiting, looking, done, failed, blank, or `-` for a tile of an earlier execution. */
  states: z.string(),
  progress: ProgressEvent,
  /** ISO 8601. */
  started_at: z.string(),
});
export type SnapshotEvent = z.infer<typeof SnapshotEvent>;

/** One row in the list of executions. */
export const ListedExecution = z.object({
  execution_id: z.string(),
  status: Status,
  phase: Phase,
  tiles: Progress.shape.tiles,
  findings: z.number().int(),
  usage: Usage,
  /** The name that the caller used; `null` if it is not known yet. */
  image: z.string().nullable(),
  /** ISO 8601. */
  started_at: z.string(),
  updated_at: z.string(),
  reason: z.string().nullable(),
});
export type ListedExecution = z.infer<typeof ListedExecution>;

/** No event for a waiting tile. */
export function tileEvent(execution_id: string, tile: number, state: TileState): TileEvent[] {
  return state === 'waiting' ? [] : [{ type: 'tile', id: `${execution_id}/tile/${tile}/${state}`, execution_id, tile, state }];
}

type Reported = Pick<Progress, 'execution_id' | 'status' | 'phase' | 'tiles' | 'findings' | 'usage'>;

/** The same phase with the same number of finished tiles is the same event. */
export function progressEvent(progress: Reported, shard: number | null): ProgressEvent {
  const { execution_id, status, phase, tiles, findings, usage } = progress;
  const part = shard === null ? '' : `/shard/${shard}`;
  const id = `${execution_id}${part}/phase/${phase}/${endedTiles(tiles)}`;
  return { type: 'progress', id, execution_id, status, phase, shard, tiles, findings, usage, dropped: 0 };
}

export function endEvent(progress: Reported & Pick<Progress, 'reason'>): EndEvent {
  const { execution_id, status, tiles, findings, usage, reason } = progress;
  return { type: 'end', id: `${execution_id}/end`, execution_id, status, tiles, findings, usage, dropped: 0, reason };
}

/** AppSync Events allows letters, digits and dashes, but no dash at either end. */
const SEGMENT_CHARACTERS_MAX = 50;

/** `/pipeline/<execution id>`. A longer id is cut to its last 50 characters, which are unique. */
export function channelOf(executionId: string): string {
  const segment = executionId.replaceAll('_', '-').slice(-SEGMENT_CHARACTERS_MAX);
  return `/pipeline/${segment.replace(/^-+|-+$/g, '')}`;
}
