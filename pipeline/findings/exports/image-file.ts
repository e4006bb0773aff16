// How the files of a data set are named: after the image, because that is how trainers find the labels of an image. Pure.
import type { FindingsDocument } from '../../contract/schemas.ts';

/** A file name has at most 255 bytes. A link contains the stem with up to three characters a byte, and agents pay for each. */
const STEM_BYTES_MAX = 100;
const EXTENSION = /\.[a-z0-9]{1,5}$/i;

/** The last segment of an address, without a query. Never a name that leads into another folder. */
export function fileNameOf(address: string): string {
  const path = URL.parse(address)?.pathname ?? address;
  return decoded(path).split(/[/\\]/).filter(Boolean).at(-1) ?? URL.parse(address)?.hostname ?? 'image';
}

/** The image's file name without its extension, safe as a file name on every system and as a segment of a stored key. */
export function imageStem({ image }: FindingsDocument): string {
  const stem = nameOf(image.uri)
    .replace(EXTENSION, '')
    .replace(/[\p{C}\p{Zl}\p{Zp}<>:"/\\|?*]/gu, '_')
    .replace(/^[. ]+|[. ]+$/g, '');
  return withinBytes(stem, STEM_BYTES_MAX) || 'image';
}

/** The file name that belongs beside the labels: the stem with the image's own extension. */
export function imageFileName(document: FindingsDocument): string {
  const { uri, format } = document.image;
  const byFormat = format === 'jpeg' ? '.jpg' : `.${format}`;
  return imageStem(document) + (EXTENSION.exec(nameOf(uri))?.[0] ?? byFormat);
}

/** An upload id is the name of the file, and then what makes the id hard to guess. */
function nameOf(uri: string): string {
  const name = fileNameOf(uri);
  return uri.startsWith('upload:') ? name.replace(/-[0-9a-f]{20}.*$/, '') : name;
}

function withinBytes(text: string, bytesMax: number): string {
  let characters = [...text];
  while (new TextEncoder().encode(characters.join('')).length > bytesMax) characters = characters.slice(0, -1);
  return characters.join('').trimEnd();
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
