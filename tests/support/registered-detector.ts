// A detector that finds what is red and what is blue, registered below a folder as `models add` does it.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Jpeg } from '../../pipeline/ports.ts';
import { describeDetector } from '../../pipeline/vision/detectors/detector-file.ts';
import { type Sidecar, writeSidecar } from '../../pipeline/vision/detectors/sidecar.ts';
import { detectorFile, type FileOptions } from './detector-files.ts';
import { LABELS } from './detector-graph.ts';

interface Registration extends FileOptions {
  labels?: string[];
  /** Replaces fields of the sidecar. */
  changed?: Partial<Sidecar>;
}

/** Returns its folder. The input of the model has 320 x 256 px. */
export async function registerDetector(home: string, name: string, options: Registration = {}): Promise<string> {
  const folder = join(home, 'models', name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'model.onnx'), detectorFile('yolov8', options));
  const { sidecar } = await describeDetector(join(folder, 'model.onnx'), { labels: options.labels ?? LABELS });
  await writeFile(join(folder, 'detector.json'), writeSidecar({ ...sidecar, ...options.changed }));
  return folder;
}

/** A black image with a red and a blue rectangle. */
export async function redAndBlue(width: number, height: number): Promise<Jpeg> {
  const rectangle = (color: string, left: number, top: number, size: number) =>
    `<rect x="${left}" y="${top}" width="${size}" height="${size}" fill="${color}"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%"/>${rectangle('#f00', 40, 60, 50)}${rectangle('#00f', 150, 100, 40)}</svg>`;
  return { bytes: await sharp(Buffer.from(svg)).removeAlpha().png().toBuffer(), width, height };
}
