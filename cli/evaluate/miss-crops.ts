// Writes crops around the worst misses of each setting: the largest missed objects, and the false findings with the highest scores.
// Truth is green and findings are orange.
import { glob, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';
import sharp from 'sharp';
import { at } from '../../pipeline/contract/at.ts';
import type { Box } from '../../pipeline/contract/schemas.ts';
import { LABEL_COLORS } from '../../pipeline/findings/marks.ts';
import { type NamedBox, withBoxes } from '../../pipeline/imaging/drawing/overlay.ts';
import { decodeImage } from '../../pipeline/imaging/image-reader.ts';
import { clippedTo, withContext } from '../../pipeline/planning/geometry.ts';
import type { ImageLimits } from '../../pipeline/planning/image-limits.ts';
import { writeWhole } from '../write-whole.ts';
import type { EvaluatedImage } from './image-files.ts';
import type { Measured, MeasuredSetting } from './measured.ts';

/** For each setting, and for missed objects and false findings apart. */
const CROPS_MAX = 20;
/** Smaller crops are enlarged: an object of a few pixels must be visible under its box. */
const EDGE_PX = 640;
/** The bluish green and the orange of Okabe and Ito's colors. */
const [TRUTH_COLOR, FOUND_COLOR] = [at(LABEL_COLORS, 2), at(LABEL_COLORS, 4)];
const NAME_CHARACTERS_MAX = 40;

interface Crop {
  /** Its place in `Measured.images`. */
  image: number;
  box: Box;
  file: string;
  setting: MeasuredSetting;
}

/** Into `<folder>/missed` and `<folder>/false`, or with several settings into `<folder>/<setting>/missed` and so on. Replaces older crops. */
export async function writeMissCrops({ images, settings }: Measured, folder: string, limits: ImageLimits): Promise<number> {
  const ofSetting = (setting: MeasuredSetting, place: number) => {
    const subfolder = settings.length === 1 ? folder : join(folder, `${place + 1}-${slug(setting.setting.name)}`);
    return cropsOf(setting, images, subfolder);
  };
  const crops = settings.flatMap(ofSetting);
  for await (const old of glob('**/{missed,false}/[0-9][0-9]-*.jpg', { cwd: folder })) await rm(join(folder, old));
  const scratch = await mkdtemp(join(tmpdir(), 'tilesight-crops-'));
  try {
    for (const [image, ofImage] of Map.groupBy(crops, (crop) => crop.image))
      await writeCrops(ofImage, at(images, image), scratch, limits);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return crops.length;
}

function cropsOf(setting: MeasuredSetting, images: readonly EvaluatedImage[], folder: string): Crop[] {
  const { missed, wrong } = setting.evaluation.comparison;
  const areaOf = ([, , width, height]: Box) => width * height;
  const worst = {
    missed: missed.toSorted((a, b) => areaOf(b.box) - areaOf(a.box)).slice(0, CROPS_MAX),
    false: wrong.toSorted((a, b) => b.score - a.score).slice(0, CROPS_MAX),
  };
  return Object.entries(worst).flatMap(([kind, boxes]) =>
    boxes.map(({ image, label, box }, place) => {
      const { name } = parse(at(images, image).path);
      const fileName = `${String(place + 1).padStart(2, '0')}-${slug(label)}-${slug(name)}.jpg`;
      return { image, box, file: join(folder, kind, fileName), setting };
    }),
  );
}

/** Decodes the image once, into a file from which any part is read directly. */
async function writeCrops(
  crops: readonly Crop[],
  { path, truth }: EvaluatedImage,
  scratch: string,
  limits: ImageLimits,
): Promise<void> {
  const plain = join(scratch, 'image.tif');
  await decodeImage({ path, page: 0, limits }, { level: 0 }, scratch, async (image) => {
    await image.flatten({ background: '#fff' }).tiff({ compression: 'none', tile: true, bigtiff: true }).toFile(plain);
  });
  for (const { image, box, file, setting } of crops) {
    const { image: size, findings } = at(setting.results, image);
    const inImage = clippedTo(box, size.width, size.height);
    if (!inImage) continue; // the truth has it outside of the image
    const shown = withContext(inImage, size);
    const [left, top, width, height] = shown;
    const cut = sharp(plain, { limitInputPixels: limits.pixelsMax }).extract({ left, top, width, height });
    const scaled = cut.resize(EDGE_PX, EDGE_PX, { fit: 'inside' });
    const truthBoxes = truth.objects.map(({ label, box: truthBox }): NamedBox => {
      return { box: truthBox, color: TRUTH_COLOR.color, ink: TRUTH_COLOR.ink, name: `truth: ${label}`, isNamedBelow: true };
    });
    const foundBoxes = findings.map((finding): NamedBox => {
      const name = `${finding.label} ${finding.score.toFixed(2)}`;
      return { box: finding.box, color: FOUND_COLOR.color, ink: FOUND_COLOR.ink, name };
    });
    const drawn = await withBoxes(scaled, shown, [...truthBoxes, ...foundBoxes]);
    await writeWhole(file, await drawn.jpeg({ quality: 85 }).toBuffer());
  }
}

function slug(text: string): string {
  const slugged = text
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, NAME_CHARACTERS_MAX);
  return slugged || 'unnamed';
}
