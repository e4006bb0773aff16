// `tilesight models add`: copies a detector, recognizes it, runs it once, and registers it as a whole or not at all.
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import Table from 'cli-table3';
import sharp from 'sharp';
import { z } from 'zod';
import { readConfig } from '../../pipeline/config.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { printable } from '../../pipeline/contract/printable.ts';
import { colorsOfLabels, countsByLabel } from '../../pipeline/findings/marks.ts';
import { withBoxes } from '../../pipeline/imaging/drawing/overlay.ts';
import { tileEdgeOf } from '../../pipeline/planning/tile-preferences.ts';
import { isReservedName } from '../../pipeline/providers/detector-names.ts';
import { type ClassLabels, parseLabels } from '../../pipeline/vision/detectors/class-labels.ts';
import { checkModelFile } from '../../pipeline/vision/detectors/detector-file.ts';
import { LayoutName } from '../../pipeline/vision/detectors/layouts.ts';
import { type Sidecar, writeSidecar } from '../../pipeline/vision/detectors/sidecar.ts';
import { MODEL_FILE, SIDECAR_FILE } from '../../pipeline/vision/registered-detectors.ts';
import { print } from '../terminal.ts';
import { checkFile, writeWhole } from '../write-whole.ts';
import { checkedName, checkFree, folderOf } from './models-folder.ts';
import { checkIsFile, registered } from './registration.ts';
import { type Trial, tried } from './trial.ts';

export const AddOptions = z.strictObject({
  name: z.string(),
  labels: z.string().optional(),
  layout: LayoutName.optional(),
  det: z.string().optional(),
  rec: z.string().optional(),
  dict: z.string().optional(),
  try: z.string().optional(),
  out: z.string().optional(),
  replace: z.boolean().optional(),
});

const LABELS_BYTES_MAX = 5_000_000; // 10,000 labels of 100 characters, and what is around them
const LABELS_SHOWN_MAX = 12;
const ROWS_MAX = 20;
export const PRIVATE_FILE = 0o600;

/** `values` are commander's. */
export async function addCommand(file: string | undefined, values: unknown): Promise<void> {
  const options = AddOptions.parse(values);
  if (file === undefined)
    throw new UserError('Name the ONNX file of the detector, for example `models add best.onnx --name gauges`.');
  if (options.det !== undefined || options.rec !== undefined || options.dict !== undefined)
    throw new UserError('--det, --rec and --dict name the files of a text model. Add --kind ocr, or leave them out.');
  const place = await placeFor(options);
  const labels = options.labels === undefined ? null : await labelsIn(options.labels);
  await checkModelFile(file);
  const trial = await registered(place, async (folder, signal) => {
    const modelPath = join(folder, MODEL_FILE);
    await copyFile(resolve(file), modelPath);
    const imagePath = options.try === undefined ? null : resolve(options.try);
    const request = { modelPath, layout: options.layout ?? null, labels: labels && [...labels], imagePath };
    const trial = await tried(request, signal);
    await writeFile(join(folder, SIDECAR_FILE), writeSidecar(trial.sidecar), { mode: PRIVATE_FILE });
    if (options.out !== undefined) await writeWhole(options.out, await picture(trial));
    return trial;
  });
  if (trial) describe(place.name, folderOf(place.home, place.name), trial, options);
}

/** Where the model will be. Throws a UserError if the name is taken or not allowed, --try names no file, or --out cannot be written. */
export async function placeFor(
  options: z.infer<typeof AddOptions>,
): Promise<{ home: string; name: string; mayReplace: boolean }> {
  const { TILESIGHT_HOME: home } = readConfig();
  const name = checkedName(options.name);
  if (isReservedName(name))
    throw new UserError(`The name ${name} belongs to a device on Windows. Choose another name, for example my-${name}.`);
  const mayReplace = options.replace ?? false;
  if (!mayReplace) await checkFree(home, name);
  await checkTry(options);
  return { home, name, mayReplace };
}

