// Says how much an image resembles each of the five kinds that nsfwjs's MobileNetV2Mid knows.
import type { Jpeg } from '../../ports.ts';
import { decodeTo } from './pixels.ts';
import { output, run, type Sessions } from './sessions.ts';

/** In the order of the model's output. */
const KINDS = ['Drawing', 'Hentai', 'Neutral', 'Porn', 'Sexy'] as const;
export type NsfwKind = (typeof KINDS)[number];

/** Between 0 and 1, together 1. */
export type NsfwScores = Record<NsfwKind, number>;

const EDGE_PX = 224;

export async function classifyNsfw(sessions: Sessions, image: Jpeg): Promise<NsfwScores> {
  const session = await sessions.get(sessions.path('nsfw.onnx'));
  const { rgb } = await decodeTo(image, EDGE_PX, EDGE_PX);
  const values = Float32Array.from(rgb, (byte) => byte / 255);
  const scores = output(await run(session, values, [1, EDGE_PX, EDGE_PX, 3])).values;
  return Object.fromEntries(KINDS.map((kind, index) => [kind, scores[index] ?? 0])) as NsfwScores;
}
