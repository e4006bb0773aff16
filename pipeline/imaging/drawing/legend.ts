// A strip below an image that says what its colors and marks mean.
import sharp, { type OverlayOptions, type Sharp } from 'sharp';
import type { Finding, Severity } from '../../contract/schemas.ts';
import {
  coloredLabels,
  colorsOfLabels,
  countsByLabel,
  type LabelColor,
  OTHER_LABELS,
  SEVERITY_LOOKS,
} from '../../findings/marks.ts';
import { drawableName, textTag } from './name-tag.ts';

const GROUND = '#ffffff';
const PLAIN: LabelColor = { color: GROUND, ink: '#000000' };
const MARGIN_PX = 6;
/** Not those of the schema: the process that decodes images loads no schemas. */
const RISING: readonly Severity[] = ['low', 'medium', 'high', 'critical'];
/** A narrower image has no room for words. */
const WIDTH_MIN_PX = 240;

/** `drawn` with a legend below. `named` of the findings `shown` have a name. Colors are those of `all` findings. */
export async function withLegend(
  drawn: Sharp,
  findings: { shown: readonly Finding[]; all: readonly Finding[]; named: number },
): Promise<{ legend: Sharp; imageHeight: number }> {
  const { data, info } = await drawn.raw().toBuffer({ resolveWithObject: true });
  const { width, height: imageHeight } = info;
  const words = findings.shown.length === 0 || width < WIDTH_MIN_PX ? [] : wordsOf(findings);
  const { tags, bottom } = placed(await Promise.all(words.map(({ text, look }) => textTag(text, look))), width);
  const height = tags.length === 0 ? imageHeight : imageHeight + bottom;
  const ground = sharp({ create: { width, height, channels: 3, background: GROUND } });
  const below = tags.map(({ input, left, top }): OverlayOptions => ({ input, left, top: imageHeight + top }));
  return { legend: ground.composite([{ input: data, raw: info, left: 0, top: 0 }, ...below]), imageHeight };
}

function wordsOf({ shown, all, named }: { shown: readonly Finding[]; all: readonly Finding[]; named: number }) {
  const counts = countsByLabel(shown);
  const allCounts = countsByLabel(all);
  const colorOf = colorsOfLabels(allCounts);
  const colored = coloredLabels(allCounts).filter((label) => counts.has(label));
  const labels = colored.map((label) => ({ text: drawableName(`${label} ${counts.get(label)}`), look: colorOf(label) }));
  const others = [...counts.keys()].filter((label) => !colored.includes(label));
  const rest = others.reduce((sum, label) => sum + (counts.get(label) ?? 0), 0);
  const marks = RISING.filter(
    (severity) => SEVERITY_LOOKS[severity].mark !== '' && shown.some((finding) => finding.severity === severity),
  );
  const texts = [
    ...labels,
    ...(others.length > 0
      ? [{ text: `${others.length} more ${others.length === 1 ? 'label' : 'labels'} ${rest}`, look: OTHER_LABELS }]
      : []),
    ...marks.map((severity) => ({ text: `${SEVERITY_LOOKS[severity].mark} ${severity}`, look: PLAIN })),
    ...(named < shown.length ? [{ text: `${shown.length - named} without room for a name`, look: PLAIN }] : []),
  ];
  return texts.flatMap(({ text, look }) => (text === null ? [] : [{ text, look }]));
}

/** In rows, from left to right. A text that is wider than the image is left out. */
function placed(tags: readonly { data: Buffer; info: { width: number; height: number } }[], width: number) {
  const rows: OverlayOptions[] = [];
  let [left, top, bottom] = [MARGIN_PX, MARGIN_PX, MARGIN_PX];
  for (const { data, info } of tags) {
    if (info.width > width - 2 * MARGIN_PX) continue;
    if (left + info.width > width - MARGIN_PX) [left, top] = [MARGIN_PX, bottom];
    rows.push({ input: data, left, top });
    left += info.width + MARGIN_PX;
    bottom = Math.max(bottom, top + info.height + MARGIN_PX);
  }
  return { tags: rows.map(({ input, left: x = 0, top: y = 0 }) => ({ input, left: x, top: y })), bottom };
}
