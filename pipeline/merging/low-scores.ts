// Adds the objects that only low-scoring detections show to the findings of the confident ones. Merged in one table, low-scoring
// detections would join, contradict and absorb confident ones: a lower min_score would lose findings. Pure.
import Flatbush from 'flatbush';
import { at } from '../contract/at.ts';
import { type Finding, MIN_SCORE_DEFAULT } from '../contract/schemas.ts';
import { intersectionOf, iou } from '../planning/geometry.ts';
import { IOS_THRESHOLD_LOW_CONFIDENCE } from './detection-table.ts';
import { ALTERNATIVES_MAX, IOU_THRESHOLD_LABELS } from './labels.ts';
import type { TileDetections } from './table-of-tiles.ts';

/** Tiles with the detections of default scores and with the lower ones. Tiles without any are left out. */
export function splitByScore(tiles: readonly TileDetections[]): { confident: TileDetections[]; low: TileDetections[] } {
  const where = (isWanted: (score: number) => boolean) =>
    tiles
      .map(({ tile, detections }) => ({ tile, detections: detections.filter(({ score }) => isWanted(score)) }))
      .filter(({ detections }) => detections.length > 0);
  return { confident: where((score) => score >= MIN_SCORE_DEFAULT), low: where((score) => score < MIN_SCORE_DEFAULT) };
}

/** The confident findings as they are, and the low ones that show another object. `keepsLabels` as in MergeOptions. */
export function withLowScores(confident: readonly Finding[], low: readonly Finding[], keepsLabels: boolean): Finding[] {
  if (confident.length === 0) return [...low];
  const index = new Flatbush(confident.length);
  for (const { box } of confident) index.add(...edgesOf(box));
  index.finish();
  const all = [...confident];
  for (const finding of low) {
    const near = index.search(...edgesOf(finding.box)).sort((a, b) => a - b);
    const same = near.find((place) => showsSame(at(confident, place), finding));
    const renamed = keepsLabels ? undefined : near.find((place) => isAlternative(at(confident, place), finding));
    if (same !== undefined) all[same] = withReport(at(all, same), finding);
    else if (renamed !== undefined) all[renamed] = withAlternative(withReport(at(all, renamed), finding), finding);
    else all.push(finding);
  }
  return all.sort(byScore).map((finding, place) => ({ ...finding, id: `f${place + 1}` }));
}

/** Text is only dropped if the confident finding has the same text. */
function showsSame(confident: Finding, low: Finding): boolean {
  if (confident.label !== low.label || (low.text !== null && low.text !== confident.text)) return false;
  const smaller = Math.min(confident.box[2] * confident.box[3], low.box[2] * low.box[3]);
  return intersectionOf(confident.box, low.box) > IOS_THRESHOLD_LOW_CONFIDENCE * smaller;
}

function isAlternative(confident: Finding, low: Finding): boolean {
  const haveText = confident.text !== null || low.text !== null;
  return confident.label !== low.label && !haveText && iou(confident.box, low.box) > IOU_THRESHOLD_LABELS;
}

/** The tiles and the models that reported the same object with a low score. */
function withReport(confident: Finding, { tiles, said_by = [] }: Finding): Finding {
  const models = [...new Set([...(confident.said_by ?? []), ...said_by])].sort();
  return {
    ...confident,
    tiles: [...new Set([...confident.tiles, ...tiles])].sort((a, b) => a - b),
    ...(models.length > 0 && { said_by: models }),
  };
}

/** Low findings come by falling score: the first of a label counts. */
function withAlternative(confident: Finding, { label, score }: Finding): Finding {
  const { alternatives = [] } = confident;
  if (alternatives.length >= ALTERNATIVES_MAX || alternatives.some((alternative) => alternative.label === label))
    return confident;
  return { ...confident, alternatives: [...alternatives, { label, score }] };
}

/** Highest score first, then top to bottom, left to right. */
function byScore(a: Finding, b: Finding): number {
  return b.score - a.score || a.box[1] - b.box[1] || a.box[0] - b.box[0];
}

function edgesOf([left, top, width, height]: Finding['box']): [number, number, number, number] {
  return [left, top, left + width, top + height];
}
