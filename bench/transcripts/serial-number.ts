// A task for an agent's own eyes: read the serial number of a machine in a photograph of 400 megapixels. The agent here is a script whose
// eyes find colors and read text, in the images as it gets them and in nothing else.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { at } from '../../pipeline/contract/at.ts';
import type { Box } from '../../pipeline/contract/schemas.ts';
import type { Vision } from '../../pipeline/ports.ts';
import { areasOf, type Color } from './eyes.ts';
import type { RecordedAnswer, RecordedClient, RecordedImage } from './recorded-client.ts';
import type { Prepared, Task } from './task.ts';

const PHOTOGRAPH = { width: 25_000, height: 16_000 };
const MACHINE = { left: 17_340, top: 9_810, width: 2_600, height: 1_800, color: '#e0108f' };
const PLATE = { left: 1_900, top: 1_430, width: 420, height: 90, color: '#0040ff' }; // in the machine
const SERIAL = 'SN 7741-20936';
const SERIAL_PX = 12;
const SCORE_MIN = 0.9;
const CALLS_MAX = 6;

export const serialNumber = {
  title: 'Read a serial number in a photograph of 400 megapixels',
  async prepare(folder: string): Promise<Prepared> {
    const path = join(folder, 'photograph.jpg');
    const { left, top, width, height } = MACHINE;
    const machine = Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="${MACHINE.color}"/>` +
        `<rect x="${PLATE.left}" y="${PLATE.top}" width="${PLATE.width}" height="${PLATE.height}" fill="${PLATE.color}"/>` +
        `<text x="${PLATE.left + PLATE.width / 2}" y="${PLATE.top + PLATE.height / 2}" text-anchor="middle" dominant-baseline="central" ` +
        `font-family="sans-serif" font-size="${SERIAL_PX}" fill="white">${SERIAL}</text></svg>`,
    );
    const photograph = sharp('examples/lawn.jpg').resize(PHOTOGRAPH.width, PHOTOGRAPH.height, { fit: 'fill' });
    await photograph
      .composite([{ input: machine, left, top }])
      .jpeg({ quality: 90 })
      .toFile(path);
    const image = pathToFileURL(path).href;
    return { expected: SERIAL, environment: {}, solve: (client, vision) => readSerial(client, image, vision) };
  },
} satisfies Task;

/** Zooms from the whole to the machine to its plate, until a serial number can be read. `null` if it cannot. */
async function readSerial(client: RecordedClient, image: string, vision: Vision): Promise<string | null> {
  let args: Record<string, unknown> = { image, grid: true };
  for (let call = 0; call < CALLS_MAX; call++) {
    const view = await client.call('view_region', args);
    const serial = await serialIn(at(view.images, 0), vision);
    if (serial !== null) return serial;
    const box = (await seen(view, isPlate)) ?? (await seen(view, isMachine));
    if (!box) return null;
    args = { image, box };
  }
  return null;
}

async function serialIn({ bytes, width, height }: RecordedImage, vision: Vision): Promise<string | null> {
  const { detections } = await vision.detect('onnx:ppocr', { bytes, width, height }, { look_for: null, labels: [] });
  const line = detections.find(({ text, score }) => score >= SCORE_MIN && text !== null && /^SN ?\d{4}-\d{5}$/.test(text));
  return line?.text?.replace(/^SN ?/, 'SN ') ?? null;
}

/** As the words of a view that is not turned say it. */
const WAY_BACK = /full-image x = (\d+) \+ x \/ (\d+(?:\.\d+)?), y = (\d+) \+ y \/ (\d+(?:\.\d+)?)/;

const isMachine = ([red, green, blue]: Color) => red > 180 && green < 70 && blue > 100;
const isPlate = ([red, green, blue]: Color) => blue > 180 && red < 90 && green < 120;

/** The largest area of a color, in pixels of the full image: by the words below the view, as a model converts it. */
async function seen({ images, words }: RecordedAnswer, isIt: (color: Color) => boolean): Promise<Box | null> {
  const [area] = await areasOf(at(images, 0).bytes, isIt);
  if (!area) return null;
  const [, fromX, scaleX, fromY, scaleY] = WAY_BACK.exec(words) ?? [];
  const [left, top] = [Number(fromX) + area[0] / Number(scaleX), Number(fromY) + area[1] / Number(scaleY)];
  return [Math.floor(left), Math.floor(top), Math.ceil(area[2] / Number(scaleX)), Math.ceil(area[3] / Number(scaleY))];
}
