// The JSON documents that steps store for later steps: their keys and schemas. Apart from documents.ts, because the start of the MCP server
// should not build schemas that only the pipeline needs.
// Keys and field names are stored: runs in flight and finished executions depend on them.
import { Calibration } from './calibration/calibration-document.ts';
import { keys } from './contract/keys.ts';
import { Look, Thought, Trace } from './contract/questions/search-turn.ts';
import type { Documents } from './documents.ts';
import { Merged, MergeResult } from './findings/merged.ts';
import { ResumedTiles } from './planning/inspected.ts';
import { BlankTiles, TileResults, TileStepResult } from './planning/tile-result.ts';
import { TileStates } from './planning/tile-states.ts';

/** From an execution, a tile or a key to the document there. */
export const stepDocuments = {
  /** The state of each tile of a shard, by a key in `keys.tileStatesFolder`. */
  tileStates: (key: string) => ({ key, schema: TileStates }),
  /** The tile results of a shard, by a key that a `ShardResult` names. */
  tileResults: (key: string) => ({ key, schema: TileResults }),
  /** The same object, for readers that need the blank tiles only. */
  blankTiles: (key: string) => ({ key, schema: BlankTiles }),
  /** What the last steps work on, and what a retry resumes from. */
  merged: (executionId: string) => ({ key: keys.merged(executionId), schema: Merged }),
  /** Overflow of the step `merge`. */
  mergeResult: (executionId: string) => ({ key: keys.mergeResult(executionId), schema: MergeResult }),
  /** Overflow of the step `take-up`. */
  resumedTiles: (executionId: string) => ({ key: keys.resumedTiles(executionId), schema: ResumedTiles }),
  /** Overflow of the step of a tile. */
  tileStepResult: (executionId: string, tile: string) => ({
    key: keys.tileStepResult(executionId, tile),
    schema: TileStepResult,
  }),
  /** Overflow of a step that asks for the next turn of a search. */
  thought: (executionId: string, step: string) => ({ key: keys.searchStep(executionId, step), schema: Thought }),
  /** Overflow of a step that shows a part of the image. */
  look: (executionId: string, step: string) => ({ key: keys.searchStep(executionId, step), schema: Look }),
  /** How an answer was found, for reports. */
  trace: (executionId: string) => ({ key: keys.trace(executionId), schema: Trace, indent: 1 }),
  /** What a calibration measured about a model, for all later runs. */
  calibration: (model: string) => ({
    key: keys.calibration(model),
    schema: Calibration.refine((calibration) => calibration.model === model, 'is that of another model'),
    indent: 1,
    remedy: `Measure the model again with "npx tilesight calibrate ${model}", or delete the document.`,
  }),
} satisfies Documents;
