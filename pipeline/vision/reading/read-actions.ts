// Reads what a model does next in a search: the call of a tool, or the form that stands for all tools. Boxes come out in pixels of the
// full image.
import type { Action, Evidence, RankedRegion, ToolName } from '../../contract/questions/search-turn.ts';
import type { Box } from '../../contract/schemas.ts';
import { type BoxFrame, boxOf, scaleOf } from '../prompts/box-frame.ts';
import { isRecord } from './json-in-text.ts';
import { numberIn, scoreIn, wordsIn } from './loose-fields.ts';
import type { Reader, Reading } from './read-answers.ts';
import { edgesIn } from './read-detections.ts';

const NOTE_CHARACTERS_MAX = 500;
const WHAT_CHARACTERS_MAX = 100;
const ANSWER_CHARACTERS_MAX = 1_500;
const LABEL_CHARACTERS_MAX = 100;
const TEXT_CHARACTERS_MAX = 500;
const REGIONS_MAX = 20;
const EVIDENCE_READ_MAX = 200;
/** The confidence where a model names none. */
const ASSUMED_CONFIDENCE = 0.5;

/** An image that the model was shown: how it reports boxes in it, and which part of the full image it is. */
export interface ShownImage {
  frame: BoxFrame;
  box: Box;
}

export type ShownImages = ReadonlyMap<number, ShownImage>;

/** Only the tools that are offered are read. */
export function actionReader(shown: ShownImages, offered: readonly ToolName[]): Reader<Action> {
  return (json) => {
    if (!isRecord(json)) return null;
    const name = toolIn(json);
    if (name === null) return null;
    const tool = offered.find((one) => one === name);
    if (tool === undefined) return { problem: `There is no tool "${name}" now. Call one of ${offered.join(', ')}.` };
    return actionOf(tool, fieldsIn(json), shown);
  };
}

/** Names of tools as models write them: `functions.zoom`, `Zoom`. */
function toolIn(json: Record<string, unknown>): string | null {
  const named = [json.tool, json.tool_name, json.name, json.action].find((value) => typeof value === 'string');
  const name = wordsIn(named, WHAT_CHARACTERS_MAX).toLowerCase();
  return name === '' ? null : name.slice(name.lastIndexOf('.') + 1);
}

function fieldsIn(json: Record<string, unknown>): Record<string, unknown> {
  const inner = [json.arguments, json.input, json.parameters, json.tool_input].find(isRecord);
  return inner ?? json;
}

function actionOf(tool: ToolName, fields: Record<string, unknown>, shown: ShownImages): Reading<Action> {
  const note = wordsIn(fields.note, NOTE_CHARACTERS_MAX);
  const image = imageIn(fields);
  switch (tool) {
    case 'zoom':
      return { value: { tool, note, image, box: boxIn(fields, shown), regions: regionsIn(fields.regions, shown) } };
    case 'read':
      return { value: { tool, note, image, box: boxIn(fields, shown) } };
    case 'find': {
      const what = wordsIn(fields.what, WHAT_CHARACTERS_MAX);
      return what === ''
        ? { problem: '"what" must name what to detect.' }
        : { value: { tool, note, image, box: boxIn(fields, shown), what } };
    }
    case 'ask_person': {
      const question = wordsIn(fields.question, TEXT_CHARACTERS_MAX);
      return question === '' ? { problem: '"question" is empty.' } : { value: { tool, note, question } };
    }
    case 'answer': {
      const text = wordsIn(fields.text, ANSWER_CHARACTERS_MAX);
      if (text === '') return { problem: '"text" must hold the answer.' };
      const entries = Array.isArray(fields.evidence) ? fields.evidence.slice(0, EVIDENCE_READ_MAX) : [];
      const evidence = entries.flatMap((entry) => evidenceIn(entry, shown) ?? []);
      const confidence = scoreIn(fields.confidence) ?? ASSUMED_CONFIDENCE;
      const found = fields.found !== false && fields.found !== 'false';
      return { value: { tool, note, text, found, confidence, evidence, outside: entries.length - evidence.length } };
    }
  }
}

/** The overview if no image is named. */
function imageIn({ image, image_number, image_id }: Record<string, unknown>): number {
  const number = [image, image_number, image_id].map(numberIn).find((value) => value !== null) ?? 0;
  return Math.max(0, Math.round(number));
}

/** `null` without a box, for one outside of its image, and for an image that never was. */
function boxIn(fields: Record<string, unknown>, shown: ShownImages): Box | null {
  const of = shown.get(imageIn(fields));
  if (!of) return null;
  const edges = edgesIn(fields, of.frame.coordinates);
  const inside = edges && boxOf(edges, of.frame.image, scaleOf(of.frame)).box;
  return inside ? inFullImage(inside, of) : null;
}

function inFullImage([left, top, width, height]: Box, { frame, box }: ShownImage): Box {
  const across = box[2] / frame.image.width;
  const down = box[3] / frame.image.height;
  return [
    Math.round(box[0] + left * across),
    Math.round(box[1] + top * down),
    Math.max(1, Math.round(width * across)),
    Math.max(1, Math.round(height * down)),
  ];
}

function regionsIn(value: unknown, shown: ShownImages): RankedRegion[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, REGIONS_MAX).flatMap((entry: unknown, index): RankedRegion[] => {
    const box = isRecord(entry) ? boxIn(entry, shown) : null;
    if (!box || !isRecord(entry)) return [];
    // Without a number, the order counts.
    return [{ box, likelihood: scoreIn(entry.likelihood) ?? 0.5 - index / 100 }];
  });
}

function evidenceIn(entry: unknown, shown: ShownImages): Evidence | null {
  if (!isRecord(entry)) return null;
  const box = boxIn(entry, shown);
  const label = wordsIn(entry.label, LABEL_CHARACTERS_MAX);
  if (!box || label === '') return null;
  const text = wordsIn(entry.text, TEXT_CHARACTERS_MAX);
  return { label, text: text === '' ? null : text, image: imageIn(entry), box };
}
