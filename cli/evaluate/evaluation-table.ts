// The figures of an evaluation as tables for a terminal and for evaluation.txt.
import Table from 'cli-table3';
import { printable } from '../../pipeline/contract/printable.ts';
import { type ConfusionCount, confusionOf } from '../../pipeline/evaluation/comparison.ts';
import type { MeasuredSetting } from './measured.ts';

const STYLE = { head: [], border: [], compact: true };
const NONE = '–';
const LABELS_SHOWN_MAX = 40;
const CONFUSIONS_SHOWN_MAX = 10;
const MATRIX_LABELS_MAX = 20;
const LABEL_CHARACTERS_MAX = 30;
const BACKGROUND = 'background';

/** One row a setting. */
export function settingsTable(settings: readonly MeasuredSetting[]): string {
  const hasCosts = settings.some(({ costUsd }) => costUsd !== 0);
  const head = ['setting', 'tiles', 'precision', 'recall', 'AP50', 'AP', 'small', 'medium', 'large', 's/image'];
  const hasText = settings.some(({ evaluation }) => evaluation.text !== null);
  const more = [...(hasText ? ['text'] : []), ...(hasCosts ? ['cost'] : [])];
  const table = new Table({ head: [...head, ...more], style: STYLE });
  for (const { setting, evaluation, tiles, secondsPerImage, costUsd } of settings) {
    const { accuracy, averagePrecision } = evaluation;
    const { ap50, ap, apSmall, apMedium, apLarge } = averagePrecision;
    const figures = [accuracy.precision, accuracy.recall, ap50, ap, apSmall, apMedium, apLarge].map(figure);
    const cost = costUsd === null ? 'unknown' : `$${costUsd.toFixed(2)}`;
    const row = [printable(setting.name), String(tiles), ...figures, secondsPerImage?.toFixed(1) ?? NONE];
    const text = figure(evaluation.text && evaluation.text.exact / evaluation.text.lines);
    table.push([...row, ...(hasText ? [text] : []), ...(hasCosts ? [cost] : [])]);
  }
  return table.toString();
}

/** The score to choose; empty without a right finding. */
export function bestScoreInWords({ evaluation: { best } }: MeasuredSetting): string {
  return best ? `F1 is highest (${figure(best.accuracy.f1)}) if findings count from a score of ${best.score.toFixed(2)}.` : '';
}

/** One row a label, those with the most objects first. */
export function labelsTable({ evaluation }: MeasuredSetting, rowsMax = LABELS_SHOWN_MAX): string {
  const table = new Table({
    head: ['label', 'objects', 'right', 'missed', 'false', 'precision', 'recall', 'AP50', 'AP'],
    style: STYLE,
  });
  const labels = [...evaluation.byLabel].sort(([, a], [, b]) => b.accuracy.objects - a.accuracy.objects);
  for (const [label, { accuracy, averagePrecision }] of labels.slice(0, rowsMax)) {
    const { objects, right, missed, wrong, precision, recall } = accuracy;
    const figures = [precision, recall, averagePrecision?.ap50 ?? null, averagePrecision?.ap ?? null].map(figure);
    table.push([short(label), ...[objects, right, missed, wrong].map(String), ...figures]);
  }
  const more = labels.length > rowsMax ? `\n… and ${labels.length - rowsMax} more labels` : '';
  return `${table.toString()}${more}`;
}

/** What was reported under another label, the most frequent first; empty if nothing was. */
export function confusionsInWords({ evaluation }: MeasuredSetting): string {
  const confused = confusionOf(evaluation.comparison)
    .filter(({ truth, found }) => truth !== null && found !== null && truth !== found)
    .sort((a, b) => b.count - a.count)
    .slice(0, CONFUSIONS_SHOWN_MAX);
  return confused.map(({ truth, found, count }) => `${short(name(truth))} as ${short(name(found))} ${count}`).join(', ');
}

/** Rows are labels of the truth, columns labels of the findings. `null` if there are too many labels for a table. */
export function confusionTable({ evaluation }: MeasuredSetting): string | null {
  const counts = confusionOf(evaluation.comparison);
  const labels = [...new Set(counts.flatMap(({ truth, found }) => [truth, found]).filter((label) => label !== null))].sort();
  if (labels.length > MATRIX_LABELS_MAX) return null;
  const sides = [...labels, null];
  const table = new Table({ head: ['truth \\ found', ...sides.map((label) => short(name(label)))], style: STYLE });
  for (const truth of sides) table.push([short(name(truth)), ...sides.map((found) => cellOf(counts, truth, found))]);
  return table.toString();
}

/** Nothing is counted where there is neither an object nor a finding. */
function cellOf(counts: readonly ConfusionCount[], truth: string | null, found: string | null): string {
  if (truth === null && found === null) return '';
  const cell = counts.find((one) => one.truth === truth && one.found === found);
  return String(cell?.count ?? 0);
}

function name(label: string | null): string {
  return label ?? BACKGROUND;
}

function figure(value: number | null): string {
  return value === null ? NONE : value.toFixed(3);
}

function short(label: string): string {
  return [...printable(label)].slice(0, LABEL_CHARACTERS_MAX).join('');
}
