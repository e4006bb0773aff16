// Finds the image files that the command line names, and which image of the truth each is.
import { glob, readdir, stat } from 'node:fs/promises';
import { basename, extname, join, resolve, sep } from 'node:path';
import { UserError } from '../../pipeline/contract/errors.ts';
import type { Truth, TruthImage } from './truth-file.ts';

const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.gif', '.avif']);
const WILDCARD = /[*?[\]{}]/;

export interface EvaluatedImage {
  /** Absolute. */
  path: string;
  truth: TruthImage;
}

export interface MatchedImages {
  /** In the order of the truth. */
  images: EvaluatedImage[];
  /** Names of images of the truth without a file. */
  withoutFile: string[];
  /** Files without an image in the truth. */
  withoutTruth: string[];
}

/** `names` are files, folders (with all that is below them) and patterns. Throws a UserError if no file is an image of the truth. */
export async function matchImages(names: readonly string[], truth: Truth): Promise<MatchedImages> {
  const files = [...new Set((await Promise.all(names.map(filesOf))).flat())];
  const matches = new Map<TruthImage, string>();
  const withoutTruth: string[] = [];
  const imageOf = truthImages(truth);
  for (const file of files) {
    const image = imageOf(file);
    if (!image) withoutTruth.push(file);
    else if (matches.has(image))
      throw new UserError(
        `Both ${matches.get(image)} and ${file} match the image ${image.fileName} of the truth. Name only one of them.`,
      );
    else matches.set(image, file);
  }
  const images = truth.images.flatMap((image) => {
    const path = matches.get(image);
    return path === undefined ? [] : [{ path, truth: image }];
  });
  if (images.length === 0) {
    const [found] = files;
    throw new UserError(
      `${found === undefined ? `There is no image in ${names.join(', ')}` : `The truth does not name ${basename(found)}`}. ` +
        `Name the images of the truth, such as ${truth.images[0]?.fileName}.`,
    );
  }
  const withoutFile = truth.images.filter((image) => !matches.has(image)).map(({ fileName }) => fileName);
  return { images, withoutFile, withoutTruth };
}

async function filesOf(name: string): Promise<string[]> {
  const itself = await filesAt(name);
  if (itself) return itself;
  const files: string[] = [];
  if (WILDCARD.test(name)) for await (const match of glob(name)) files.push(...((await filesAt(match)) ?? []));
  if (files.length === 0) throw new UserError(`${name} is no file, folder or pattern that matches an image. Check the path.`);
  return files.sort();
}

/** `null` if there is neither a file nor a folder. */
async function filesAt(path: string): Promise<string[] | null> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) return await imagesBelow(path);
  return found?.isFile() ? [resolve(path)] : null;
}

/** Also links to files, but not those that lead nowhere. */
async function imagesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const images = entries.filter(({ name }) => EXTENSIONS.has(extname(name).toLowerCase()));
  const files = await Promise.all(
    images.map(async (entry) => {
      const path = resolve(join(entry.parentPath, entry.name));
      const isFile = entry.isFile() || (entry.isSymbolicLink() && (await stat(path).catch(() => null))?.isFile());
      return isFile ? [path] : [];
    }),
  );
  return files.flat().sort();
}

/** By as much of the path as `file_name` has; otherwise by the base name, if only one image of the truth has it. */
function truthImages({ images }: Truth): (file: string) => TruthImage | null {
  const slashed = (name: string) => name.replaceAll('\\', '/').replace(/^\.?\/+/, '');
  const longestFirst = images.toSorted((a, b) => b.fileName.length - a.fileName.length);
  const byBaseName = Map.groupBy(longestFirst, ({ fileName }) => basename(slashed(fileName)));
  return (file) => {
    const sameBaseName = byBaseName.get(basename(file)) ?? [];
    const path = file.split(sep).join('/');
    const whole = sameBaseName.find(({ fileName }) => path.endsWith(`/${slashed(fileName)}`));
    if (whole) return whole;
    const [only, ...more] = sameBaseName;
    return only && more.length === 0 ? only : null;
  };
}
