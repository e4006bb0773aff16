// Measures how exact boxes are if each model is asked in its own convention, compared with one convention for all. Scripted models answer
// and shrink images as their family does. Asked in another convention, they answer less exactly or in their own numbers.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import sharp from 'sharp';
import { calibrate, documentOf } from '../pipeline/calibration/calibrate.ts';
import { chartOf } from '../pipeline/calibration/chart.ts';
import { at } from '../pipeline/contract/at.ts';
import type { Jpeg, Vision } from '../pipeline/ports.ts';
import { coordinatesNamed, THOUSANDTHS } from '../pipeline/providers/coordinates.ts';
import { type ImageIntake, type ImageSize, patches } from '../pipeline/providers/image-intake.ts';
import { profileOf } from '../pipeline/providers/profile-of.ts';
import { openaiVision } from '../pipeline/vision/llm/openai-vision.ts';
import { profilesFrom } from '../pipeline/vision/profiles.ts';
import { type ConventionModel, conventionReply, type SeenObject } from '../tests/support/convention-model.ts';
import type { ChatRequest } from '../tests/support/openai-server.ts';
import { type BenchResult, resultOf, rounded } from './result.ts';

const MEAN_ERROR_PERCENT_MAX = 1;

interface Family {
  id: string;
  own: string;
  shrink: ImageIntake['seen'];
  otherwise: ConventionModel['otherwise'];
}

const same: ImageIntake['seen'] = (image) => image;
const shrunkBy = (limits: Parameters<typeof patches>[0]) => patches(limits).seen;

/** Models that the registry knows, with ids as gateways write them, and models that need calibration. */
const KNOWN: Family[] = [
  {
    id: 'openai:anthropic/claude-sonnet-5',
    own: 'pixels',
    shrink: shrunkBy({ edgePx: 28, patchesMax: 4_784, longerPxMax: 2_576 }),
    otherwise: 'answers less exactly',
  },
  {
    id: 'openai:anthropic/claude-haiku-4.5',
    own: 'pixels',
    shrink: shrunkBy({ edgePx: 28, patchesMax: 1_568, longerPxMax: 1_568 }),
    otherwise: 'answers less exactly',
  },
  {
    id: 'openai:qwen2.5-vl:7b',
    own: 'pixels',
    shrink: shrunkBy({ edgePx: 28, patchesMax: 16_384, wholePatches: true }),
    otherwise: 'answers in its own',
  },
  { id: 'openai:qwen/qwen3-vl-8b', own: 'thousandths', shrink: same, otherwise: 'answers in its own' },
  { id: 'openai:nova-lite', own: 'thousandths', shrink: same, otherwise: 'answers in its own' },
  { id: 'openai:google/gemini-3-flash', own: 'thousandths-y-first', shrink: same, otherwise: 'answers in its own' },
];
const UNKNOWN: Family[] = [
  { id: 'openai:fractions-model', own: 'fractions', shrink: same, otherwise: 'answers in its own' },
  { id: 'openai:size-model', own: 'thousandths-size', shrink: same, otherwise: 'answers in its own' },
  { id: 'openai:y-first-model', own: 'fractions-y-first-size', shrink: same, otherwise: 'answers less exactly' },
  {
    id: 'openai:shrinking-model',
    own: 'pixels',
    shrink: shrunkBy({ edgePx: 1, longerPxMax: 900 }),
    otherwise: 'answers in its own',
  },
  {
    // It shrinks tiles that are larger than a chart of its calibration.
    id: 'openai:larger-shrinking-model',
    own: 'pixels',
    shrink: shrunkBy({ edgePx: 1, longerPxMax: 1_568 }),
    otherwise: 'answers in its own',
  },
];
const TILES: readonly ImageSize[] = [
  { width: 1_024, height: 1_024 },
  { width: 1_932, height: 1_500 },
  { width: 700, height: 500 },
  { width: 3_000, height: 4_000 },
];

