// The settings that an evaluation compares: every combination of the values of its options.
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import { Detail, MIN_SCORE_MIN, ModelId } from '../../pipeline/contract/schemas.ts';
import { TILE_EDGE_MAX_PX, TILE_EDGE_MIN_PX } from '../../pipeline/planning/tile-size.ts';
import type { AnalyzeRequest } from '../agent.ts';

const SETTINGS_MAX = 100;
const LABELS_MAX = 100;
const LABEL_CHARACTERS_MAX = 100;
const TOGETHER = '+';
const WHOLE_NUMBER = /^\d{1,9}$/;
const SCORE = /^(\d+|\d*\.\d+)$/;

/** Values as written, in the order of the command line. Empty: the default. */
export const SettingOptions = z.object({
  models: z.array(z.string()).default([]),
  tileSize: z.array(z.string()).default([]),
  overlap: z.array(z.string()).default([]),
  detail: z.array(z.string()).default([]),
  minScore: z.array(z.string()).default([]),
});
export type SettingOptions = z.infer<typeof SettingOptions>;

export interface Setting {
  /** What differs from the other settings, for people. */
  name: string;
  /** `null` for the default models of this machine. */
  models: ModelId[] | null;
  tileSize: number | null;
  overlap: number | null;
  detail: Detail;
  minScore: number | null;
}

/** Throws a UserError that names the option and the value that cannot be used. */
export function settingsOf(options: SettingOptions): Setting[] {
  const models = orDefault(options.models.map(modelsOf));
  const tileSizes = orDefault(options.tileSize.map((value) => pixels('--tile-size', value, TILE_EDGE_MIN_PX, TILE_EDGE_MAX_PX)));
  const overlaps = orDefault(options.overlap.map((value) => pixels('--overlap', value, 0, TILE_EDGE_MAX_PX / 2)));
  const details = orDefault(options.detail.map(detailOf));
  const minScores = orDefault(options.minScore.map(scoreOf));
  const settings = models.flatMap((chosen) =>
    tileSizes.flatMap((tileSize) =>
      overlaps.flatMap((overlap) =>
        details.flatMap((detail) =>
          minScores.map((minScore) => ({ models: chosen, tileSize, overlap, detail: detail ?? ('standard' as const), minScore })),
        ),
      ),
    ),
  );
  if (settings.length > SETTINGS_MAX) {
    throw new UserError(`The options make ${settings.length} settings, more than ${SETTINGS_MAX}. Give fewer values.`);
  }
  for (const { tileSize, overlap } of settings) {
    if (tileSize === null || overlap === null || overlap <= tileSize / 2) continue;
    throw new UserError(`--overlap (${overlap}) must be at most half of --tile-size (${tileSize}).`);
  }
  const isVaried = { models: models.length > 1, tileSize: tileSizes.length > 1, overlap: overlaps.length > 1 };
  const isAnyVaried = settings.length > 1;
  return settings.map((setting) => {
    const parts = [
      setting.models && (isVaried.models || !isAnyVaried) ? setting.models.join(` ${TOGETHER} `) : null,
      setting.tileSize !== null && (isVaried.tileSize || !isAnyVaried) ? `tiles ${setting.tileSize}` : null,
      setting.overlap !== null && (isVaried.overlap || !isAnyVaried) ? `overlap ${setting.overlap}` : null,
      details.length > 1 ? setting.detail : null,
      setting.minScore !== null && (minScores.length > 1 || !isAnyVaried) ? `score ${setting.minScore}` : null,
    ];
    const name = parts.filter((part) => part !== null).join(', ') || 'defaults';
    return { name, ...setting };
  });
}

/** `labels` are those of the truth: a language model must use its words, and a local model need not report anything else. */
export function requestOf(image: string, setting: Setting, labels: readonly string[]): AnalyzeRequest {
  const areAccepted = labels.length <= LABELS_MAX && labels.every(({ length }) => length <= LABEL_CHARACTERS_MAX);
  return {
    image,
    labels: areAccepted ? [...labels] : undefined,
    detail: setting.detail,
    tile_size: setting.tileSize ?? undefined,
    overlap: setting.overlap ?? undefined,
    min_score: setting.minScore ?? undefined,
    models: setting.models ? { detection: setting.models } : undefined,
  };
}

function orDefault<T>(values: readonly T[]): (T | null)[] {
  return values.length === 0 ? [null] : [...values];
}

function modelsOf(value: string): ModelId[] {
  return value.split(TOGETHER).map((name) => {
    const model = ModelId.safeParse(name.trim()).data;
    if (!model) throw new UserError(`--models (${value}) must name models as <provider>:<id>, for example onnx:nanodet.`);
    return model;
  });
}

function pixels(option: string, value: string, least: number, most: number): number {
  const number = WHOLE_NUMBER.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UserError(`${option} (${value}) must be a whole number from ${least} to ${most}.`);
}

function scoreOf(value: string): number {
  const score = SCORE.test(value) ? Number(value) : Number.NaN;
  if (score >= MIN_SCORE_MIN && score <= 1) return score;
  throw new UserError(`--min-score (${value}) must be from ${MIN_SCORE_MIN} to 1.`);
}

function detailOf(value: string): Detail {
  const detail = Detail.safeParse(value).data;
  if (detail) return detail;
  throw new UserError(
    `--detail (${value}) must be ${new Intl.ListFormat('en', { type: 'disjunction' }).format(Detail.options)}.`,
  );
}
