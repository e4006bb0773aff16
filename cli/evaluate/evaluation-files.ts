// What an evaluation writes besides its crops: evaluation.json for programs and evaluation.txt for people.
import { basename } from 'node:path';
import { VERSION } from '../../mcp-server/version.ts';
import type { AveragePrecision } from '../../pipeline/evaluation/average-precision.ts';
import { type Accuracy, confusionOf } from '../../pipeline/evaluation/comparison.ts';
import { bestScoreInWords, confusionTable, labelsTable, settingsTable } from './evaluation-table.ts';
import type { Measured, MeasuredSetting } from './measured.ts';

export function evaluationJson(measured: Measured, truthFile: string, notes: readonly string[]): string {
  const { images, failed, settings } = measured;
  const document = {
    tilesight: VERSION,
    truth: basename(truthFile),
    images: images.map(({ truth }) => truth.fileName),
    failed_images: failed.map(({ image, setting, reason }) => ({
      image: image.truth.fileName,
      setting: setting.name,
      reason,
    })),
    notes,
    settings: settings.map((setting) => settingJson(setting, measured)),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

export function evaluationText({ settings }: Measured, notes: readonly string[]): string {
  const parts = settings.flatMap((one) => {
    const matrix = confusionTable(one);
    const heading = [`${one.setting.name}.`, bestScoreInWords(one), 'By label:'].join(' ');
    return [
      heading,
      labelsTable(one, Number.POSITIVE_INFINITY),
      ...(matrix === null ? [] : ['Confusion at an IoU of 0.5:', matrix]),
    ];
  });
  return `${[settingsTable(settings), ...parts, ...notes.map((note) => `Note: ${note}`)].join('\n\n')}\n`;
}

function settingJson({ setting, evaluation, tiles, secondsPerImage, costUsd }: MeasuredSetting, { images }: Measured) {
  const { accuracy, averagePrecision, byLabel, best, text, notScored, comparison } = evaluation;
  const fileName = (place: number) => images[place]?.truth.fileName;
  return {
    name: setting.name,
    models: setting.models,
    tile_size: setting.tileSize,
    overlap: setting.overlap,
    detail: setting.detail,
    min_score: setting.minScore,
    tiles,
    seconds_per_image: secondsPerImage,
    cost_usd: costUsd,
    ...accuracyJson(accuracy),
    ...precisionJson(averagePrecision),
    best: best && { score: best.score, ...accuracyJson(best.accuracy) },
    by_label: [...byLabel].map(([label, figures]) => ({
      label,
      ...accuracyJson(figures.accuracy),
      ...(figures.averagePrecision && precisionJson(figures.averagePrecision)),
    })),
    text: text && {
      lines: text.lines,
      exact: text.exact,
      misread: text.misread.map(({ image, box, text: written, found }) => ({
        image: fileName(image),
        box,
        text: written,
        found,
      })),
    },
    confusion: confusionOf(comparison),
    not_scored: [...notScored].map(([label, findings]) => ({ label, findings })),
    missed: comparison.missed.map(({ image, label, box }) => ({ image: fileName(image), label, box })),
    false: comparison.wrong.map(({ image, label, box, score }) => ({ image: fileName(image), label, box, score })),
  };
}

function accuracyJson({ objects, right, missed, wrong, precision, recall, f1 }: Accuracy) {
  return {
    objects,
    right_findings: right,
    missed_objects: missed,
    false_findings: wrong,
    precision,
    recall,
    f1,
  };
}

function precisionJson(figures: AveragePrecision) {
  const { ap, ap50, ap75, apSmall, apMedium, apLarge, ar1, ar10, ar, arSmall, arMedium, arLarge } = figures;
  return {
    ap,
    ap50,
    ap75,
    ap_small: apSmall,
    ap_medium: apMedium,
    ap_large: apLarge,
    ar1,
    ar10,
    ar,
    ar_small: arSmall,
    ar_medium: arMedium,
    ar_large: arLarge,
  };
}
