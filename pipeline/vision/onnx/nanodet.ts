// Detects objects with NanoDet-g: pixels in, boxes with COCO labels out, in pixels of the tile.
import { at } from '../../contract/at.ts';
import type { Box, Detection } from '../../contract/schemas.ts';
import type { Jpeg } from '../../ports.ts';
import { COCO_LABELS } from '../../providers/coco-labels.ts';
import { bgrPlanes, channelTable, decodeTo, scaled, valueAt } from './pixels.ts';
import { output, run, type Sessions } from './sessions.ts';

// The longer side. Below 320 px objects are missed: of 54, images of 160 px showed 18, enlarged to 320 px 39, to 640 px 37.
const EDGE_PX_MIN = 320;
const EDGE_PX_MAX = 640;
const STRIDES = [8, 16, 32] as const;
const CLASSES = COCO_LABELS.length;
const BINS = 11; // the distance to a side is the mean of a distribution over 0..10 strides
const SCORE_MIN = 0.4;
const IOU_THRESHOLD = 0.6;
const PADDING = { fill: 114, multiple: 32 };
// Blue, green, red, as NanoDet was trained.
const TABLES = [channelTable(103.53, 57.375), channelTable(116.28, 57.12), channelTable(123.675, 58.395)] as const;

interface Candidate {
  label: string;
  score: number;
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Detections by falling score. The model gets the tile with a longer side of 320 to 640 px. */
export async function detectObjects(sessions: Sessions, tile: Jpeg): Promise<Detection[]> {
  const session = await sessions.get(sessions.path('nanodet.onnx'));
  const size = scaled(tile, EDGE_PX_MIN, EDGE_PX_MAX);
  const planes = bgrPlanes(await decodeTo(tile, size.width, size.height), TABLES, PADDING);
  const outputs = await run(session, planes.values, [1, 3, planes.height, planes.width]);
  const candidates = STRIDES.flatMap((stride) => {
    const scores = output(outputs, `scores_${stride}`).values;
    const distances = output(outputs, `distances_${stride}`).values;
    return candidatesAt(stride, planes.width / stride, scores, distances);
  });
  const scaleX = tile.width / size.width;
  const scaleY = tile.height / size.height;
  return suppressed(candidates).flatMap((candidate) => {
    const box = boxInTile(candidate, scaleX, scaleY, tile);
    const score = Math.round(candidate.score * 1_000) / 1_000;
    return box
      ? [{ label: candidate.label, description: candidate.label, score, severity: 'info' as const, box, text: null }]
      : [];
  });
}

function candidatesAt(stride: number, columns: number, scores: Float32Array, distances: Float32Array): Candidate[] {
  const candidates: Candidate[] = [];
  for (let cell = 0, cells = scores.length / CLASSES; cell < cells; cell++) {
    let best = -1;
    let score = SCORE_MIN;
    for (let label = 0, from = cell * CLASSES; label < CLASSES; label++) {
      const value = valueAt(scores, from + label);
      if (value >= score) {
        score = value;
        best = label;
      }
    }
    if (best < 0) continue;
    const x = ((cell % columns) + 0.5) * stride;
    const y = (Math.floor(cell / columns) + 0.5) * stride;
    const side = (index: number): number => meanBin(distances, (cell * 4 + index) * BINS) * stride;
    candidates.push({
      label: at(COCO_LABELS, best),
      score,
      left: x - side(0),
      top: y - side(1),
      right: x + side(2),
      bottom: y + side(3),
    });
  }
  return candidates;
}

/** The mean of the distribution whose logarithms start at `from`. */
function meanBin(logits: Float32Array, from: number): number {
  let sum = 0;
  let weighted = 0;
  for (let bin = 0; bin < BINS; bin++) {
    const weight = Math.exp(valueAt(logits, from + bin));
    sum += weight;
    weighted += weight * bin;
  }
  return weighted / sum;
}

/** NMS: of boxes with one label that overlap, keeps the one with the highest score. */
function suppressed(candidates: Candidate[]): Candidate[] {
  const kept: Candidate[] = [];
  for (const candidate of candidates.sort((a, b) => b.score - a.score)) {
    if (!kept.some((other) => other.label === candidate.label && iou(other, candidate) > IOU_THRESHOLD)) kept.push(candidate);
  }
  return kept;
}

function iou(a: Candidate, b: Candidate): number {
  const width = Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left));
  const height = Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
  const area = (box: Candidate): number => (box.right - box.left) * (box.bottom - box.top);
  const intersection = width * height;
  return intersection === 0 ? 0 : intersection / (area(a) + area(b) - intersection);
}

/** Clipped to the tile, to a tenth of a pixel. `null` if nothing is left of it: it lay in the padding. */
function boxInTile(candidate: Candidate, scaleX: number, scaleY: number, tile: Jpeg): Box | null {
  const inside = (value: number, end: number): number => Math.round(Math.min(Math.max(value, 0), end) * 10) / 10;
  const left = inside(candidate.left * scaleX, tile.width);
  const top = inside(candidate.top * scaleY, tile.height);
  const width = Math.round((inside(candidate.right * scaleX, tile.width) - left) * 10) / 10;
  const height = Math.round((inside(candidate.bottom * scaleY, tile.height) - top) * 10) / 10;
  return width > 0 && height > 0 ? [left, top, width, height] : null;
}
