// The notes of an evaluation: what was left out or not counted, and what that does to the figures.
import { basename } from 'node:path';
import { COCO_FOUND_MAX } from '../../pipeline/evaluation/average-precision.ts';
import { foundMaxFor } from '../../pipeline/evaluation/evaluate.ts';
import type { MatchedImages } from './image-files.ts';
import type { Measured } from './measured.ts';
import type { Truth } from './truth-file.ts';

const NAMED_MAX = 5;

export function notesOn(all: Measured, truth: Truth, matched: MatchedImages): string[] {
  return [
    ...missingImages(matched),
    ...(truth.leftOut > 0
      ? [`${counted(truth.leftOut, 'annotation has no area and counts', 'annotations have no area and count')} for nothing.`]
      : []),
    ...failures(all),
    ...missingTiles(all),
    ...labelNotes(all, truth),
    ...manyObjects(all),
  ];
}

function missingImages({ withoutFile, withoutTruth }: MatchedImages): string[] {
  const notes: string[] = [];
  if (withoutFile.length > 0) {
    const images = counted(withoutFile.length, 'image of the truth was', 'images of the truth were');
    notes.push(`${images} not among the given images and left out: ${listed(withoutFile)}.`);
  }
  if (withoutTruth.length > 0) {
    const images = counted(withoutTruth.length, 'image is', 'images are');
    notes.push(`${images} not in the truth and not analyzed: ${listed(withoutTruth.map((path) => basename(path)))}.`);
  }
  return notes;
}

function failures({ failed }: Measured): string[] {
  return failed.map(
    ({ image, setting, reason }) =>
      `${basename(image.path)} is left out, because the setting "${setting.name}" cannot analyze it: ${reason}`,
  );
}

function missingTiles({ settings }: Measured): string[] {
  return settings.flatMap(({ setting, results }) => {
    const tiles = results.reduce((sum, { missingTiles: missing }) => sum + missing, 0);
    if (tiles === 0) return [];
    return [`${counted(tiles, 'tile has', 'tiles have')} no result with "${setting.name}". Objects in them count as missed.`];
  });
}

function labelNotes({ images, settings }: Measured, { labels }: Truth): string[] {
  const notes = settings.flatMap(({ setting, evaluation }) => {
    if (evaluation.notScored.size === 0) return [];
    const counts = [...evaluation.notScored].map(([label, count]) => `${label} ${count}`);
    return [`Not scored with "${setting.name}", because the truth has no such label: ${listed(counts)}.`];
  });
  const annotated = new Set(images.flatMap(({ truth }) => truth.objects.map(({ label }) => label)));
  const isFound = (label: string) =>
    settings.some(({ evaluation: { byLabel } }) => {
      const accuracy = byLabel.get(label)?.accuracy;
      return accuracy !== undefined && accuracy.right + accuracy.wrong > 0;
    });
  const neverFound = labels.filter((label) => annotated.has(label) && !isFound(label));
  if (neverFound.length > 0) {
    notes.push(
      `No setting reported ${listed(neverFound)}. Check whether the models know ${neverFound.length === 1 ? 'it' : 'them'}.`,
    );
  }
  const notAnnotated = labels.filter((label) => !annotated.has(label));
  if (notAnnotated.length > 0) {
    notes.push(
      `These labels have no object in the images, so findings of them lower precision but not AP: ${listed(notAnnotated)}.`,
    );
  }
  return notes;
}

function manyObjects({ images }: Measured): string[] {
  const truths = images.flatMap(({ truth }, image) => truth.objects.map(({ label }) => ({ image, label })));
  if (foundMaxFor(truths) === COCO_FOUND_MAX) return [];
  return [
    `An image has more than ${COCO_FOUND_MAX} objects of one label, so all findings count for AP. ` +
      `COCO counts ${COCO_FOUND_MAX} in an image and label.`,
  ];
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMED_MAX);
  const rest = names.length - shown.length;
  return new Intl.ListFormat('en').format(rest > 0 ? [...shown, `${rest} more`] : shown);
}
