// Takes what agents report about tiles: validated as the answer of any model, stored once a tile, with a sentence for what does not fit.
// Loaded on first use.
import { type AgentLease, type AgentReport, agentDocuments } from '../../../pipeline/agent-documents.ts';
import { at } from '../../../pipeline/contract/at.ts';
import { readDocument, writeNewDocument } from '../../../pipeline/documents.ts';
import { tilesBetween } from '../../../pipeline/planning/grid.ts';
import { PIXELS } from '../../../pipeline/providers/coordinates.ts';
import type { BoxFrame } from '../../../pipeline/vision/prompts/box-frame.ts';
import { verificationReader } from '../../../pipeline/vision/reading/read-answers.ts';
import { type ReadDetections, readDetections, withRequestedLabels } from '../../../pipeline/vision/reading/read-detections.ts';
import type { ToolDeps } from '../../access/deps.ts';
import { readPlan } from '../stored-findings.ts';
import { type OpenBoard, openBoards } from './boards.ts';

/** The form asks for 50; a tile that needs more is too large. */
const DETECTIONS_MAX = 200;
/** An edge that is farther out than this share of the side is no rounding. */
const BEYOND = 1.05;

export interface SentReport {
  tile: string;
  detections?: readonly Record<string, unknown>[] | undefined;
  /** On a finding to verify. What is there instead is the only detection. */
  verdict?: string | undefined;
}

/** `null` if the report was stored; otherwise why not, in a sentence. */
export async function takeReport(executionId: string, sent: SentReport, deps: ToolDeps): Promise<string | null> {
  const named = /^(\w+)-(\d+)-(\d+)-([0-9a-f]+)$/.exec(sent.tile);
  if (!named) return `${shown(sent.tile)} is not the id of a tile. Use the ids that next_tiles returned.`;
  const [, name = '', itemText = '', turnText = '', code = ''] = named;
  const item = Number(itemText);
  const lease = await readDocument(agentDocuments.lease(executionId, name, item, Number(turnText)), deps.blobs);
  if (lease?.code !== code)
    return `The tile ${sent.tile} was not handed out under this id. Use the ids that next_tiles returned to you.`;
  const document = agentDocuments.report(executionId, name, item);
  const already = `The tile ${sent.tile} was already reported; the first report counts.`;
  if ((await deps.blobs.head(document.key)) !== null) return already;
  const board = (await openBoards(executionId, deps)).find((open) => open.name === name);
  if (!board?.pending.includes(item)) return `The report on ${sent.tile} came too late: the analysis no longer waits for it.`;
  const report = await readReport(executionId, sent, board, item, lease, deps);
  if (typeof report === 'string') return report;
  return (await writeNewDocument(document, report, deps.blobs)) ? null : already;
}

async function readReport(
  executionId: string,
  sent: SentReport,
  { board }: OpenBoard,
  item: number,
  { width, height }: AgentLease,
  deps: ToolDeps,
): Promise<AgentReport | string> {
  const seen = { width, height };
  if (board.questions) return verdictIn(sent, { coordinates: PIXELS, image: seen, seen });
  const { detections: entries } = sent;
  if (entries === undefined)
    return `The report on ${sent.tile} has no detections. Send an empty list if nothing fits the request.`;
  if (entries.length > DETECTIONS_MAX) {
    return `The report on ${sent.tile} has ${entries.length} detections, but at most ${DETECTIONS_MAX} are possible. Send the most important ones; a smaller tile_size finds more.`;
  }
  const { plan } = await readPlan(executionId, deps);
  const [, , tileWidth, tileHeight] = at(tilesBetween(plan, item, item + 1), 0).boxInLevel;
  const frame: BoxFrame = { coordinates: PIXELS, image: { width: tileWidth, height: tileHeight }, seen };
  const read = readDetections(entries, frame);
  if (entries.length > 0 && read.reported.length === 0) {
    return `None of the ${entries.length} detections in ${sent.tile} has both a label and a box: send left, top, right and bottom in pixels.`;
  }
  if (liesOutside(read, seen)) {
    return `Most boxes in ${sent.tile} lie outside of its image of ${width} x ${height} pixels. Send left, top, right and bottom in pixels of the image that you got.`;
  }
  const detections = withRequestedLabels(read.detections, board.ask);
  const left = read.detections.length - detections.length;
  return {
    detections,
    clipped: read.clipped,
    unreadable: read.unreadable,
    notes: left > 0 ? ['The agent also reported objects with labels that were not requested; they are left out.'] : [],
  };
}

function liesOutside({ reported, wereFractions }: ReadDetections, { width, height }: { width: number; height: number }): boolean {
  if (wereFractions || reported.length === 0) return false;
  const outside = reported.filter(
    ({ edges: { left, top, right, bottom } }) =>
      Math.max(left, right) > width * BEYOND || Math.max(top, bottom) > height * BEYOND,
  );
  return outside.length * 2 > reported.length;
}

function verdictIn(sent: SentReport, frame: BoxFrame): AgentReport | string {
  const reading = verificationReader(frame)({ ...sent.detections?.[0], verdict: sent.verdict }, 0);
  if (sent.verdict === undefined || reading === null)
    return `The report on ${sent.tile} has no verdict. Send confirmed, rejected or corrected.`;
  if ('problem' in reading) return `The verdict on ${sent.tile} cannot be used. ${reading.problem}`;
  const verdict = reading.value.verdict === 'corrected' ? { ...reading.value, sent: frame.seen } : reading.value;
  return { detections: [], clipped: 0, unreadable: 0, notes: [], verdict };
}

const SHOWN_CHARACTERS_MAX = 60;

function shown(id: string): string {
  return JSON.stringify(id.slice(0, SHOWN_CHARACTERS_MAX));
}
