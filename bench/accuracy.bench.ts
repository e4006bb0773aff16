// Recall and precision on the example images, through the command line with default settings, compared with a single detection on
// the whole image. Every finding counts against precision, also text in images of objects. Then close-ups: objects of the lawn,
// enlarged beyond a tile, none of which may be lost or found twice. Drawn text: lines at all angles, and tight rows. A detector that is
// not in the repository is measured beside them: `npm run bench accuracy DETECTOR.onnx`, by default YOLOX-nano beside the repository.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { z } from 'zod';
import { at } from '../pipeline/contract/at.ts';
import { type Box, FindingsDocument } from '../pipeline/contract/schemas.ts';
import { readHeader, smallCopy } from '../pipeline/imaging/image-reader.ts';
import { intersectionOf, iou } from '../pipeline/planning/geometry.ts';
import { DEFAULT_LIMITS } from '../pipeline/planning/image-limits.ts';
import { onnxVision } from '../pipeline/vision/onnx/onnx-vision.ts';
import { type DetectorRegistry, detectorsInFolder } from '../pipeline/vision/registered-detectors.ts';
import { thingsOnPages } from './accuracy/drawn-pages.ts';
import { scoreDrawnText } from './accuracy/drawn-text.ts';
import { type BenchResult, resultOf, rounded } from './result.ts';

const LAWN_RIGHT_MIN = 50;
const LAWN_PRECISION_MIN = 0.93;
const FLOORPLAN_RIGHT_MIN = 241;
const DRAWN_LINES_SHARE_MIN = 0.95;
const SAME_OBJECT_IOU = 0.5;
/** The longer side of the object, in tiles of the default edge of 640 px: one and a quarter, two and a half. */
const CLOSE_UP_SIDES_PX = [800, 1_600] as const;
/** Margin around the object, as a share of its longer side. */
const CLOSE_UP_MARGIN = 0.6;
/** The largest input of each detector, for an image that is not tiled. */
const WHOLE_EDGE_PX = { 'onnx:nanodet': 640, 'onnx:ppocr': 1_024, 'onnx:own': 1_024 } as const; // the detector scales it down
const OWN_DETECTOR = '../shared/samples/detectors/yolox_nano.onnx';
const OUTPUT_BYTES_MAX = 50_000_000;

const Objects = z.array(z.object({ label: z.string(), x1: z.number(), y1: z.number(), x2: z.number(), y2: z.number() }));
const Texts = z.array(z.object({ text: z.string() }));
type Found = Pick<FindingsDocument['findings'][number], 'label' | 'box' | 'text'>;

interface Score {
  right: number;
  of: number;
  findings: number;
  precision: number;
}

export async function run(): Promise<BenchResult> {
  const lawn = Objects.parse(JSON.parse(await readFile('examples/lawn.truth.json', 'utf8')));
  const plan = Texts.parse(JSON.parse(await readFile('examples/floorplan.truth.json', 'utf8')));

  const lawnTiled = scoreObjects(await analyzed('examples/lawn.jpg'), lawn);
  const lawnWhole = scoreObjects(await detectedInWholeImage('examples/lawn.jpg', 'onnx:nanodet'), lawn);
  console.log(JSON.stringify({ image: 'lawn', tiled: lawnTiled, whole: lawnWhole }));

  const planTiled = scoreTexts(await analyzed('examples/floorplan.png'), plan);
  const planWhole = scoreTexts(await detectedInWholeImage('examples/floorplan.png', 'onnx:ppocr'), plan);
  console.log(JSON.stringify({ image: 'floorplan', tiled: planTiled, whole: planWhole }));

  const own = await scoreOwnDetector(lawn);
  const drawn = await scoreDrawnText(analyzed);
  const pages = await thingsOnPages(analyzed);
  const closeUps = await scoreCloseUps(lawn);
  const figures = {
    lawn_objects: lawn.length,
    lawn_right: lawnTiled.right,
    lawn_precision: lawnTiled.precision,
    lawn_whole_right: lawnWhole.right,
    floorplan_texts: plan.length,
    floorplan_right: planTiled.right,
    floorplan_whole_right: planWhole.right,
    ...own,
    drawn_lines: drawn.lines,
    drawn_lines_right: drawn.right,
    spreadsheet_rows: drawn.rows,
    spreadsheet_rows_right: drawn.rowsRight,
    pages: pages.pages,
    things_on_pages: pages.things,
    close_ups: closeUps.images,
    close_ups_lost: closeUps.lost,
    close_ups_doubled: closeUps.doubled,
  };
  return resultOf(figures, {
    lawn_right: ['>=', LAWN_RIGHT_MIN],
    lawn_precision: ['>=', LAWN_PRECISION_MIN],
    floorplan_right: ['>=', FLOORPLAN_RIGHT_MIN],
    drawn_lines_right: ['>=', Math.ceil(DRAWN_LINES_SHARE_MIN * drawn.lines)],
    spreadsheet_rows_right: ['=', drawn.rows],
    things_on_pages: ['=', 0],
    close_ups_lost: ['=', 0],
    close_ups_doubled: ['=', 0],
  });
}

