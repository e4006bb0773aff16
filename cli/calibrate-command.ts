// `tilesight calibrate`: measures in which numbers a language model reports boxes, and keeps the result in the data folder.
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { openDataFolder } from '../local/data-folder.ts';
import { calibrateModel } from '../pipeline/calibration/calibrate-model.ts';
import type { Calibration } from '../pipeline/calibration/calibration-document.ts';
import { chartsFor } from '../pipeline/calibration/chart.ts';
import { drawChart } from '../pipeline/calibration/draw-chart.ts';
import { readConfig } from '../pipeline/config.ts';
import { causesOf } from '../pipeline/contract/causes.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import { ModelId, type Usage } from '../pipeline/contract/schemas.ts';
import { readDocument } from '../pipeline/documents.ts';
import { coordinatesName } from '../pipeline/providers/coordinates.ts';
import { isLocal } from '../pipeline/providers/prices.ts';
import { profileOf } from '../pipeline/providers/profile-of.ts';
import { stepDocuments } from '../pipeline/step-documents.ts';
import { fsBlobs } from '../pipeline/storage/folder-blobs.ts';
import { allProviders } from '../pipeline/vision/providers.ts';
import { detectorsInFolder } from '../pipeline/vision/registered-detectors.ts';
import { checkCallable } from './callable-models.ts';
import { print, report } from './terminal.ts';

const Options = z.strictObject({ data: z.string().optional(), charts: z.string().optional() });
const NOT_FIT = 3;

/** `values` are commander's. */
export async function calibrateCommand(name: string, values: unknown): Promise<void> {
  const { data, charts } = Options.parse(values);
  const model = ModelId.safeParse(name).data;
  if (!model) throw new UserError(`${name} is not a model. Write <provider>:<id>, for example openai:qwen3-vl:8b.`);
  if (isLocal(model)) throw new UserError(`The model ${model} has one convention for boxes: it needs no calibration.`);
  if (charts !== undefined) return await writeCharts(model, charts);
  const config = readConfig();
  checkCallable([model], config);
  const folder = await openDataFolder(resolve(data ?? config.TILESIGHT_HOME));
  const blobs = fsBlobs(folder.blobs);
  const earlier = await readDocument(stepDocuments.calibration(model), blobs);
  const { family, coordinates } = profileOf(model);
  print(`Asking ${model} for 48 marks in each of two charts. Profile: ${family}, boxes in ${coordinatesName(coordinates)}.\n`);
  const vision = allProviders(config, {
    calibrationOf: async () => null,
    detectors: detectorsInFolder(config.TILESIGHT_HOME, { hubCache: config.HF_HUB_CACHE }),
  });
  const calibration = await calibrateModel(model, { vision, blobs, clock: { now: () => new Date() } }, (asked, before) => {
    if (before > 0) report(`The answers do not fit yet. Asking for boxes in ${coordinatesName(asked)}.\n`);
  }).catch((error: unknown) => {
    // A terminal is where the operator of the model reads: the words of its server show what is wrong.
    for (const { message } of causesOf(error).slice(1)) report(`Cause: ${message}\n`);
    throw error;
  });
  print(`${linesOf(calibration).join('\n')}\n`);
  const isOverridden = config.MODEL_COORDINATES.some((pair) => pair.startsWith(`${model}=`));
  print(`${consequenceOf(calibration, { isOverridden, earlier: earlier?.calibrated_at ?? null })}\n`);
  if (!calibration.fit_for_boxes) process.exitCode = NOT_FIT;
}

async function writeCharts(model: ModelId, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [index, chart] of chartsFor(profileOf(model).tileEdgePx).entries()) {
    const file = join(folder, `chart-${index + 1}.jpg`);
    await writeFile(file, (await drawChart(chart)).bytes);
    print(`Wrote ${file}.\n`);
  }
}

function linesOf(calibration: Calibration & { usage: Usage }): string[] {
  const { coordinates, seen_longer_px, mean_error_percent, worst_error_percent, offset_percent, scale, usage } = calibration;
  const cost = usage.cost_usd === null ? 'cost unknown' : `$${usage.cost_usd.toFixed(4)}`;
  return [
    `convention    ${coordinates}${seen_longer_px === null ? '' : `, of the image shrunk to a longer edge of ${seen_longer_px} px`}`,
    `mean error    ${mean_error_percent} % of the side`,
    `worst error   ${worst_error_percent} %`,
    `offset        ${offset_percent.x} % across, ${offset_percent.y} % down`,
    `scale         ${scale.x} across, ${scale.y} down`,
    `marks missed  ${calibration.marks_missed} of ${calibration.marks}`,
    `tokens        ${usage.input_tokens} in, ${usage.output_tokens} out, ${cost}`,
  ];
}

/** `earlier`: when the calibration that is stored already was made. */
function consequenceOf(
  { model, fit_for_boxes, seen_longer_px }: Calibration,
  { isOverridden, earlier }: { isOverridden: boolean; earlier: string | null },
): string {
  if (!fit_for_boxes) {
    const kept = earlier === null ? 'Nothing is kept' : `The calibration of ${earlier.slice(0, 10)} is kept`;
    return `Not fit for boxes: the errors are too large, or too many marks are missing. ${kept}; choose another model.`;
  }
  const use = isOverridden
    ? 'It is stored, but MODEL_COORDINATES names other numbers for this model, and those count.'
    : 'Later runs use this calibration.';
  const isShrunk = seen_longer_px !== null && seen_longer_px < profileOf(model).tileEdgePx;
  const advice = isShrunk ? ` It shrinks larger images: a tile_size of ${seen_longer_px} shows it every detail.` : '';
  return `Fit for boxes. ${use}${advice}`;
}
