// Reads filled-in forms. Each reader takes any JSON value and returns what it holds, why it is of no use, or `null` if it is another form.
import type { Finding } from '../../contract/schemas.ts';
import { type BoxFrame, boxOf, scaleOf } from '../prompts/box-frame.ts';
import { MODERATION_CATEGORIES } from '../prompts/moderate-prompt.ts';
import { SUMMARY_LENGTH_MAX } from '../prompts/summarize-prompt.ts';
import { VERDICTS } from '../prompts/verify-prompt.ts';
import { isRecord } from './json-in-text.ts';
import { numberIn, scoreIn, severityIn, wordsIn } from './loose-fields.ts';
import { edgesIn, type ReadDetections, readDetections } from './read-detections.ts';

/** `problem` completes "The answer cannot be used: …" for the model. */
export type Reading<T> = { value: T } | { problem: string };

/** Gets a value and in how many wrappings it was. */
export type Reader<T> = (json: unknown, depth: number) => Reading<T> | null;

/** A list of detections is accepted under its name, as the root, and in a wrapping if it is not empty: an empty one could be any list. */
export function detectionsReader(frame: BoxFrame): Reader<ReadDetections> {
  return (json, depth) => {
    const entries = listIn(json, depth);
    if (entries === null) return null;
    const read = readDetections(entries, frame);
    if (entries.length > 0 && read.reported.length === 0) {
      return { problem: `None of the detections (${entries.length}) has both a label and a box with four numbers.` };
    }
    return { value: read };
  };
}

function listIn(json: unknown, depth: number): readonly unknown[] | null {
  if (Array.isArray(json)) return (json.length === 0 && depth === 0) || json.some(isRecord) ? json : null;
  if (!isRecord(json) || !('detections' in json)) return null;
  const { detections } = json;
  if (detections === null) return [];
  if (Array.isArray(detections)) return detections;
  return isRecord(detections) ? [detections] : null;
}

export type ReadVerdict =
  | { verdict: 'confirmed' | 'rejected' }
  | {
      verdict: 'corrected';
      instead: Pick<Finding, 'label' | 'description' | 'severity' | 'text'>;
      boxInCrop: Finding['box'];
    };

export function verificationReader(frame: BoxFrame): Reader<ReadVerdict> {
  return (json) => {
    if (!isRecord(json) || !('verdict' in json)) return null;
    const verdict = VERDICTS.find((name) => name === lower(json.verdict));
    if (verdict === undefined) return { problem: `"verdict" must be one of ${VERDICTS.join(', ')}.` };
    if (verdict !== 'corrected') return { value: { verdict } };
    const label = wordsIn(json.label, 100);
    if (label === '') return { problem: 'With "corrected", expected the label of what is there instead.' };
    const edges = edgesIn(json, frame.coordinates);
    const box = edges && boxOf(edges, frame.image, scaleOf(frame)).box;
    if (!box) return { problem: 'With "corrected", expected the box of what is there instead.' };
    const text = wordsIn(json.text, 2_000);
    const instead = {
      label,
      description: wordsIn(json.description, 1_000),
      severity: severityIn(json.severity) ?? ('info' as const),
      text: text === '' ? null : text,
    };
    return { value: { verdict, instead, boxInCrop: box } };
  };
}

/** The verdicts on claims 1 to `claims`, in their order; `null` for a claim without a usable one. The first verdict on a claim counts. */
export function judgementsReader(frame: BoxFrame, claims: number): Reader<(ReadVerdict | null)[]> {
  const readVerdict = verificationReader(frame);
  return (json) => {
    if (!isRecord(json) || !Array.isArray(json.judgements)) return null;
    const verdicts = Array.from({ length: claims }, (): ReadVerdict | null => null);
    const problems: string[] = [];
    for (const entry of json.judgements) {
      const place = isRecord(entry) ? (numberIn(entry.claim) ?? 0) - 1 : -1;
      const reading = readVerdict(entry, 0);
      if (reading && 'problem' in reading) problems.push(reading.problem);
      else if (reading && verdicts[place] === null) verdicts[place] = reading.value;
    }
    if (verdicts.every((verdict) => verdict === null)) {
      return { problem: problems[0] ?? `"judgements" must hold a verdict on each claim, from 1 to ${claims}.` };
    }
    return { value: verdicts };
  };
}

export type ReadModeration = { allowed: true } | { allowed: false; category: string; score: number };

/** Verdict and category must agree: an image is never allowed by a contradiction. */
export function readModeration(json: unknown): Reading<ReadModeration> | null {
  if (!isRecord(json) || !('verdict' in json)) return null;
  const verdict = lower(json.verdict);
  const category = MODERATION_CATEGORIES.find((name) => name === lower(json.category));
  const score = scoreIn(json.score);
  if (verdict !== 'allowed' && verdict !== 'blocked') return { problem: '"verdict" must be "allowed" or "blocked".' };
  if (category === undefined) return { problem: `"category" must be one of ${MODERATION_CATEGORIES.join(', ')}.` };
  if (score === null) return { problem: '"score" must be a number from 0 to 1.' };
  if ((verdict === 'allowed') !== (category === 'none')) {
    return { problem: 'Expected the category "none" with "allowed", and another with "blocked".' };
  }
  return { value: verdict === 'allowed' ? { allowed: true } : { allowed: false, category, score } };
}

export function readSummary(json: unknown): Reading<string> | null {
  if (!isRecord(json) || typeof json.summary !== 'string') return null;
  const summary = json.summary.trim();
  if (summary === '') return { problem: '"summary" is empty.' };
  if (summary.length <= SUMMARY_LENGTH_MAX) return { value: summary };
  return { problem: `"summary" has ${summary.length} characters; at most ${SUMMARY_LENGTH_MAX} are allowed.` };
}

function lower(value: unknown): unknown {
  return typeof value === 'string' ? value.trim().toLowerCase() : value;
}
