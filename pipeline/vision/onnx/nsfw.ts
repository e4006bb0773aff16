// Classifies an image with nsfwjs's MobileNetV2Mid: how much it resembles each of five kinds.
import { at } from '../../contract/at.ts';
import type { Jpeg } from '../../ports.ts';
import { NSFW_KINDS, NsfwScores } from './model-jobs.ts';
import { decodeTo } from './pixels.ts';
import { output, run, type Sessions } from './sessions.ts';

const EDGE_PX = 224;

export async function classifyNsfw(sessions: Sessions, image: Jpeg): Promise<NsfwScores> {
  const session = await sessions.get(sessions.path('nsfw.onnx'));
  const { rgb } = await decodeTo(image, EDGE_PX, EDGE_PX);
  const values = Float32Array.from(rgb, (byte) => byte / 255);
  const scores = output(await run(session, values, [1, EDGE_PX, EDGE_PX, 3])).values;
  return NsfwScores.parse(Object.fromEntries(NSFW_KINDS.map((kind, index) => [kind, at(scores, index)])));
}
