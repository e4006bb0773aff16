// The evidence of an answer as findings, so that every tool that shows findings shows it. Pure.
import type { Evidence, Look } from '../contract/questions/search-turn.ts';
import type { Finding } from '../contract/schemas.ts';
import type { Size } from '../planning/geometry.ts';
import { isSame } from './search-state.ts';

export const EVIDENCE_MAX = 50; // a count may cite each object
const LEVEL_MAX = 16;

/** Each object once, in the order of the model. */
export function findingsOf(
  evidence: readonly Evidence[],
  { confidence, looks, image, model }: { confidence: number; looks: readonly Look[]; image: Size; model: string },
): Finding[] {
  const once = evidence.filter(
    ({ box, label }, index) => evidence.findIndex((other) => other.label === label && isSame(other.box, box)) === index,
  );
  return once.slice(0, EVIDENCE_MAX).map(({ label, text, box, image: number }, index) => ({
    id: `f${index + 1}`,
    label,
    description: 'Evidence for the answer.',
    score: confidence,
    severity: 'info',
    box,
    text,
    level: levelOf(
      looks.find((look) => look.number === number),
      image,
    ),
    tiles: [],
    verified: null,
    said_by: [model],
  }));
}

/** The level at which the model saw it. */
function levelOf(look: Look | undefined, image: Size): number {
  const scale = look ? look.width / look.box[2] : 1_000 / Math.max(image.width, image.height);
  return Math.min(LEVEL_MAX, Math.max(0, Math.round(Math.log2(1 / Math.min(1, scale)))));
}
