// Collects what agents have reported about tiles or findings, and publishes what is pending. The order matters: the board and the id of
// the callback are stored before the reports are listed, and an agent's report is stored before the board is read. So either this step
// sees a report, or the one who stored it sees this callback. Knows nothing of durable operations.
import { type AgentBoard, type AgentRound, agentDocuments } from '../../agent-documents.ts';
import { at } from '../../contract/at.ts';
import { keys } from '../../contract/keys.ts';
import { documents, readExisting, writeDocument } from '../../documents.ts';
import type { PipelineDeps } from '../../ports.ts';
import type { Cancellation } from '../cancellation.ts';

/** The fewest new reports for which an execution continues, unless they are the last: a call of `report_tiles` brings as many. */
const REPORTS_MIN = 8;
/** The most rounds of a board, because each costs operations: planning/shards.ts. Two more come before and after them. */
export const AGENT_ROUNDS_MAX = 64;
const REPORTS_LISTED_MAX = 1_000; // more than a shard has tiles

export interface AgentWork extends Pick<AgentBoard, 'ask' | 'questions'> {
  /** The number of a shard, or `verify`. */
  board: string;
  items: readonly number[];
}

export interface RoundState {
  /** Items whose reports an earlier round has collected. */
  collected: ReadonlySet<number>;
  /** `null` if no agent is waited for any more. */
  callbackId: string | null;
  wait_s: number;
}

/** What agents have reported since the last round. */
export async function collectReports(
  executionId: string,
  { board, items, ask, questions }: AgentWork,
  { collected, callbackId, wait_s }: RoundState,
  cancellation: Pick<Cancellation, 'check'>,
  { blobs, clock }: Pick<PipelineDeps, 'blobs' | 'clock'>,
): Promise<AgentRound> {
  const untilMs = clock.now().getTime() + wait_s * 1_000;
  const publish = async (pending: number[], collect_at: number) =>
    await writeDocument(
      agentDocuments.board(executionId, board),
      { ask, pending, ...(questions && { questions }), collect_at, until: new Date(untilMs).toISOString() },
      blobs,
    );
  const reported = async () => {
    const listed = await blobs.list(keys.agentReportsFolder(executionId, board), { limit: REPORTS_LISTED_MAX });
    const found = new Set(listed.map(itemOfKey));
    return items.filter((item) => found.has(item));
  };
  let ended: AgentRound['ended'] = (await cancellation.check()) ?? (callbackId === null ? 'late' : null);
  const before = (await reported()).length;
  let collectAt = 0;
  if (ended === null && callbackId !== null && before < items.length) {
    const more = Math.max(REPORTS_MIN, Math.ceil(items.length / AGENT_ROUNDS_MAX));
    collectAt = Math.min(items.length, before + more);
    await publish(
      items.filter((item) => !collected.has(item)),
      collectAt,
    );
    await writeDocument(documents.wait(executionId, `agent-${board}`), { callback_id: callbackId }, blobs);
    ended = await cancellation.check(); // who cancels now finds this callback
  }
  if (collectAt === 0 || ended !== null) await publish([], items.length);
  const now = await reported();
  const reports = await Promise.all(
    now
      .filter((item) => !collected.has(item))
      .map(async (item) => ({ item, report: await readExisting(agentDocuments.report(executionId, board, item), blobs) })),
  );
  const isComplete = now.length === items.length;
  if (isComplete && before < items.length) await publish([], items.length);
  return {
    reports,
    waits: ended === null && now.length < collectAt,
    ended: isComplete ? null : ended,
    wait_s: Math.max(1, Math.floor((untilMs - clock.now().getTime()) / 1_000)),
  };
}

/** From `.../12.json` to 12. */
function itemOfKey(key: string): number {
  return Number(at(key.slice(key.lastIndexOf('/') + 1).split('.'), 0));
}
