// Draws a chart as a JPEG: colored rectangles, each with its code.
import sharp from 'sharp';
import { at } from '../contract/at.ts';
import { LABEL_COLORS } from '../findings/marks.ts';
import { FONT_FILE } from '../imaging/drawing/name-tag.ts';
import type { Jpeg } from '../ports.ts';
import type { Chart } from './chart.ts';

export async function drawChart({ width, height, marks }: Chart): Promise<Jpeg> {
  const colorAt = (place: number) => at(LABEL_COLORS, place % LABEL_COLORS.length);
  const boxes = marks.map(
    ({ box: [x, y, w, h] }, place) => `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${colorAt(place).color}"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${boxes.join('')}</svg>`;
  const names = await Promise.all(
    marks.map(async ({ code, box: [left, top, w, h] }, place) => {
      const text = {
        text: `<span foreground="${colorAt(place).ink}">${code}</span>`,
        font: 'DejaVu Sans Bold',
        fontfile: FONT_FILE,
        rgba: true,
        width: Math.ceil(w * 0.8),
        height: Math.ceil(h * 0.6),
      };
      const { data, info } = await sharp({ text }).png().toBuffer({ resolveWithObject: true });
      const [across, down] = [Math.round((w - info.width) / 2), Math.round((h - info.height) / 2)];
      return { input: data, left: left + Math.max(0, across), top: top + Math.max(0, down) };
    }),
  );
  const background = sharp({ create: { width, height, channels: 3, background: 'white' } });
  const bytes = await background
    .composite([{ input: Buffer.from(svg), left: 0, top: 0 }, ...names])
    .jpeg({ quality: 92 })
    .toBuffer();
  return { bytes, width, height };
}
