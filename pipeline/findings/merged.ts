// What the merge makes of the tile results: the findings before verification, and what became of each tile. Field names are stored.
import { z } from 'zod';
import { Finding, FindingsDocument, Usage } from '../contract/schemas.ts';
import { Stop } from '../planning/shards.ts';

/** What the last steps work on, and what a retry resumes from. */
export const Merged = z.object({
  findings: z.array(Finding),
  /** How many detections had too low a confidence to become a finding. */
  unsure: z.number().int(),
  tiles: FindingsDocument.shape.tiles,
  /** Boxes that reached out of their tile. */
  clipped: z.number().int(),
  /** Entries of answers that had no label or no box. Missing in version 0.1. */
  unreadable: z.number().int().optional(),
  /** Usage of this execution alone, without the earlier executions that it resumes. */
  usage: Usage,
  notes: z.array(z.string()),
  stopped: Stop.nullable(),
  /** Keys of the tile results, those of earlier executions first. */
  sources: z.array(z.string()),
});
export type Merged = z.infer<typeof Merged>;

/** The result of the step `merge`. */
export const MergeResult = z.object({
  findings: z.number().int(),
  stopped: Stop.nullable(),
  /** Findings to verify; none unless the request asked for it. */
  doubtful: z.array(Finding),
  /** Findings on which the detection models differ, a call of the judge each. Missing without a judge, and in version 0.1. */
  disputes: z.array(z.array(Finding)).optional(),
});
export type MergeResult = z.infer<typeof MergeResult>;
