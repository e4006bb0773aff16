// `tilesight models add --kind ocr`: copies the three files of a PP-OCR model, runs them once, and registers them as a whole or not at all.
import { copyFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { UserError } from '../../pipeline/contract/errors.ts';
import { printable } from '../../pipeline/contract/printable.ts';
import { writeSidecar } from '../../pipeline/vision/detectors/sidecar.ts';
import { TEXT_FILES } from '../../pipeline/vision/detectors/text-sidecar.ts';
import { SIDECAR_FILE } from '../../pipeline/vision/registered-detectors.ts';
import { print } from '../terminal.ts';
import { writeWhole } from '../write-whole.ts';
import { AddOptions, PRIVATE_FILE, picture, placeFor } from './add-command.ts';
import { folderOf } from './models-folder.ts';
import { checkIsFile, registered } from './registration.ts';
import { type TextTrial, triedText } from './trial.ts';

const LINES_MAX = 20;

/** `values` are commander's. */
export async function addTextCommand(file: string | undefined, values: unknown): Promise<void> {
  const options = AddOptions.parse(values);
  const { det, rec, dict } = options;
  if (det === undefined || rec === undefined || dict === undefined)
    throw new UserError('A text model has three files. Name them with --det, --rec and --dict.');
  if (file !== undefined) throw new UserError(`Leave ${file} out: --det, --rec and --dict name the files of a text model.`);
  if (options.labels !== undefined || options.layout !== undefined)
    throw new UserError('--labels and --layout are for detectors. Leave them out with --kind ocr.');
  const place = await placeFor(options);
  for (const [option, path] of [
    ['--det', det],
    ['--rec', rec],
    ['--dict', dict],
  ] as const)
    await checkIsFile(path, option);
  const trial = await registered(place, async (folder, signal) => {
    const paths = {
      detector: join(folder, TEXT_FILES.detector),
      reader: join(folder, TEXT_FILES.reader),
      dictionary: join(folder, TEXT_FILES.dictionary),
    };
    await copyFile(resolve(det), paths.detector);
    await copyFile(resolve(rec), paths.reader);
    await copyFile(resolve(dict), paths.dictionary);
    const trial = await triedText({ paths, imagePath: options.try === undefined ? null : resolve(options.try) }, signal);
    await writeFile(join(folder, SIDECAR_FILE), writeSidecar(trial.sidecar), { mode: PRIVATE_FILE });
    if (options.out !== undefined) await writeWhole(options.out, await picture(trial));
    return trial;
  });
  if (trial) describe(place.name, folderOf(place.home, place.name), trial, options);
}

function describe(
  name: string,
  folder: string,
  { sidecar, detections, runMs }: TextTrial,
  { try: image, out }: { try?: string | undefined; out?: string | undefined },
): void {
  const ms = `${Math.max(1, Math.round(runMs))} ms`;
  const license = sidecar.license === null ? 'not stated' : printable(sidecar.license);
  print(`onnx:${name} is registered in ${folder}.\n`);
  print(`  scripts: ${sidecar.scripts.map(printable).join(', ')}\n  license: ${license}\n`);
  if (image === undefined) print(`It ran on a drawn image in ${ms}. Try it on one of yours with --try.\n`);
  else {
    const lines = `${detections.length} ${detections.length === 1 ? 'line' : 'lines'} of text`;
    print(`${lines} in ${basename(image)}, in ${ms}${detections.length > 0 ? ':' : '.'}\n`);
    for (const { text, score } of detections.slice(0, LINES_MAX)) {
      if (text !== null) print(`  ${score.toFixed(2)}  ${printable(text)}\n`);
    }
    if (detections.length > LINES_MAX) print(`… and ${detections.length - LINES_MAX} more\n`);
  }
  if (out !== undefined) print(`Wrote ${out}.\n`);
  print(
    `\nUse it:  DETECTION_MODELS=onnx:nanodet,onnx:${name} npx tilesight analyze IMAGE\nCorrect: ${join(folder, SIDECAR_FILE)}, see docs/detectors.md\n`,
  );
}