async function analyzed(image: string, environment: Record<string, string> = {}): Promise<Found[]> {
  const out = await mkdtemp(join(tmpdir(), 'tilesight-bench-'));
  try {
    const stdout = await tilesight(['analyze', image, '--json', '-', '--out', out], environment);
    return FindingsDocument.parse(JSON.parse(stdout)).findings;
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

async function tilesight(args: string[], environment: Record<string, string>): Promise<string> {
  // biome-ignore lint/style/noProcessEnv: a child starts from this process's environment.
  const options = { maxBuffer: OUTPUT_BYTES_MAX, env: { ...process.env, ...environment } };
  return (await promisify(execFile)(process.execPath, ['cli/tilesight.ts', ...args], options)).stdout;
}

/** Findings of every label count against precision; `of_labels`: only those of the labels that the truth has. Empty without a detector. */
async function scoreOwnDetector(lawn: z.infer<typeof Objects>): Promise<Record<string, number>> {
  const [, file = OWN_DETECTOR] = process.argv.slice(2);
  if (!existsSync(file)) return {};
  const home = await mkdtemp(join(tmpdir(), 'tilesight-own-'));
  try {
    const environment = { TILESIGHT_HOME: home, DETECTION_MODELS: 'onnx:own' };
    await tilesight(['models', 'add', file, '--name', 'own'], environment);
    const labels = new Set(lawn.map(({ label }) => label));
    const found = await analyzed('examples/lawn.jpg', environment);
    const whole = await detectedInWholeImage('examples/lawn.jpg', 'onnx:own', detectorsInFolder(home));
    const tiled = scoreObjects(found, lawn);
    const ofLabels = scoreObjects(
      found.filter(({ label }) => labels.has(label)),
      lawn,
    );
    const inWhole = scoreObjects(whole, lawn);
    console.log(JSON.stringify({ image: 'lawn', detector: basename(file), tiled, of_labels: ofLabels, whole: inWhole }));
    return {
      own_right: tiled.right,
      own_precision: tiled.precision,
      own_precision_of_labels: ofLabels.precision,
      own_whole_right: inWhole.right,
    };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Two objects of each label, the largest and a medium one, in every size. */
async function scoreCloseUps(lawn: z.infer<typeof Objects>): Promise<{ images: number; lost: number; doubled: number }> {
  const longer = ({ x1, y1, x2, y2 }: (typeof lawn)[number]) => Math.max(x2 - x1, y2 - y1);
  const byLabel = Map.groupBy(lawn, ({ label }) => label).values();
  const chosen = [...byLabel].flatMap((same) => {
    const sorted = same.toSorted((a, b) => longer(b) - longer(a));
    return [at(sorted, 0), at(sorted, Math.floor(sorted.length / 2))];
  });
  const score = { images: 0, lost: 0, doubled: 0 };
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-close-ups-'));
  try {
    for (const object of chosen) {
      for (const sidePx of CLOSE_UP_SIDES_PX) {
        const image = join(folder, `${object.label}-${score.images}.jpg`);
        const box = await drawCloseUp(object, sidePx / longer(object), longer(object) * CLOSE_UP_MARGIN, image);
        const found = (await analyzed(image)).filter(
          ({ label, box: foundBox }) => label === object.label && coversHalf(foundBox, box),
        );
        const best = Math.max(0, ...found.map((finding) => iou(finding.box, box)));
        console.log(JSON.stringify({ close_up: object.label, side_px: sidePx, found: found.length, iou: rounded(best, 2) }));
        score.images += 1;
        score.lost += best < SAME_OBJECT_IOU ? 1 : 0;
        score.doubled += Math.max(0, found.length - 1);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return score;
}

/** Cuts the object out with a margin and scales it; returns its box in the new image. */
async function drawCloseUp(
  { x1, y1, x2, y2 }: z.infer<typeof Objects>[number],
  scale: number,
  marginPx: number,
  to: string,
): Promise<Box> {
  const { width: lawnWidth, height: lawnHeight } = await sharp('examples/lawn.jpg').metadata();
  const [left, top] = [Math.max(0, Math.round(x1 - marginPx)), Math.max(0, Math.round(y1 - marginPx))];
  const width = Math.min(lawnWidth, Math.round(x2 + marginPx)) - left;
  const height = Math.min(lawnHeight, Math.round(y2 + marginPx)) - top;
  await sharp('examples/lawn.jpg')
    .extract({ left, top, width, height })
    .resize(Math.round(width * scale), Math.round(height * scale), { fit: 'fill' })
    .jpeg({ quality: 92 })
    .toFile(to);
  return [(x1 - left) * scale, (y1 - top) * scale, (x2 - x1) * scale, (y2 - y1) * scale];
}

/** True if half of the smaller box lies in the larger one. */
function coversHalf(a: Box, b: Box): boolean {
  return intersectionOf(a, b) > Math.min(a[2] * a[3], b[2] * b[3]) / 2;
}

/** Detects once in the image, scaled down to the model's input. */
async function detectedInWholeImage(
  image: string,
  model: keyof typeof WHOLE_EDGE_PX,
  detectors: DetectorRegistry | null = null,
): Promise<Found[]> {
  const file = { path: image, page: 0, limits: DEFAULT_LIMITS };
  const copy = await smallCopy(file, WHOLE_EDGE_PX[model], tmpdir());
  const { width } = await readHeader(file);
  const scale = width / copy.width;
  const { detections } = await onnxVision({ detectors }).detect(model, copy, { look_for: null, labels: [] });
  return detections.map(({ label, box, text }) => ({ label, text, box: box.map((side) => side * scale) as Box }));
}

/** Correct: the label of a planted object and an IoU of at least 0.5 with it; each object once. */
function scoreObjects(found: Found[], truth: z.infer<typeof Objects>): Score {
  const left = truth.map(({ label, x1, y1, x2, y2 }) => ({ label, box: [x1, y1, x2 - x1, y2 - y1] as Box }));
  let right = 0;
  for (const { label, box } of found) {
    const overlaps = left.map((object) => (object.label === label ? iou(object.box, box) : 0));
    const best = Math.max(0, ...overlaps);
    if (best < SAME_OBJECT_IOU) continue;
    left.splice(overlaps.indexOf(best), 1);
    right++;
  }
  return scoreOf(right, truth.length, found.length);
}

/** Correct: exactly the planted text. Runs of white space count as one space, because an image does not show their number. */
function scoreTexts(found: Found[], truth: z.infer<typeof Texts>): Score {
  const left = truth.map(({ text }) => oneSpaced(text));
  let right = 0;
  for (const { text } of found) {
    const index = text === null ? -1 : left.indexOf(oneSpaced(text));
    if (index < 0) continue;
    left.splice(index, 1);
    right++;
  }
  return scoreOf(right, truth.length, found.length);
}

function oneSpaced(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function scoreOf(right: number, of: number, findings: number): Score {
  return { right, of, findings, precision: rounded(right / Math.max(1, findings), 3) };
}
