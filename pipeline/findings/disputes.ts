// Selects the findings on which the detection models differ, and groups those that a single call of the judge decides. Pure.
import type { AnalysisRequest, Finding, ModelId } from '../contract/schemas.ts';
import { iou } from '../planning/geometry.ts';
import { VERIFICATIONS_MAX } from '../planning/shards.ts';
import { isAgent } from '../providers/agent-model.ts';
import { isLocal } from '../providers/prices.ts';
import { isSevere } from './verification.ts';

/** Findings that one call judges: their crop still shows each of them clearly, and the answer fits into its tokens. */
const CLAIMS_MAX = 8;
/** In pixels of the level. With its surroundings, an area of this size fits into the crop at full detail of the level. */
const AREA_EDGE_PX = 512;
/** Claims about one object: boxes of any label whose IoU exceeds this are judged together. */
const SAME_PLACE_IOU = 0.5;

export interface Disputes {
  /** One call of the judge each. */
  groups: Finding[][];
  /** Why some disputed findings are not judged. */
  notes: string[];
}

/** The models whose silence counts, the agent among them. A local model knows a fixed list of labels: not reporting another one says nothing. */
function partiesOf({ detection }: Pick<AnalysisRequest['models'], 'detection'>): ModelId[] {
  return detection.filter((model) => isAgent(model) || !isLocal(model));
}

/** Whether tile results name the model of each detection: where several detect, and one of them is a language model. */
export function recordsModels(models: Pick<AnalysisRequest['models'], 'detection'>): boolean {
  return models.detection.length > 1 && partiesOf(models).length > 0;
}

/**
 * Findings that a language model among the detection models did not report. Those of one area and level are judged together. Severe
 * groups come first, then the largest; calls of the judge and of the verification model together are at most VERIFICATIONS_MAX.
 */
export function selectDisputes(
  findings: readonly Finding[],
  { models, verify }: Pick<AnalysisRequest, 'models' | 'verify'>,
): Disputes {
  if (models.judge === undefined) return { groups: [], notes: [] };
  if (!recordsModels(models)) {
    return {
      groups: [],
      notes: ['The judge has nothing to decide: it needs several detection models, one of them a language model.'],
    };
  }
  const parties = partiesOf(models);
  const disputed = findings.filter(({ said_by }) => said_by !== undefined && parties.some((model) => !said_by.includes(model)));
  const callsMax = verify ? VERIFICATIONS_MAX / 2 : VERIFICATIONS_MAX;
  const groups = groupsByArea(disputed).toSorted(
    (a, b) => Number(b.some(isSevere)) - Number(a.some(isSevere)) || b.length - a.length,
  );
  const left = groups.slice(callsMax).flat().length;
  const which = left === 1 ? '1 finding on which the models differ was' : `${left} findings on which the models differ were`;
  return {
    groups: groups.slice(0, callsMax),
    notes: left === 0 ? [] : [`${which} not judged: an analysis calls the judge at most ${callsMax} times.`],
  };
}

/** At most CLAIMS_MAX findings a group. Findings at the same place are in one group, also where it crosses the edge of an area. */
function groupsByArea(findings: readonly Finding[]): Finding[][] {
  const areas = new Map<string, Finding[]>();
  for (const finding of findings) {
    const [own, ...near] = areasOf(finding);
    const isHere = (name: string) => areas.get(name)?.some(({ box }) => iou(box, finding.box) > SAME_PLACE_IOU) === true;
    const name = near.find(isHere) ?? own;
    const area = areas.get(name);
    if (area) area.push(finding);
    else areas.set(name, [finding]);
  }
  return [...areas.values()].flatMap((area) =>
    Array.from({ length: Math.ceil(area.length / CLAIMS_MAX) }, (_, group) =>
      area.slice(group * CLAIMS_MAX, (group + 1) * CLAIMS_MAX),
    ),
  );
}

/** The area of the center, and those next to it that the box meets: the center of another claim about the object may lie there. */
function areasOf({ box: [left, top, width, height], level }: Finding): [own: string, ...near: string[]] {
  const edge = AREA_EDGE_PX * 2 ** level;
  const [column, row] = [Math.floor((left + width / 2) / edge), Math.floor((top + height / 2) / edge)];
  const columns = [column - 1, column, column + 1].filter((at) => at * edge <= left + width && (at + 1) * edge >= left);
  const rows = [row - 1, row, row + 1].filter((at) => at * edge <= top + height && (at + 1) * edge >= top);
  const own = `${level} ${row} ${column}`;
  const all = rows.flatMap((down) => columns.map((across) => `${level} ${down} ${across}`));
  return [own, ...all.filter((name) => name !== own)];
}

/** The box around the findings of a group, in pixels of the full image. */
export function boxAround(findings: readonly Finding[]): Finding['box'] {
  const left = Math.min(...findings.map(({ box }) => box[0]));
  const top = Math.min(...findings.map(({ box }) => box[1]));
  const right = Math.max(...findings.map(({ box }) => box[0] + box[2]));
  const bottom = Math.max(...findings.map(({ box }) => box[1] + box[3]));
  return [left, top, right - left, bottom - top];
}
