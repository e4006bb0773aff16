// Draws findings on a copy of the image: outlines or boxes, and labels.
import { createRequire } from 'node:module';
import sharp, { type OverlayOptions, type Sharp } from 'sharp';
import { at } from '../contract/at.ts';
import { printable } from '../contract/printable.ts';
import type { Box, Finding, Polygon } from '../contract/schemas.ts';
import { intersectionOf } from '../planning/geometry.ts';

/** More names than this hide the image; every box is still drawn. */
const NAMED_MAX = 300;
const NAME_CHARACTERS_MAX = 32;
const STROKE_PX = 3;
const NAME_POINTS = 11;
/** Okabe and Ito's colors, which people with most kinds of color blindness can tell apart, each with the ink that is legible on it. */
export const COLORS = [
  { color: '#d55e00', ink: '#000000' },
  { color: '#0072b2', ink: '#ffffff' },
  { color: '#009e73', ink: '#000000' },
  { color: '#cc79a7', ink: '#000000' },
  { color: '#e69f00', ink: '#000000' },
  { color: '#56b4e9', ink: '#000000' },
  { color: '#f0e442', ink: '#000000' },
] as const;

/** The font comes from npm: Lambda has none. */
export const FONT_FILE = createRequire(import.meta.url).resolve('#font');

/** The overview with every finding drawn in. `image` is the size of the full image. */
export async function drawOverlay(
  overview: Uint8Array,
  image: { width: number; height: number },
  findings: readonly Finding[],
): Promise<Uint8Array> {
  const name = ({ text, label, score }: Finding) => `${text ?? label} ${score.toFixed(2)}`;
  const drawn = await withFindings(sharp(overview), [0, 0, image.width, image.height], findings, name);
  return await drawn.jpeg({ quality: 85 }).toBuffer();
}

/** `image` shows the box `shown` of the full image, at any scale. Findings outside it are left out. */
export async function withFindings(
  image: Sharp,
  shown: Box,
  findings: readonly Finding[],
  nameOf: (finding: Finding) => string,
): Promise<Sharp> {
  const colorOf = colorsByLabel(findings);
  const boxes = findings.map((finding): NamedBox => {
    const { color, ink } = colorOf(finding.label);
    return { box: finding.box, outline: finding.polygon ?? null, color, ink, name: nameOf(finding) };
  });
  return await withBoxes(image, shown, boxes);
}

/** A box to draw, in pixels of the full image. */
export interface NamedBox {
  box: Box;
  /** Drawn as an alternative to the box. */
  outline?: Polygon | null;
  color: string;
  ink: string;
  name: string;
  /** The name goes below the box, not above. */
  isNamedBelow?: boolean;
}

/** As `withFindings`, in colors that the caller chooses. */
export async function withBoxes(image: Sharp, shown: Box, boxes: readonly NamedBox[]): Promise<Sharp> {
  const { data, info } = await image.toColorspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const scale = info.width / shown[2];
  const marks = boxes
    .filter(({ box }) => intersectionOf(box, shown) > 0)
    .map(({ box: [left, top, width, height], outline = null, color, ink, name, isNamedBelow = false }): Mark => {
      const box = [(left - shown[0]) * scale, (top - shown[1]) * scale, width * scale, height * scale] as const;
      const corners = outline?.map(([x, y]) => [(x - shown[0]) * scale, (y - shown[1]) * scale] as const) ?? null;
      return { box, corners, color, ink, name, isNamedBelow };
    });
  const names = await Promise.all(marks.slice(0, NAMED_MAX).map((mark) => nameTag(mark, info)));
  const drawn = { input: Buffer.from(boxesSvg(marks, info)), left: 0, top: 0 };
  return sharp(data, { raw: info }).composite([drawn, ...names.flat()]);
}

/** A box in pixels of the copy that is drawn on. */
interface Mark {
  box: readonly [number, number, number, number];
  /** `null` if the box is drawn. */
  corners: readonly (readonly [number, number])[] | null;
  color: string;
  ink: string;
  name: string;
  isNamedBelow: boolean;
}

function colorsByLabel(findings: readonly Finding[]): (label: string) => (typeof COLORS)[number] {
  const labels = [...new Set(findings.map(({ label }) => label))].sort();
  const places = new Map(labels.map((label, place) => [label, place]));
  return (label) => {
    const place = places.get(label);
    if (place === undefined) throw new Error(`No finding has the label ${label}.`);
    return at(COLORS, place % COLORS.length);
  };
}

function boxesSvg(marks: readonly Mark[], { width, height }: { width: number; height: number }): string {
  const boxes = marks.map(({ box, corners, color }) => {
    const points = corners?.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
    if (points) return `<polygon points="${points}" stroke="${color}"/>`;
    const [x, y, boxWidth, boxHeight] = box.map((side) => side.toFixed(1));
    return `<rect x="${x}" y="${y}" width="${boxWidth}" height="${boxHeight}" stroke="${color}"/>`;
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<g fill="none" stroke-width="${STROKE_PX}">${boxes.join('')}</g></svg>`
  );
}

/** Above or below its box, or inside if there is no room there; none if it does not fit at all. */
async function nameTag(
  { box, color, ink, name, isNamedBelow }: Mark,
  image: { width: number; height: number },
): Promise<OverlayOptions[]> {
  const shortened = shortName(printable(name));
  if (shortened.trim() === '') return []; // the renderer refuses a text without ink
  const { data, info } = await textTag(shortened, { color, ink });
  if (info.width > image.width || info.height > image.height) return [];
  const within = (position: number, most: number) => Math.max(0, Math.min(Math.round(position), most));
  const above = box[1] >= info.height ? box[1] - info.height : box[1];
  const top = isNamedBelow ? box[1] + box[3] : above;
  return [{ input: data, left: within(box[0], image.width - info.width), top: within(top, image.height - info.height) }];
}

/** A line of text on a colored ground, as a PNG. Throws if the text has no ink. */
export async function textTag(text: string, { color, ink }: { color: string; ink: string }) {
  const words = `<span foreground="${ink}" background="${color}"> ${escaped(text)} </span>`;
  const font = `DejaVu Sans Bold ${NAME_POINTS}`;
  return await sharp({ text: { text: words, font, fontfile: FONT_FILE, rgba: true, dpi: 96 } })
    .png()
    .toBuffer({ resolveWithObject: true });
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
