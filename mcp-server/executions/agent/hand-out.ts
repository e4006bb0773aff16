// Hands out tiles to agents: leases them one by one with conditional writes, so that no two agents have the same tile at once, and renders
// them as images. A lease that has passed is given to the next agent. Loaded on first use.
import { randomBytes } from 'node:crypto';
import { type AgentLease, agentDocuments } from '../../../pipeline/agent-documents.ts';
import { at } from '../../../pipeline/contract/at.ts';
import { keys } from '../../../pipeline/contract/keys.ts';
import { readDocument, writeNewDocument } from '../../../pipeline/documents.ts';
import { cachedSzi } from '../../../pipeline/imaging/szi/szi.ts';
import { storedBox } from '../../../pipeline/imaging/views/stored-view.ts';
import { tilesBetween } from '../../../pipeline/planning/grid.ts';
import type { StoredPlan } from '../../../pipeline/planning/stored-plan.ts';
import type { Jpeg } from '../../../pipeline/ports.ts';
import { fitJpeg } from '../../../pipeline/vision/jpeg-tools.ts';
import type { ToolDeps } from '../../access/deps.ts';
import { readPlan } from '../stored-findings.ts';
import { type OpenBoard, openBoards, turnsOf } from './boards.ts';

export const LEASE_S = 600;
/** All images of an answer: as text they are a third larger, and an answer has at most 6 MB. */
const BYTES_MAX = 4_000_000;
const BYTES_OF_TILE_MAX = 1_200_000;
/** Models that see 1,568 px on the longer side take this share of its square. */
const PIXELS_OF_SQUARE = 0.49;
/** Leases that are read to find those that have passed. */
const LEASES_READ_MAX = 100;

export interface HandedOut {
  id: string;
  image: Jpeg;
  board: OpenBoard;
  item: number;
  until: string;
}

/** At most `count`. Empty if other agents have all pending tiles, or if nothing is pending. */
export async function handOut(executionId: string, count: number, deps: ToolDeps): Promise<HandedOut[]> {
  const boards = await openBoards(executionId, deps);
  if (boards.length === 0) return [];
  const plan = await readPlan(executionId, deps);
  const handed: HandedOut[] = [];
  let bytes = 0;
  for (const board of boards) {
    for await (const { item, turn } of candidates(executionId, board, deps)) {
      if (handed.length === count || bytes > BYTES_MAX - BYTES_OF_TILE_MAX) return handed;
      const size = sizeOf(plan, board, item);
      const sent = fitting(size, deps.views.edgePxFor(deps.client));
      const until = new Date(deps.clock.now().getTime() + LEASE_S * 1_000).toISOString();
      const lease: AgentLease = { code: randomBytes(3).toString('hex'), until, width: sent.width, height: sent.height };
      if (!(await writeNewDocument(agentDocuments.lease(executionId, board.name, item, turn), lease, deps.blobs))) continue;
      const image = await fitJpeg(await rendered(plan, board, item, deps), { ...sent, bytesMax: BYTES_OF_TILE_MAX });
      bytes += image.bytes.length;
      handed.push({ id: `${board.name}-${item}-${turn}-${lease.code}`, image, board, item, until });
    }
  }
  return handed;
}

/** Those that no agent has had, then those whose lease has passed. */
async function* candidates(
  executionId: string,
  { name, pending }: OpenBoard,
  { blobs, clock }: ToolDeps,
): AsyncGenerator<{ item: number; turn: number }> {
  const turns = await turnsOf(executionId, name, { blobs });
  for (const item of pending) if (!turns.has(item)) yield { item, turn: 0 };
  const leased = pending.filter((item) => turns.has(item)).slice(0, LEASES_READ_MAX);
  for (const item of leased) {
    const turn = turns.get(item) ?? 0;
    const lease = await readDocument(agentDocuments.lease(executionId, name, item, turn - 1), blobs);
    if (lease === null || Date.parse(lease.until) <= clock.now().getTime()) yield { item, turn };
  }
}

/** When the next lease of pending work passes; `null` if none does. */
export async function nextLeaseEnd(executionId: string, deps: ToolDeps): Promise<Date | null> {
  const ends: number[] = [];
  for (const { name, pending } of await openBoards(executionId, deps)) {
    const turns = await turnsOf(executionId, name, deps);
    for (const item of pending.slice(0, LEASES_READ_MAX)) {
      const lease = await readDocument(agentDocuments.lease(executionId, name, item, (turns.get(item) ?? 1) - 1), deps.blobs);
      if (lease) ends.push(Date.parse(lease.until));
    }
  }
  return ends.length === 0 ? null : new Date(Math.min(...ends));
}

interface Size {
  width: number;
  height: number;
}

function sizeOf({ plan }: StoredPlan, { board }: OpenBoard, item: number): Size {
  if (board.questions) return cropSize(at(board.questions, item).crop);
  const [, , width, height] = at(tilesBetween(plan, item, item + 1), 0).boxInLevel;
  return { width, height };
}

const CROP_PIXELS_MAX = 1_000_000;

function cropSize([, , width, height]: readonly [number, number, number, number]): Size {
  const scale = Math.min(1, Math.sqrt(CROP_PIXELS_MAX / (width * height)));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** The size in which the model behind the client sees the image unshrunk. */
function fitting({ width, height }: Size, edgePxMax: number): Size {
  const pixelsMax = edgePxMax ** 2 * PIXELS_OF_SQUARE;
  const scale = Math.min(1, edgePxMax / Math.max(width, height), Math.sqrt(pixelsMax / (width * height)));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

async function rendered(
  { plan, pyramid_of }: StoredPlan,
  { board }: OpenBoard,
  item: number,
  { blobs }: ToolDeps,
): Promise<Jpeg> {
  if (board.questions) return await storedBox(pyramid_of, plan, at(board.questions, item).crop, CROP_PIXELS_MAX, blobs);
  const tile = at(tilesBetween(plan, item, item + 1), 0);
  const szi = await cachedSzi(blobs, keys.pyramid(pyramid_of), plan);
  const [, , width, height] = tile.boxInLevel;
  return { bytes: await szi.readTile(tile.level, tile.row, tile.column), width, height };
}
