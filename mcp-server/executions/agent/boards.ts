// What an execution has for agents: its boards with what is pending, and the callbacks that let it continue. Loaded on first use.
import { type AgentBoard, agentDocuments } from '../../../pipeline/agent-documents.ts';
import { at } from '../../../pipeline/contract/at.ts';
import { keys } from '../../../pipeline/contract/keys.ts';
import type { Progress } from '../../../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../../../pipeline/documents.ts';
import { agentNote, withoutWaitingNote } from '../../../pipeline/progress/waiting-note.ts';
import type { ToolDeps } from '../../access/deps.ts';

const LISTED_MAX = 1_000;
const POLL_AFTER_S = 20;

type Store = Pick<ToolDeps, 'blobs'>;
type WaitingDeps = Pick<ToolDeps, 'blobs' | 'callbacks' | 'clock'>;

export interface OpenBoard {
  name: string;
  board: AgentBoard;
  /** Pending and without a report, in their order. */
  pending: number[];
  /** All reports of the board. */
  reports: number;
}

/** Boards with pending work; most executions have one. */
export async function openBoards(executionId: string, deps: Store): Promise<OpenBoard[]> {
  const listed = await deps.blobs.list(keys.agentBoardsFolder(executionId), { limit: LISTED_MAX });
  const boards = await Promise.all(listed.map((key) => boardAt(executionId, key, deps)));
  return boards.filter((board) => board !== null).filter(({ board }) => board.pending.length > 0);
}

async function boardAt(executionId: string, key: string, { blobs }: Store): Promise<OpenBoard | null> {
  const board = await readDocument(agentDocuments.boardAt(key), blobs);
  if (!board) return null;
  const name = nameIn(key);
  const reported = await itemsBelow(keys.agentReportsFolder(executionId, name), { blobs });
  return { name, board, pending: board.pending.filter((item) => !reported.has(item)), reports: reported.size };
}

async function itemsBelow(folder: string, { blobs }: Store): Promise<Set<number>> {
  const listed = await blobs.list(folder, { limit: LISTED_MAX }); // a board has at most 700 items
  return new Set(listed.map((key) => Number(nameIn(key))));
}

/** The number of leases of each item that has some. */
export async function turnsOf(executionId: string, board: string, { blobs }: Store): Promise<Map<number, number>> {
  const turns = new Map<number, number>();
  const folder = keys.agentLeasesFolder(executionId, board);
  for (let after: string | undefined; ; ) {
    const page = await blobs.list(folder, { limit: LISTED_MAX, ...(after !== undefined && { after }) });
    for (const key of page) {
      const parts = nameIn(key).split('-').map(Number);
      const [item, turn] = [at(parts, 0), at(parts, 1)];
      turns.set(item, Math.max(turns.get(item) ?? 0, turn + 1));
    }
    after = page.at(-1);
    if (page.length < LISTED_MAX) return turns;
  }
}

function nameIn(key: string): string {
  return at(key.slice(key.lastIndexOf('/') + 1).split('.'), 0);
}

/**
 * Lets the execution continue if enough was reported. Every call about an execution that waits settles it: one that stored reports may have
 * ended before it did. Returns how many items are pending.
 */
export async function settle(executionId: string, deps: WaitingDeps): Promise<number> {
  const boards = await openBoards(executionId, deps);
  for (const { name, board, reports } of boards) {
    if (reports < board.collect_at) continue;
    const wait = await readDocument(documents.wait(executionId, `agent-${name}`), deps.blobs);
    if (!wait) continue;
    // The rounds together wait no longer than the first alone would have: the execution itself reads no clock.
    const leftS = Math.max(1, Math.ceil((Date.parse(board.until) - deps.clock.now().getTime()) / 1_000));
    await deps.callbacks.succeed({ executionId, callbackId: wait.callback_id }, String(leftS));
  }
  return boards.reduce((sum, { pending }) => sum + pending.length, 0);
}

/** What changes in the state of an execution while it waits for an agent. */
interface WaitingState extends Pick<Progress, 'execution_id' | 'phase' | 'notes'> {
  eta_seconds: number | null;
  poll_after_seconds: number;
  next_step: string;
}

/** The state of an execution that waits for an agent: how much is pending by now, and what to call. */
export async function waitingView<View extends WaitingState>(view: View, deps: WaitingDeps): Promise<View> {
  const { execution_id } = view;
  const pending = await settle(execution_id, deps);
  if (pending === 0) return view;
  return {
    ...view,
    eta_seconds: null,
    poll_after_seconds: POLL_AFTER_S,
    notes: [agentNote(pending, view.phase === 'verify' ? 'finding' : 'tile'), ...withoutWaitingNote(view.notes)],
    next_step: `Call next_tiles with execution_id ${execution_id}: ${pending} wait for you. Then call report_tiles with what each image shows.`,
  };
}
