// Draws findings on a copy of the image: outlines or boxes, and names that do not cover one another.
import sharp, { type Sharp } from 'sharp';
import type { Box, Finding, Polygon } from '../../contract/schemas.ts';
import { colorsOfLabels, countsByLabel, type LabelColor, nameOf, SEVERITY_LOOKS } from '../../findings/marks.ts';
import { namePlaces } from '../../findings/name-places.ts';
import { intersectionOf } from '../../planning/geometry.ts';
import { withLegend } from './legend.ts';
import { drawableName, rawTag } from './name-tag.ts';
import { drawFrame, drawImage, type RawImage } from './raw-drawing.ts';

/** More names than this hide the image; every box is still drawn. */
const NAMED_MAX = 300;
/** Thin lines keep their colors. */
const JPEG = { quality: 85, chromaSubsampling: '4:4:4' } as const;
/** The thinnest line, in pixels of the copy. */
const STROKE_PX = 2.5;
/** A dark line below each bright one, so that a box is visible on a ground of its own color. */
const HALO_PX = 1.5;
const HALO = { color: '#000000', opacity: 0.55 } as const;

/** A copy with findings, as a JPEG. */
export interface Overlay {
  bytes: Uint8Array;
  /** Height of the image in it, in pixels of the copy. The legend is below. */
  imageHeight: number;
}

/**
 * The overview with the findings `shown` drawn in, and a legend. `image` is the size of the full image; colors are those of `all`
 * findings, also of those that are not shown.
 */
export async function drawOverlay(
  overview: Uint8Array,
  image: { width: number; height: number },
  { shown, all }: { shown: readonly Finding[]; all: readonly Finding[] },
): Promise<Overlay> {
  const colorOf = colorsOfLabels(countsByLabel(all));
  const { drawn, named } = await drawnWith(sharp(overview), [0, 0, image.width, image.height], boxesOf(shown, nameOf, colorOf));
  const { legend, imageHeight } = await withLegend(drawn, { shown, all, named });
  return { bytes: await legend.jpeg(JPEG).toBuffer(), imageHeight };
}

/** How findings are named and colored. */
export interface Looks {
  nameOf(finding: Finding): string;
  colorOf(label: string): LabelColor;
}

/** `image` shows the box `shown` of the full image, at any scale. Findings outside it are left out. */
export async function withFindings(image: Sharp, shown: Box, findings: readonly Finding[], looks: Looks): Promise<Sharp> {
  return await withBoxes(image, shown, boxesOf(findings, looks.nameOf, looks.colorOf));
}

function boxesOf(findings: readonly Finding[], nameOf: Looks['nameOf'], colorOf: Looks['colorOf']): NamedBox[] {
  return findings.map((finding): NamedBox => {
    const { color, ink } = colorOf(finding.label);
    const { weight } = SEVERITY_LOOKS[finding.severity];
    return { box: finding.box, outline: finding.polygon ?? null, color, ink, weight, name: nameOf(finding) };
  });
}

/** A box to draw, in pixels of the full image. */
export interface NamedBox extends LabelColor {
  box: Box;
  /** Drawn as an alternative to the box. */
  outline?: Polygon | null;
  /** A multiple of the thinnest line. */
  weight?: number;
  name: string;
  /** The name goes below the box if there is room, not above. */
  isNamedBelow?: boolean;
}

/** As `withFindings`, in colors that the caller chooses. */
export async function withBoxes(image: Sharp, shown: Box, boxes: readonly NamedBox[]): Promise<Sharp> {
  const { drawn } = await drawnWith(image, shown, boxes);
  return drawn;
}

/** `named`: the number of boxes that have a name. */
async function drawnWith(image: Sharp, shown: Box, boxes: readonly NamedBox[]): Promise<{ drawn: Sharp; named: number }> {
  const raw = await rawOf(image);
  const { info } = raw;
  const scale = info.width / shown[2];
  const marks = boxes
    .filter(({ box }) => intersectionOf(box, shown) > 0)
    .map(({ box: [left, top, width, height], outline = null, weight = 1, isNamedBelow = false, color, ink, name }): Mark => {
      const box: Box = [(left - shown[0]) * scale, (top - shown[1]) * scale, width * scale, height * scale];
      const corners = outline?.map(([x, y]) => [(x - shown[0]) * scale, (y - shown[1]) * scale] as const) ?? null;
      return { box, corners, weight, color, ink, name, isNamedBelow };
    });
  const drawn = await withLines(raw, marks);
  const named = await drawNames(marks.slice(0, NAMED_MAX), drawn);
  return { drawn: sharp(drawn.data, { raw: info }), named };
}

async function rawOf(image: Sharp): Promise<RawImage> {
  const { data, info } = await image.toColorspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`An image to draw on must have 3 channels, not ${info.channels}.`);
  return { data, info: { width: info.width, height: info.height, channels: info.channels } };
}

/** A box in pixels of the copy that is drawn on. */
interface Mark extends LabelColor {
  box: Box;
  /** `null` if the box is drawn. */
  corners: readonly (readonly [number, number])[] | null;
  weight: number;
  name: string;
  isNamedBelow: boolean;
}

/** Outlines need a renderer. Boxes alone are drawn without one, into the pixels of `image`. */
async function withLines(image: RawImage, marks: readonly Mark[]): Promise<RawImage> {
  const { data, info } = image;
  if (marks.some(({ corners }) => corners !== null)) {
    const lines = { input: Buffer.from(linesSvg(marks, info)), left: 0, top: 0 };
    return await rawOf(sharp(data, { raw: info }).composite([lines]));
  }
  for (const { box, weight } of marks) drawFrame(image, box, { ...HALO, widthPx: STROKE_PX * weight + HALO_PX });
  for (const { box, weight, color } of marks) drawFrame(image, box, { color, opacity: 1, widthPx: STROKE_PX * weight });
  return image;
}

function linesSvg(marks: readonly Mark[], { width, height }: { width: number; height: number }): string {
  const shapeOf = ({ box, corners }: Mark, line: string) => {
    const points = corners?.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
    if (points) return `<polygon points="${points}" ${line}/>`;
    const [x, y, boxWidth, boxHeight] = box.map((side) => side.toFixed(1));
    return `<rect x="${x}" y="${y}" width="${boxWidth}" height="${boxHeight}" ${line}/>`;
  };
  const halos = marks.map((mark) => shapeOf(mark, `stroke-width="${(STROKE_PX * mark.weight + HALO_PX).toFixed(1)}"`));
  const lines = marks.map((mark) => {
    return shapeOf(mark, `stroke="${mark.color}" stroke-width="${(STROKE_PX * mark.weight).toFixed(1)}"`);
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<g fill="none" stroke="${HALO.color}" stroke-opacity="${HALO.opacity}">${halos.join('')}</g><g fill="none">${lines.join('')}</g></svg>`
  );
}

/** Beside their boxes or in them; those without room are left out. Returns how many are drawn. */
async function drawNames(marks: readonly Mark[], image: RawImage): Promise<number> {
  const tags = await Promise.all(
    marks.map(async (mark) => {
      const name = drawableName(mark.name);
      return name === null ? null : { mark, tag: await rawTag(name, mark) };
    }),
  );
  const places = namePlaces(image.info);
  let named = 0;
  for (const drawn of tags) {
    if (drawn === null) continue;
    const { mark, tag } = drawn;
    const place = places.take(mark.box, tag.info, mark.isNamedBelow ? 'below' : 'above');
    if (place === null) continue;
    drawImage(image, tag, place[0], place[1]);
    named++;
  }
  return named;
}
