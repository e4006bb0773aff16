// Detects objects with NanoDet-g, the built-in detector: pixels in, boxes with COCO labels out, in pixels of the tile. Unlike a detector of
// a user's, it takes inputs of any size.
import { at } from '../../contract/at.ts';
import type { Detection } from '../../contract/schemas.ts';
import type { Jpeg } from '../../ports.ts';
import { COCO_LABELS } from '../../providers/coco-labels.ts';
import { suppressed } from '../detectors/candidates.ts';
import { distanceCandidates, gridOf } from '../detectors/decoders/grids.ts';
import { boxInTile } from '../detectors/letterbox.ts';
import { flatShares } from './flat-share.ts';
import { bgrPlanes, channelTable, decodeTo, giveBack, scaled } from './pixels.ts';
import { output, run, type Sessions } from './sessions.ts';

// The longer side. Below 320 px objects are missed: of 54, images of 160 px showed 18, enlarged to 320 px 39, to 640 px 37.
const EDGE_PX_MIN = 320;
const EDGE_PX_MAX = 640;
const STRIDES = [8, 16, 32] as const;
const CLASSES = COCO_LABELS.length;
const DISTANCES = 4 * 11; // the distance to a side is the mean of a distribution over 0..10 strides
const NMS = { iou: 0.6, across_labels: false };
const PADDING = { fill: 114, multiple: 32 };
// Blue, green, red, as NanoDet was trained.
const TABLES = [channelTable(103.53, 57.375), channelTable(116.28, 57.12), channelTable(123.675, 58.395)] as const;

/** Detections by falling score, from `minScore` on. The model gets the tile with a longer side of 320 to 640 px. */
export async function detectObjects(sessions: Sessions, tile: Jpeg, minScore: number): Promise<Detection[]> {
  const session = await sessions.get(sessions.path('nanodet.onnx'));
  const size = scaled(tile, EDGE_PX_MIN, EDGE_PX_MAX);
  const pixels = await decodeTo(tile, size.width, size.height);
  const planes = bgrPlanes(pixels, TABLES, PADDING);
  const outputs = await run(session, planes.values, [1, 3, planes.height, planes.width]);
  giveBack(planes);
  const candidates = STRIDES.flatMap((stride) => {
    const cells = gridOf(planes, stride);
    const rows = {
      scores: { values: output(outputs, `scores_${stride}`).values, rows: cells.length, columns: CLASSES },
      distances: { values: output(outputs, `distances_${stride}`).values, rows: cells.length, columns: DISTANCES },
      offset: 0,
    };
    return distanceCandidates(cells, rows, COCO_LABELS, minScore);
  });
  const placement = { left: 0, top: 0, ...size, scaleX: size.width / tile.width, scaleY: size.height / tile.height };
  const found = suppressed(candidates, NMS);
  if (found.length === 0) return [];
  const flatShareOf = flatShares(pixels);
  return found.flatMap((candidate) => {
    const { left, top, right, bottom } = candidate;
    const flat = Math.round(flatShareOf([left, top, right - left, bottom - top]) * 100) / 100;
    const box = boxInTile(candidate, placement, tile);
    const label = at(COCO_LABELS, candidate.label);
    const score = Math.round(candidate.score * 1_000) / 1_000;
    return box ? [{ label, description: label, score, severity: 'info' as const, box, text: null, flat }] : [];
  });
}
