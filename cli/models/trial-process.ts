// Entry of a process that recognizes one detector or text model and runs it on one image. It may crash or be killed, and its parent says why.
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { sentenceOf, UserError } from '../../pipeline/contract/errors.ts';
import { withPackageAdvice } from '../../pipeline/contract/native-packages.ts';
import type { Box, Detection } from '../../pipeline/contract/schemas.ts';
import { describeDetector } from '../../pipeline/vision/detectors/detector-file.ts';
import type { Sidecar } from '../../pipeline/vision/detectors/sidecar.ts';
import { describeTextModel, dictionaryOf } from '../../pipeline/vision/detectors/text-model-files.ts';
import { startGuard } from '../../pipeline/vision/onnx/guard-thread.ts';
import { decode } from '../../pipeline/vision/onnx/pixels.ts';
import { type DetectorRequest, type TextRequest, type TextTrial, type Trial, type TrialAnswer, TrialRequest } from './trial.ts';

const PIXELS_MAX = 268_402_689; // of sharp's own default

process.on('SIGINT', () => {}); // a terminal signals the whole group, but only the parent decides
process.on('disconnect', () => process.exit(0));
process.once('message', (message) => {
  answered(TrialRequest.parse(message)).then(
    (trial) => send({ state: 'done', trial }),
    (error: unknown) => {
      const sentence = sentenceOf(withPackageAdvice(error));
      send({ state: 'failed', isOurs: sentence !== null, message: sentence ?? String(error) });
    },
  );
});

function send(answer: TrialAnswer): void {
  process.send?.(answer);
}

async function answered(request: DetectorRequest | TextRequest): Promise<Trial | TextTrial> {
  startGuard(request.memoryBytesMax);
  return 'paths' in request ? await triedText(request) : await tried(request);
}

async function tried({ modelPath, layout, labels, imagePath }: DetectorRequest): Promise<Trial> {
  const { sidecar, notes } = await describeDetector(modelPath, { ...(layout && { layout }), ...(labels && { labels }) });
  const { loadDetector, runDetector } = await import('../../pipeline/vision/detectors/run-detector.ts');
  const { image, shownAs, bytes } = imagePath === null ? await drawn(sidecar) : await shrunk(imagePath, sidecar);
  const session = await loadDetector(await readFile(modelPath), { logSeverityLevel: 3 });
  const began = performance.now();
  const detections = await runDetector(session, sidecar, { bytes, ...shownAs });
  const scale = image.width / shownAs.width;
  return {
    sidecar,
    notes,
    detections: detections.map((detection) => scaled(detection, scale)),
    image,
    shownAs,
    jpeg: bytes,
    runMs: performance.now() - began,
  };
}

/** Reads the whole image as a line too: a wrong dictionary is known even if the image shows no text. */
async function triedText({ paths, imagePath }: TextRequest): Promise<TextTrial> {
  const sidecar = await describeTextModel(paths);
  const { loadDetector } = await import('../../pipeline/vision/detectors/run-detector.ts');
  const { readText } = await import('../../pipeline/vision/onnx/text/ppocr.ts');
  const { alphabetOf } = await import('../../pipeline/vision/onnx/text/text-of-scores.ts');
  const { readLine } = await import('../../pipeline/vision/onnx/text/text-reader.ts');
  const { image, shownAs, bytes } = imagePath === null ? await drawnText() : await shrunk(imagePath, { input: TEXT_INPUT });
  const [detector, reader] = [
    await loadDetector(await readFile(paths.detector), { logSeverityLevel: 3 }),
    await loadDetector(await readFile(paths.reader), { logSeverityLevel: 3 }),
  ];
  const alphabet = alphabetOf(dictionaryOf(await readFile(paths.dictionary, 'utf8')));
  const { width, height } = shownAs;
  const began = performance.now();
  const whole = { x: width / 2, y: height / 2, width, height, angle: 0 };
  await readLine(reader, alphabet, await decode({ bytes, ...shownAs }), whole);
  const model = { detector: async () => detector, reader: async () => reader, alphabet: async () => alphabet };
  const { detections } = await readText(model, { bytes, ...shownAs });
  const scale = image.width / width;
  return {
    sidecar,
    notes: [],
    detections: detections.map((detection) => scaled(detection, scale)),
    image,
    shownAs,
    jpeg: bytes,
    runMs: performance.now() - began,
  };
}

const TEXT_INPUT = { width: 1_024, height: 1_024 };

/** Figures, which every dictionary has. */
async function drawnText(): Promise<Shown> {
  const size = { width: 640, height: 160 };
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}"><rect width="100%" height="100%" fill="#fff"/><text x="40" y="100" font-size="48" font-family="DejaVu Sans, sans-serif">4711 0815</text></svg>`;
  const bytes = await sharp(Buffer.from(svg)).flatten().jpeg({ quality: 90 }).toBuffer();
  return { image: size, shownAs: size, bytes };
}

type Shown = Pick<Trial, 'image' | 'shownAs'> & { bytes: Uint8Array };

/** Shapes on a gradient: no model needs to detect anything in it, but every one must run. */
async function drawn({ input: { width, height } }: Sidecar): Promise<Shown> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><linearGradient id="g"><stop stop-color="#345"/><stop offset="1" stop-color="#dca"/></linearGradient>
<rect width="100%" height="100%" fill="url(#g)"/><circle cx="30%" cy="40%" r="12%" fill="#c22"/><rect x="55%" y="50%" width="25%" height="30%" fill="#22c"/></svg>`;
  const bytes = await sharp(Buffer.from(svg)).flatten().jpeg({ quality: 90 }).toBuffer();
  return { image: { width, height }, shownAs: { width, height }, bytes };
}

/** The whole image, in the size of the input. The model is not to blame for a file that is none. */
async function shrunk(path: string, sidecar: Pick<Sidecar, 'input'>): Promise<Shown> {
  try {
    return await read(path, sidecar);
  } catch (cause) {
    throw new UserError(
      `${path} cannot be read as an image. Name a JPEG, PNG, WebP, TIFF, GIF or AVIF image of at most ${Math.floor(PIXELS_MAX / 1e6)} megapixels with --try.`,
      { cause },
    );
  }
}

async function read(path: string, { input }: Pick<Sidecar, 'input'>): Promise<Shown> {
  const image = sharp(path, { limitInputPixels: PIXELS_MAX }).autoOrient();
  const { autoOrient } = await image.metadata();
  const small = image.resize({ width: input.width, height: input.height, fit: 'inside', withoutEnlargement: true });
  const { data, info } = await small.flatten().jpeg({ quality: 95 }).toBuffer({ resolveWithObject: true });
  const shownAs = { width: info.width, height: info.height };
  return { image: { width: autoOrient.width, height: autoOrient.height }, shownAs, bytes: data };
}

function scaled(detection: Detection, scale: number): Detection {
  const {
    polygon,
    box: [left, top, width, height],
  } = detection;
  const box: Box = [left * scale, top * scale, width * scale, height * scale];
  return { ...detection, box, ...(polygon && { polygon: polygon.map(([x, y]) => [x * scale, y * scale]) }) };
}
