// Reads the file of --truth: the images, objects and labels of a COCO detection data set (https://cocodataset.org/#format-data).
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { at } from '../../pipeline/contract/at.ts';
import { codeOf, UserError } from '../../pipeline/contract/errors.ts';
import type { Box } from '../../pipeline/contract/schemas.ts';

const Id = z.union([z.number(), z.string()], { error: 'expected a number or a string' });
const side = z.number().positive();
const A_LIST = { error: 'expected a list' };
const CocoFile = z.object({
  images: z
    .array(z.object({ id: Id, file_name: z.string().min(1), width: side.optional(), height: side.optional() }), A_LIST)
    .min(1, { error: 'expected at least one image' }),
  categories: z
    .array(z.object({ id: Id, name: z.string().trim().min(1) }), A_LIST)
    .min(1, { error: 'expected at least one category' }),
  annotations: z.array(
    z.object({
      image_id: Id,
      category_id: Id,
      bbox: z.tuple([z.number(), z.number(), z.number(), z.number()], { error: 'expected [left, top, width, height]' }),
      area: z.number().nonnegative().optional(),
      iscrowd: z.union([z.number(), z.boolean()]).optional(),
      text: z.string().optional(),
    }),
    A_LIST,
  ),
});
type CocoFile = z.infer<typeof CocoFile>;

export interface TruthImage {
  fileName: string;
  /** `null` if the truth does not state it. */
  size: { width: number; height: number } | null;
  /** `text` is `null` if it was not annotated. */
  objects: { label: string; box: Box; area: number; isCrowd: boolean; text: string | null }[];
}

export interface Truth {
  /** Every image of the truth, also without objects. */
  images: TruthImage[];
  /** Each once, whatever its case; sorted. */
  labels: string[];
  /** Annotations whose box has no area. */
  leftOut: number;
}

/** Throws a UserError that names the first field that cannot be used. */
export async function readTruth(path: string): Promise<Truth> {
  return truthOf(parsed(await textOf(path), path), path);
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new UserError(`Cannot read the truth ${path} (${codeOf(cause)}). Name a COCO JSON file with --truth.`, { cause });
  }
}

function parsed(text: string, path: string): CocoFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`The truth ${path} is not JSON. Name a COCO JSON file with --truth.`, { cause });
  }
  const { data, error } = CocoFile.safeParse(json, { reportInput: true });
  if (data) return data;
  throw new UserError(
    `The truth ${path} is not a COCO detection file: ${faultOf(at(error.issues, 0))}. ` +
      'It needs images (id, file_name), categories (id, name) and annotations (image_id, category_id, bbox).',
  );
}

function faultOf({ path, message, input }: z.core.$ZodIssue): string {
  const expected = message.replace(/^(Invalid input|Too small): /, '').replace(/, received undefined$/, '');
  const words = input === undefined ? `${expected}, but it is missing` : expected;
  return path.length === 0 ? words : `${path.join('.')}: ${words}`;
}

function truthOf({ images, categories, annotations }: CocoFile, path: string): Truth {
  checkUnique(path, 'images', images);
  checkUnique(path, 'categories', categories);
  const labels = new Map<string, string>();
  for (const { name } of categories) if (!labels.has(name.toLowerCase())) labels.set(name.toLowerCase(), name);
  const labelOf = new Map(categories.map(({ id, name }) => [id, labels.get(name.toLowerCase()) ?? name]));
  const byId = new Map(
    images.map(({ id, file_name, width, height }): [typeof id, TruthImage] => {
      const size = width === undefined || height === undefined ? null : { width, height };
      return [id, { fileName: file_name, size, objects: [] }];
    }),
  );
  let leftOut = 0;
  for (const [place, { image_id, category_id, bbox, area, iscrowd, text }] of annotations.entries()) {
    const [image, label] = [byId.get(image_id), labelOf.get(category_id)];
    if (!image) throw unknownId(path, place, 'image_id', image_id, 'images');
    if (label === undefined) throw unknownId(path, place, 'category_id', category_id, 'categories');
    if (bbox[2] <= 0 || bbox[3] <= 0) leftOut++;
    else image.objects.push({ label, box: bbox, area: area ?? bbox[2] * bbox[3], isCrowd: Boolean(iscrowd), text: text ?? null });
  }
  return { images: [...byId.values()], labels: [...labels.values()].sort(), leftOut };
}

/** The later of two images with one id would take the annotations of both. */
function checkUnique(path: string, list: string, rows: readonly { id: string | number }[]): void {
  const places = new Map<string | number, number>();
  for (const [place, { id }] of rows.entries()) {
    const first = places.get(id);
    if (first !== undefined) {
      throw new UserError(
        `In the truth ${path}, ${list}.${place} has the id ${JSON.stringify(id)}, as ${list}.${first} has. Give each an id of its own.`,
      );
    }
    places.set(id, place);
  }
}

function unknownId(path: string, place: number, field: string, id: string | number, list: string): UserError {
  return new UserError(
    `In the truth ${path}, annotations.${place} has the ${field} ${JSON.stringify(id)}, which is not in ${list}. Correct the file.`,
  );
}
