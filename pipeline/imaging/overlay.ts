// Draws findings on a small copy of the picture: boxes and labels where people would look.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sharp, { type OverlayOptions } from 'sharp';
import type { Finding } from '../core/contract.ts';

/** More names than this hide the picture; every box is still drawn. */
const NAMED_MAX = 300;
const NAME_CHARACTERS_MAX = 24;
const STROKE_PX = 3;
const NAME_POINTS = 11;
/** Okabe and Ito's colours, which most kinds of colour blindness tell apart. */
const COLOURS = ['#d55e00', '#0072b2', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#f0e442'] as const;

// The font comes from npm, as a Lambda has none.
const FONT_FILE = join(
  dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')),
  'ttf/DejaVuSans-Bold.ttf',
);

/** A JPEG of the overview's size. `image` is the size of the full picture, whose pixels the findings' boxes are in. */
export async function drawOverlay(
  overview: Uint8Array,
  image: { width: number; height: number },
  findings: readonly Finding[],
): Promise<Uint8Array> {
  const { width = 1, height = 1 } = await sharp(overview).metadata();
  const copy = { width, height };
  const scale = copy.width / image.width;
  const colours = coloursOf(findings);
  const boxes = { input: Buffer.from(boxesSvg(findings, colours, scale, copy)), left: 0, top: 0 };
  const names = await Promise.all(findings.slice(0, NAMED_MAX).map((finding) => nameTag(finding, colours, scale, copy)));
  return await sharp(overview)
    .composite([boxes, ...names])
    .jpeg({ quality: 85 })
    .toBuffer();
}

function coloursOf(findings: readonly Finding[]): Map<string, string> {
  const labels = [...new Set(findings.map(({ label }) => label))].sort();
  return new Map(labels.map((label, index) => [label, COLOURS[index % COLOURS.length] ?? COLOURS[0]]));
}

function boxesSvg(
  findings: readonly Finding[],
  colours: Map<string, string>,
  scale: number,
  copy: { width: number; height: number },
): string {
  const boxes = findings.map(({ label, box }) => {
    const [x, y, width, height] = box.map((side) => (side * scale).toFixed(1));
    return `<rect x="${x}" y="${y}" width="${width}" height="${height}" stroke="${colours.get(label)}"/>`;
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${copy.width}" height="${copy.height}">` +
    `<g fill="none" stroke-width="${STROKE_PX}">${boxes.join('')}</g></svg>`
  );
}

async function nameTag(
  { label, text, score, box }: Finding,
  colours: Map<string, string>,
  scale: number,
  copy: { width: number; height: number },
): Promise<OverlayOptions> {
  const name = [...(text ?? label)].slice(0, NAME_CHARACTERS_MAX).join('');
  const { data, info } = await sharp({
    text: {
      text: `<span foreground="white" background="${colours.get(label)}"> ${escaped(name)} ${score.toFixed(2)} </span>`,
      font: `DejaVu Sans Bold ${NAME_POINTS}`,
      fontfile: FONT_FILE,
      rgba: true,
      dpi: 96,
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true });
  const above = Math.round(box[1] * scale) - info.height;
  const left = Math.min(Math.round(box[0] * scale), copy.width - info.width);
  const top = above >= 0 ? above : Math.min(Math.round(box[1] * scale), copy.height - info.height);
  if (left < 0 || top < 0)
    return { input: { create: { width: 1, height: 1, channels: 4, background: '#0000' } }, left: 0, top: 0 };
  return { input: data, left, top };
}

/** Pango reads markup: text that came from a picture must not be any. Control characters have no glyph. */
function escaped(text: string): string {
  const visible = text.replace(/\p{Cc}/gu, ' ');
  return visible.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
