// A short text as an image, in the font that comes with the package.
import { createRequire } from 'node:module';
import sharp, { type Sharp } from 'sharp';
import { printable } from '../../contract/printable.ts';
import type { LabelColor } from '../../findings/marks.ts';

const NAME_CHARACTERS_MAX = 32;
const NAME_POINTS = 11;

/** The font comes from npm: Lambda has none. */
export const FONT_FILE = createRequire(import.meta.url).resolve('#font');

/** A name without control characters, shortened. `null` if nothing of it can be seen: the renderer refuses a text without ink. */
export function drawableName(name: string): string | null {
  const shortened = shortName(printable(name));
  return shortened.trim() === '' ? null : shortened;
}

/** A line of text on a colored ground, as a PNG. Throws if the text has no ink. */
export async function textTag(text: string, colors: LabelColor) {
  return await tagOf(text, colors).png().toBuffer({ resolveWithObject: true });
}

/** The same as red, green, blue and alpha. */
export async function rawTag(text: string, colors: LabelColor) {
  return await tagOf(text, colors).raw().toBuffer({ resolveWithObject: true });
}

function tagOf(text: string, { color, ink }: LabelColor): Sharp {
  const words = `<span foreground="${ink}" background="${color}"> ${escaped(text)} </span>`;
  const font = `DejaVu Sans Bold ${NAME_POINTS}`;
  return sharp({ text: { text: words, font, fontfile: FONT_FILE, rgba: true, dpi: 96 } });
}

/** A long name keeps its last word, which is the score. */
export function shortName(name: string): string {
  const characters = [...name];
  if (characters.length <= NAME_CHARACTERS_MAX) return name;
  const lastWord = [...name.slice(Math.max(0, name.lastIndexOf(' ')))];
  const kept = NAME_CHARACTERS_MAX - lastWord.length - 1;
  const [start, end] = kept > 0 ? [kept, lastWord.join('')] : [NAME_CHARACTERS_MAX - 1, ''];
  return `${characters.slice(0, start).join('')}…${end}`;
}

/** Pango reads markup, and text from an image must not be any. Control characters have no glyph. */
function escaped(text: string): string {
  const visible = text.replace(/\p{Cc}/gu, ' ');
  return visible.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
