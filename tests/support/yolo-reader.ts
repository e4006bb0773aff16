// Reads a YOLO detection data set by the rules of Ultralytics (ultralytics/data/utils.py). Independent of what writes it.
import { posix } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

/** check_det_dataset: `train` and `val` are required, and class numbers are 0 to n - 1. */
const DataYaml = z.strictObject({
  train: z.string(),
  val: z.string(),
  names: z.record(z.string(), z.string()).refine((names) => Object.keys(names).every((key, index) => key === String(index))),
});

/** What PyYAML's reader accepts unescaped. */
const PRINTABLE = /^[\t\n\r\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u;

export interface YoloLabel {
  name: string | undefined;
  /** Left, top, width, height in pixels. */
  box: number[];
}

/** The labels of `image` in the training images. Throws where Ultralytics would refuse the data set or drop the image. */
export function readYolo(
  files: ReadonlyMap<string, string>,
  image: { name: string; width: number; height: number },
): YoloLabel[] {
  const yaml = files.get('data.yaml') ?? '';
  if (!PRINTABLE.test(yaml)) throw new Error('data.yaml contains characters that YAML does not allow.');
  const { train, val, names } = DataYaml.parse(parse(yaml));
  if (val !== train) throw new Error(`Expected one folder of images, got ${train} and ${val}.`);
  const rows = files.get(labelsOf(posix.join('/set', train, image.name)).slice('/set/'.length));
  if (rows === undefined) throw new Error(`No labels for ${train}/${image.name} in ${[...files.keys()].join(', ')}.`);
  return rows
    .trim()
    .split(/\r?\n/)
    .filter((row) => row.length > 0)
    .map((row) => labelOf(row.split(/\s+/).map(Number), names, image));
}

/** img2label_paths: the last /images/ becomes /labels/, and the extension .txt. */
function labelsOf(path: string): string {
  const at = path.lastIndexOf('/images/');
  const swapped = `${path.slice(0, at)}/labels/${path.slice(at + '/images/'.length)}`;
  return `${swapped.slice(0, swapped.lastIndexOf('.'))}.txt`;
}

/** verify_image_label: five columns, a class of the data set, and no number below 0 or above 1; here without its tolerance. */
function labelOf(numbers: number[], names: Record<string, string>, image: { width: number; height: number }): YoloLabel {
  const [index = Number.NaN, x = Number.NaN, y = Number.NaN, w = Number.NaN, h = Number.NaN] = numbers;
  const valid = numbers.length === 5 && Number.isInteger(index) && index in names && [x, y, w, h].every((n) => n >= 0 && n <= 1);
  if (!valid) throw new Error(`Not a label: ${numbers.join(' ')}`);
  const box = [(x - w / 2) * image.width, (y - h / 2) * image.height, w * image.width, h * image.height];
  return { name: names[index], box };
}