async function checkTry({ try: image, out }: { try?: string | undefined; out?: string | undefined }): Promise<void> {
  if (out !== undefined && image === undefined)
    throw new UserError('--out works only with --try. Name an image with --try, or leave --out out.');
  if (out !== undefined) await checkFile(out);
  if (image !== undefined) await checkIsFile(image, '--try');
}

async function labelsIn(path: string): Promise<ClassLabels> {
  const { size } = await checkIsFile(path, '--labels');
  if (size > LABELS_BYTES_MAX) throw new UserError(`The file of labels ${path} has more than ${LABELS_BYTES_MAX} bytes.`);
  return parseLabels(await readFile(path, 'utf8'));
}

function describe(
  name: string,
  folder: string,
  trial: Trial,
  { try: image, out }: { try?: string | undefined; out?: string | undefined },
): void {
  const { sidecar, notes, detections, runMs, shownAs } = trial;
  print(`onnx:${name} is registered in ${folder}.\n${factsOf(sidecar)}`);
  for (const note of notes) print(`Note: ${note}\n`);
  const ms = `${Math.max(1, Math.round(runMs))} ms`;
  if (image === undefined) print(`It ran on a drawn image in ${ms}. Try it on one of yours with --try.\n`);
  else {
    const count = `${detections.length} ${detections.length === 1 ? 'detection' : 'detections'}`;
    const end = detections.length > 0 ? ':' : '.';
    print(`${count} in ${basename(image)}, shown to it as ${shownAs.width} x ${shownAs.height} px, in ${ms}${end}\n`);
    if (detections.length > 0) print(`${detectionTable(trial)}\n`);
    if (trial.image.width > shownAs.width)
      print('An analysis shows it tiles at full resolution, in which it detects smaller objects.\n');
  }
  if (out !== undefined) print(`Wrote ${out}.\n`);
  print(
    `\nUse it:  DETECTION_MODELS=onnx:${name} npx tilesight analyze IMAGE\nCorrect: ${join(folder, SIDECAR_FILE)}, see docs/detectors.md\n`,
  );
}

function factsOf({ layout, labels, input, colors, scale, fit, score_min, nms, license }: Sidecar): string {
  const named = labels.filter((label) => label !== null);
  const shown = named.slice(0, LABELS_SHOWN_MAX).map(printable).join(', ');
  const more = named.length > LABELS_SHOWN_MAX ? ', …' : '';
  const edge = tileEdgeOf(input);
  const duplicates = nms === null ? 'the model removes duplicates' : `duplicates removed above an IoU of ${nms.iou}`;
  const facts = [
    ['layout', layout],
    ['labels', `${named.length}: ${shown}${more}`],
    ['input', `${input.width} x ${input.height} px, ${colors} ${scale}, ${fit}; analyzes tiles of ${edge} px`],
    ['scores', `from ${score_min}; ${duplicates}`],
    ['license', license === null ? 'not stated' : printable(license)],
  ];
  return facts.map(([fact = '', value = '']) => `  ${`${fact}:`.padEnd(9)}${value}\n`).join('');
}

function detectionTable({ detections }: Trial): string {
  const table = new Table({
    head: ['label', 'score', 'left', 'top', 'width', 'height'],
    style: { head: [], border: [], compact: true },
  });
  for (const { label, score, box } of detections.slice(0, ROWS_MAX))
    table.push([printable(label), score.toFixed(2), ...box.map((side) => Math.round(side).toString())]);
  const more = detections.length - ROWS_MAX;
  return more > 0 ? `${table.toString()}\n… and ${more} more` : table.toString();
}

export async function picture({ detections, image, jpeg }: Pick<Trial, 'detections' | 'image' | 'jpeg'>): Promise<Uint8Array> {
  const colorOf = colorsOfLabels(countsByLabel(detections));
  const boxes = detections.map(({ label, score, box, polygon }) => {
    const { color, ink } = colorOf(label);
    return { box, outline: polygon ?? null, color, ink, name: `${label} ${score.toFixed(2)}` };
  });
  const drawn = await withBoxes(sharp(jpeg), [0, 0, image.width, image.height], boxes);
  return await drawn.jpeg({ quality: 90 }).toBuffer();
}
