// Keeps text that a merge would drop: a line that no finding shows becomes a finding again. Pure.
import type { Size } from '../../planning/geometry.ts';
import type { Axis } from '../box-columns.ts';
import type { DetectionTable } from '../detection-table.ts';
import { SpatialIndex } from '../spatial-index.ts';
import { directedLine, extentAlong, isCutAt, isSameLine, isSlanted } from './slanted-lines.ts';
import { type Alignment, bestAlignment, type Letter, lettersOf } from './text-alignment.ts';

/** Boxes of one line share more than this part of the thicker one's thickness. */
const SHARED_THICKNESS_MIN = 0.5;
/** How far the ends of two boxes of one line may differ, as a share of its thickness: less than half a letter. */
const END_TOLERANCE = 0.25;
/** The share of letters in which two readings of one text may differ. */
const MISREAD_SHARE_MAX = 1 / 4;

/**
 * Undoes the merge of a line of text if no remaining line covers its box or has its text. An object without text takes the text of
 * what was merged into it. Returns those texts by row.
 */
export function keepText(table: DetectionTable, image: Size): Map<number, string> {
  const lost: number[] = [];
  for (let row = 0; row < table.count; row++) {
    if (!table.isMerged(row) || !table.isText(row) || wholeLetters(table, row).length === 0) continue;
    const final = table.finalRow(row);
    if (!coversLine(table, row, [final]) && !hasText(textAt(table, final), wholeLetters(table, row))) lost.push(row);
  }
  const taken = new Map<number, string>();
  if (lost.length === 0) return taken;
  const candidates = [...table.unmergedRows(), ...lost].filter((row) => table.isText(row));
  const index = new SpatialIndex(table, Int32Array.from(candidates), image);
  /** By the coarse line that hid it, the first line that became a finding again. */
  const restored = new Map<number, number>();
  for (const row of lost.sort((a, b) => table.compare(a, b))) {
    if (isShown(table, index, row)) continue;
    const final = table.finalRow(row);
    const text = textAt(table, row);
    const known = taken.get(final);
    if (table.isText(final) || (known !== undefined && !hasText(known, lettersOf(text)))) table.mergeInto(row, row);
    else if (known === undefined) taken.set(final, text);
    if (table.isText(final) && !restored.has(final) && isIllegible(table, final, row)) restored.set(final, row);
  }
  for (const [coarse, row] of restored) {
    if (!table.isMerged(coarse) && coversLine(table, coarse, remainingNear(table, index, coarse))) {
      table.mergeInto(coarse, row);
      table.adoptScore(row, coarse);
    }
  }
  return taken;
}

/** True if remaining lines together cover the row, or one of them has its text. */
function isShown(table: DetectionTable, index: SpatialIndex, row: number): boolean {
  const lines = remainingNear(table, index, row);
  const letters = wholeLetters(table, row);
  return lines.some((other) => hasText(textAt(table, other), letters)) || coversLine(table, row, lines);
}

function remainingNear(table: DetectionTable, index: SpatialIndex, row: number): number[] {
  const lines: number[] = [];
  index.visit(row, (other) => {
    if (other !== row && !table.isMerged(other)) lines.push(other);
    return false;
  });
  return lines;
}

/** True if a coarser reading of the line lacks too many letters of it: the text was too small there. */
function isIllegible(table: DetectionTable, coarse: number, row: number): boolean {
  if (table.level(coarse) <= table.level(row)) return false;
  const letters = lettersOf(textAt(table, row)).length;
  const [from, to] = extentAlong(directedLine(table, row), directedLine(table, row).angle);
  const [coarseFrom, coarseTo] = extentAlong(directedLine(table, coarse), directedLine(table, coarse).angle);
  const lettersExpected = letters * Math.max(1, (coarseTo - coarseFrom) / (to - from));
  return lettersOf(textAt(table, coarse)).length < (1 - MISREAD_SHARE_MAX) * lettersExpected;
}

/** True if those of `others` that show the same line, and its letters, cover the row from end to end. */
function coversLine(table: DetectionTable, row: number, others: readonly number[]): boolean {
  const line = directedLine(table, row);
  const tolerancePx = END_TOLERANCE * line.thickness;
  const [from, to] = extentAlong(line, line.angle);
  const covered = others
    .filter((other) => table.isText(other) && showsLine(table, row, other) && !isIllegible(table, other, row))
    .map((other) => extentOf(table, other, line.angle));
  let coveredTo = from;
  for (const [start, end] of covered.sort(([a], [b]) => a - b)) {
    if (start > coveredTo + tolerancePx) return false;
    coveredTo = Math.max(coveredTo, end);
  }
  return coveredTo >= to - tolerancePx;
}

/** True if both rows show one line: along the axes, their boxes lie side by side. */
function showsLine(table: DetectionTable, row: number, other: number): boolean {
  if (isSlanted(table, row) || isSlanted(table, other)) return isSameLine(directedLine(table, row), directedLine(table, other));
  const across: Axis = table.height(row) > table.width(row) ? 'x' : 'y';
  const thicknessOf = (line: number) => table.end(line, across) - table.start(line, across);
  const shared =
    Math.min(table.end(row, across), table.end(other, across)) - Math.max(table.start(row, across), table.start(other, across));
  return shared > SHARED_THICKNESS_MIN * Math.max(thicknessOf(row), thicknessOf(other));
}

/** Where a row begins and ends in a direction: 0 or 90 degrees along the axes. */
function extentOf(table: DetectionTable, row: number, angle: number): readonly [from: number, to: number] {
  if (isSlanted(table, row)) return extentAlong(directedLine(table, row), angle);
  if (angle === 0) return [table.left(row), table.right(row)];
  if (angle === 90) return [table.top(row), table.bottom(row)];
  return extentAlong(directedLine(table, row), angle);
}

/** True if `whole` contains the part from its first to its last letter, but for a few misread ones between them. */
function hasText(whole: string, partLetters: readonly Letter[]): boolean {
  const letters = lettersOf(whole);
  const first = partLetters[0]?.letter;
  const last = partLetters.at(-1)?.letter;
  const lengthMax = Math.floor(partLetters.length / (1 - MISREAD_SHARE_MAX));
  return letters.some(({ letter }, start) => {
    if (letter !== first) return false;
    const rest = letters.slice(start, start + lengthMax);
    const isContained = ({ columns, edits }: Alignment) => {
      const [a, b] = columns.at(-1) ?? [null, null];
      return edits <= columns.length * MISREAD_SHARE_MAX && a !== null && b !== null && rest[b]?.letter === last;
    };
    return bestAlignment(partLetters, rest, isContained) !== null;
  });
}

/** The letters of a row without those that a tile edge may cut: they are fragments. */
function wholeLetters(table: DetectionTable, row: number): Letter[] {
  const letters = lettersOf(textAt(table, row));
  return letters.slice(isCutAt(table, row, 'start') ? 1 : 0, isCutAt(table, row, 'end') ? -1 : undefined);
}

/** Empty if the row has no text. */
function textAt(table: DetectionTable, row: number): string {
  const { text } = table.detection(row);
  return text === null ? '' : text;
}
