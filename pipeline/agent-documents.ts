// What passes between an execution and the agents that detect for it: which tiles are pending, who has which, and what was reported.
// Apart from documents.ts, because the start of the MCP server should not build schemas that only some requests need.
// Keys and field names are stored: runs in flight depend on them.
import { z } from 'zod';
import { keys } from './contract/keys.ts';
import { Ask, Box, Detection, Finding } from './contract/schemas.ts';
import type { Documents } from './documents.ts';

/** A finding to verify, on a crop of the image around it. */
export const AgentQuestion = z.object({
  finding: Finding.pick({ id: true, label: true, description: true, score: true, severity: true, text: true }),
  /** In pixels of the full image. */
  crop: Box,
  /** The box of the finding, in pixels of the full image. */
  box: Box,
});
export type AgentQuestion = z.infer<typeof AgentQuestion>;

/** The work that one shard, or the verification, has for agents. */
const AgentBoard = z.object({
  ask: Ask,
  /** Pending tiles by their index in the plan, or pending questions by their place in `questions`. Empty once the work has ended. */
  pending: z.array(z.number().int()),
  /** Missing on a board of tiles. */
  questions: z.array(AgentQuestion).optional(),
  /** The execution continues once this many reports are stored. */
  collect_at: z.number().int(),
  /** ISO 8601: pending work fails then. */
  until: z.string(),
});
export type AgentBoard = z.infer<typeof AgentBoard>;

/** One agent has the tile until then. `code` is a part of the id under which it got the tile. */
const AgentLease = z.object({
  code: z.string(),
  until: z.string(),
  /** In pixels of the image that was sent. */
  width: z.number().int(),
  height: z.number().int(),
});
export type AgentLease = z.infer<typeof AgentLease>;

const CropVerdict = z.union([
  z.object({ verdict: z.enum(['confirmed', 'rejected']) }),
  z.object({
    verdict: z.literal('corrected'),
    instead: Finding.pick({ label: true, description: true, severity: true, text: true }),
    /** In pixels of the crop as it was sent, whose size is `sent`. */
    boxInCrop: Box,
    sent: z.object({ width: z.number().int(), height: z.number().int() }),
  }),
]);

/** What an agent reported about a tile, with boxes in pixels of the tile, or about a question. */
export const AgentReport = z.object({
  detections: z.array(Detection),
  clipped: z.number().int(),
  unreadable: z.number().int(),
  notes: z.array(z.string()),
  verdict: CropVerdict.optional(),
});
export type AgentReport = z.infer<typeof AgentReport>;

/** What one step collects. */
export const AgentRound = z.object({
  reports: z.array(z.object({ item: z.number().int(), report: AgentReport })),
  /** Whether the execution waits for more reports. */
  waits: z.boolean(),
  /** Why pending work is given up; `null` if it is not. */
  ended: z.enum(['cancelled', 'budget', 'late']).nullable(),
  /** Seconds until pending work fails. */
  wait_s: z.number().int(),
});
export type AgentRound = z.infer<typeof AgentRound>;

/** `board` is the number of a shard, or `verify`. */
export const agentDocuments = {
  board: (executionId: string, board: string) => ({ key: keys.agentBoard(executionId, board), schema: AgentBoard }),
  boardAt: (key: string) => ({ key, schema: AgentBoard }),
  lease: (executionId: string, board: string, item: number, turn: number) => ({
    key: keys.agentLease(executionId, board, item, turn),
    schema: AgentLease,
  }),
  report: (executionId: string, board: string, item: number) => ({
    key: keys.agentReport(executionId, board, item),
    schema: AgentReport,
  }),
  /** Overflow of a step that collects reports. */
  round: (executionId: string, board: string, round: number) => ({
    key: keys.agentRound(executionId, board, round),
    schema: AgentRound,
  }),
} satisfies Documents;