export async function run(): Promise<BenchResult> {
  const figures: Record<string, number> = {};
  let [worst, worstOfOne, withNote] = [0, 0, 0];
  for (const family of [...KNOWN, ...UNKNOWN]) {
    const isUnknown = UNKNOWN.includes(family);
    const server = await scripted(family);
    try {
      const own = await meanError(server, family, isUnknown ? await calibrated(server, family) : null);
      const one = await meanError(server, family, 'thousandths');
      const plain = isUnknown ? await meanError(server, family, null) : null;
      if (plain?.notes.some((note) => note.includes('tilesight calibrate'))) withNote++;
      worst = Math.max(worst, own.percent);
      worstOfOne = Math.max(worstOfOne, one.percent);
      const line = { model: family.id, own: family.own, mean_error_percent: own.percent, one_convention_percent: one.percent };
      console.log(JSON.stringify({ ...line, found: own.found, of: own.of, uncalibrated_percent: plain?.percent ?? null }));
      figures[`${family.id.slice(family.id.indexOf(':') + 1)}_percent`] = own.percent;
    } finally {
      server.close();
    }
  }
  figures.worst_percent = worst;
  figures.worst_one_convention_percent = worstOfOne;
  figures.unknown_models_with_note = withNote;
  return resultOf(figures, { worst_percent: ['<=', MEAN_ERROR_PERCENT_MAX], unknown_models_with_note: ['=', UNKNOWN.length] });
}

interface Server {
  baseUrl: string;
  /** The size of a tile before it was shrunk, by its size afterwards. Filled before each question. */
  originals: Map<string, ImageSize>;
  close: () => void;
}

/** The image holds the marks of a chart of its size. In a shrunk tile, they stay at the same relative places. */
async function scripted({ own, shrink, otherwise }: Family): Promise<Server> {
  const originals = new Map<string, ImageSize>();
  const sees = (image: ImageSize) => marksOf(originals.get(`${image.width}x${image.height}`) ?? image);
  const reply = conventionReply({ own: coordinatesNamed(own), shrink, otherwise, sees });
  const server = createServer((incoming, response) => {
    void (async () => {
      const request = { headers: incoming.headers, body: JSON.parse(await text(incoming)) } as ChatRequest;
      const answer = await reply(request);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(typeof answer === 'object' && 'body' in answer ? answer.body : {}));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, originals, close: () => server.close() };
}

function marksOf(image: ImageSize): SeenObject[] {
  return chartOf(image).marks.map(({ code, box: [left, top, width, height] }) => ({
    label: code,
    edges: [left / image.width, top / image.height, (left + width) / image.width, (top + height) / image.height],
  }));
}

async function calibrated({ baseUrl }: Server, { id }: Family): Promise<Vision | null> {
  const asked = await calibrate(openaiVision({ baseUrl, apiKey: null }), id, profileOf(id));
  const document = documentOf(id, asked, new Date(0));
  const profiles = profilesFrom({ configured: new Map(), calibrationOf: async () => document, now: () => 0 });
  return openaiVision({ profiles, baseUrl, apiKey: null });
}

/** The mean over all objects of the largest error of the four edges, in percent of the side of the tile. */
async function meanError({ baseUrl, originals }: Server, { id }: Family, how: Vision | 'thousandths' | null) {
  const configured = new Map([[id, THOUSANDTHS]]);
  const oneForAll = profilesFrom({ configured, calibrationOf: async () => null, now: () => 0 });
  const usual =
    how === 'thousandths'
      ? openaiVision({ profiles: oneForAll, baseUrl, apiKey: null })
      : openaiVision({ baseUrl, apiKey: null });
  const vision = how === null || how === 'thousandths' ? usual : how;
  const errors: number[] = [];
  const notes = new Set<string>();
  for (const size of TILES) {
    const tile = await white(size);
    const sent = profileOf(id).intake.seen(size);
    originals.clear();
    const calibrated = [900, profileOf(id).tileEdgePx].map((longerPxMax) => shrunkBy({ edgePx: 1, longerPxMax })(size));
    for (const shrunk of [sent, ...calibrated]) originals.set(`${shrunk.width}x${shrunk.height}`, size);
    const answer = await vision.detect(id, tile, { look_for: null, labels: [] });
    for (const note of answer.notes) notes.add(note);
    const byLabel = new Map(answer.detections.map(({ label, box }) => [label, box]));
    for (const { label, edges } of marksOf(size)) {
      const box = byLabel.get(label);
      if (!box) continue;
      const found = [box[0] / size.width, box[1] / size.height, (box[0] + box[2]) / size.width, (box[1] + box[3]) / size.height];
      errors.push(Math.max(...found.map((edge, side) => Math.abs(edge - at(edges, side)))));
    }
  }
  const of = TILES.length * 48;
  // An object that was not found, or whose box is empty, is off by a whole side.
  const sum = errors.reduce((total, error) => total + error, 0) + (of - errors.length);
  return { percent: rounded((sum / of) * 100, 2), found: errors.length, of, notes: [...notes] };
}

async function white({ width, height }: ImageSize): Promise<Jpeg> {
  const bytes = await sharp({ create: { width, height, channels: 3, background: 'white' } })
    .jpeg()
    .toBuffer();
  return { bytes, width, height };
}
