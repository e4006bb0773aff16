// Text at any angle through the Vision port: real weights, real worker processes.
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Ask, Detection } from '../../pipeline/contract/schemas.ts';
import type { Jpeg } from '../../pipeline/ports.ts';
import { onnxVision } from '../../pipeline/vision/onnx/onnx-vision.ts';
import { drawnAtAngles, LINES, linesRead } from '../support/text-at-angles.ts';

const EVERYTHING: Ask = { look_for: null, labels: [] };
const vision = onnxVision();

async function jpeg(image: Sharp): Promise<Jpeg> {
  const { data, info } = await image.jpeg({ quality: 90 }).toBuffer({ resolveWithObject: true });
  return { bytes: data, width: info.width, height: info.height };
}

async function detectionsIn(image: Sharp): Promise<Detection[]> {
  return (await vision.detect('onnx:ppocr', await jpeg(image), EVERYTHING)).detections;
}

describe('onnx:ppocr', () => {
  it.each([0, 28, 63, 91, 133, 175, 203, 252, 287, 343])('reads lines at %i degrees, each in its place', async (angle) => {
    const { image, lines } = drawnAtAngles([angle], 3);
    const detections = await detectionsIn(image);
    expect(linesRead(lines, detections).map(({ text }) => text)).toEqual(LINES.map(({ text }) => text));
  });

  it.each([30, 120, -45, -160])('reports the corners of a line at %i degrees, from where its text begins', async (angle) => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400" font-family="sans-serif" font-size="24"><rect width="100%" height="100%" fill="white"/><text x="200" y="200" text-anchor="middle" dominant-baseline="central" transform="rotate(${angle} 200 200)">FIRE HYDRANT 17</text></svg>`;
    const [detection, ...others] = await detectionsIn(sharp(Buffer.from(svg)));
    expect(others).toEqual([]);
    expect(detection?.text).toBe('FIRE HYDRANT 17');
    expect(Math.abs((detection?.angle ?? 0) - angle)).toBeLessThan(2);
    const [[startX = 0, startY = 0] = [], [endX = 0, endY = 0] = [], , [belowX = 0, belowY = 0] = []] = detection?.polygon ?? [];
    const length = Math.hypot(endX - startX, endY - startY);
    expect(length).toBeGreaterThan(215); // the text has 226 px
    expect(length).toBeLessThan(255);
    expect(Math.hypot(belowX - startX, belowY - startY)).toBeLessThan(45);
    const middle = [startX + endX + (belowX - startX), startY + endY + (belowY - startY)].map((sum) => sum / 2);
    expect(Math.hypot((middle[0] ?? 0) - 200, (middle[1] ?? 0) - 200)).toBeLessThan(5);
  });

  it.each([0.5, -1, 1.5, -2, 2.5, 3])('reads the long lines of a scan that is skewed by %f degrees', async (angle) => {
    const lines = [
      'The tenant shall keep the premises in good repair at all times',
      'Payment is due within 30 days of the date of invoice',
      'Total amount including tax: 1,284.50 EUR',
      'Please return this form to the office by 14 March',
      'Page 3 of 17',
    ];
    const texts = lines.map((line, index) => `<text x="20" y="${130 + 28 * index}">${line}</text>`).join('');
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="700" height="420" font-family="serif" font-size="17"><rect width="100%" height="100%" fill="white"/><g transform="rotate(${angle} 350 210)">${texts}</g></svg>`;
    const detections = await detectionsIn(sharp(Buffer.from(svg)));
    expect(detections.map(({ text }) => text).sort()).toEqual(lines.toSorted());
  });

  it('reports no corners for lines along the axes', async () => {
    const { image } = drawnAtAngles([0, 90], 3);
    const detections = await detectionsIn(image);
    expect(detections.length).toBeGreaterThanOrEqual(2 * LINES.length);
    expect(detections.filter((detection) => 'polygon' in detection || 'angle' in detection)).toEqual([]);
  });
});
