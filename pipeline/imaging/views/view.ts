// Renders a view: one box or several boxes of an image as one JPEG, turned, stretched, with findings and coordinates. Gets its pixels from
// a `Cut`: knows neither where they are stored nor how they are decoded.
import sharp, { type Sharp } from 'sharp';
import { at } from '../../contract/at.ts';
import type { Box, Finding, Polygon } from '../../contract/schemas.ts';
import { colorsOfLabels, countsByLabel, SEVERITY_LOOKS } from '../../findings/marks.ts';
import { intersectionOf } from '../../planning/geometry.ts';
import type { Jpeg } from '../../ports.ts';
import type { Cutting } from '../cut-out.ts';
import { type Looks, withFindings } from '../drawing/overlay.ts';
import { type Cell, cellsFor, onSheet, type Size } from './contact-sheet.ts';
import { withCoordinates } from './coordinate-grid.ts';
import { pointInView, type Turn, type ViewFrame } from './turn.ts';

/** The part of an image inside `box`, which is in pixels of the full image, at a `scale` of at most 1. */
export type Cut = (box: Box, scale: number) => Promise<Cutting>;

/** What is shown, and how. */
export interface View {
  /** In pixels of the full image, inside it. Several are shown side by side, with their numbers. */
  boxes: readonly Box[];
  /** Limits of the answer. */
  pixelsMax: number;
  edgePxMax: number;
  turn: Turn;
  /** Spreads the brightness between the 1st and the 99th percentile over the full range. */
  contrast: boolean;
  /** Draws lines at round coordinates of the full image. */
  grid: boolean;
  /** Drawn with their ids and labels. */
  findings: readonly Finding[];
}

/** A view whose image is not known yet: without boxes, it shows the whole image. */
export type WantedView = Omit<View, 'findings'>;

/** Where a box of the full image is in the answer. */
export interface Panel {
  box: Box;
  /** Pixels of the answer for each pixel of the full image. */
  scale: number;
  /** In pixels of the answer, after the turn. */
  place: Box;
}

export interface RenderedView extends Jpeg {
  panels: Panel[];
}

// Optimized Huffman tables take longer than they save in bytes.
const JPEG = { quality: 85, optimiseCoding: false } as const;
/** Percentiles: specks and glints do not count. */
const STRETCH = { lower: 1, upper: 99 } as const;

export async function renderView(cut: Cut, view: View): Promise<RenderedView> {
  const sizes = view.boxes.map(([, , width, height]): Size => (view.turn % 180 === 0 ? [width, height] : [height, width]));
  const cells = cellsFor(sizes, view);
  const panels: { image: Sharp; panel: Panel }[] = [];
  for (const [index, box] of view.boxes.entries()) panels.push(await panelOf(cut, view, box, at(cells, index)));
  const [first] = panels;
  const answer = first && panels.length === 1 ? first.image : await onSheet(panels, cells);
  const { data, info } = await answer.jpeg(JPEG).toBuffer({ resolveWithObject: true });
  return { bytes: data, width: info.width, height: info.height, panels: panels.map(({ panel }) => panel) };
}

async function panelOf(cut: Cut, view: View, box: Box, { left, top, scale }: Cell): Promise<{ image: Sharp; panel: Panel }> {
  const { image: plain, width, height } = await adjusted(await cut(box, scale), view);
  const exact = Math.max(width, height) / Math.max(box[2], box[3]); // a sliver has one pixel on its shorter side at any scale
  const frame = { box, scale: exact, turn: view.turn };
  const gridded = view.grid ? await withCoordinates(plain, frame) : plain;
  const findings = view.findings
    .filter((finding) => intersectionOf(finding.box, box) > 0)
    .map((finding) => moved(finding, frame));
  const shown: Box = [0, 0, width, height];
  const image = findings.length === 0 ? gridded : await withFindings(gridded, shown, findings, looksOf(view.findings));
  return { image, panel: { box, scale: exact, place: [left, top, width, height] } };
}

/** Ids first: the caller asks for a finding by its id. Colors are those of all findings, as in the overlay. */
function looksOf(all: readonly Finding[]): Looks {
  return {
    nameOf: ({ id, label, severity }) => [id, SEVERITY_LOOKS[severity].mark, label].filter((part) => part !== '').join(' '),
    colorOf: colorsOfLabels(countsByLabel(all)),
  };
}

/** Turned and stretched. */
async function adjusted(cutting: Cutting, { turn, contrast }: View): Promise<Cutting> {
  if (turn === 0 && !contrast) return cutting;
  const turned = await computed(turn === 0 ? cutting.image : cutting.image.rotate(turn));
  return contrast ? await computed(turned.image.normalise(STRETCH)) : turned;
}

async function computed(image: Sharp): Promise<Cutting> {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return { image: sharp(data, { raw: info }), width: info.width, height: info.height };
}

/** The finding in pixels of its panel. */
function moved(finding: Finding, frame: ViewFrame): Finding {
  const [left, top, width, height] = finding.box;
  const [ax, ay] = pointInView([left, top], frame);
  const [bx, by] = pointInView([left + width, top + height], frame);
  const box: Box = [Math.min(ax, bx), Math.min(ay, by), Math.abs(ax - bx), Math.abs(ay - by)];
  const { polygon, ...rest } = finding;
  if (!polygon) return { ...rest, box };
  return { ...rest, box, polygon: polygon.map((corner): Polygon[number] => pointInView(corner, frame)) };
}
