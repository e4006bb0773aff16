// An analysis during which another image takes the place of the named one: the named one is green, the other one is red.
import sharp from 'sharp';
import { expect } from 'vitest';
import { keys } from '../../pipeline/contract/keys.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import type { PipelineDeps, Vision } from '../../pipeline/ports.ts';
import type { PipelineStage } from './pipeline-run.ts';
import { scriptedVision } from './scripted-vision.ts';

const SIDE_PX = 300;

/** An image of one color. All of them have the same number of bytes. */
export async function painted(background: string): Promise<Buffer> {
  return await sharp({ create: { width: SIDE_PX, height: SIDE_PX, channels: 3, background } })
    .tiff({ compression: 'none' })
    .toBuffer();
}

async function colorOf(bytes: Uint8Array): Promise<'green' | 'red'> {
  const [red, green] = (await sharp(bytes).stats()).channels;
  return (green?.mean ?? 0) > (red?.mean ?? 0) ? 'green' : 'red';
}

/** When the swap happens. With `isLost`, the process is lost at that moment: the next one has no copy of the image. */
export const MOMENTS = {
  'before it is inspected': { step: 'inspect', isLost: false },
  'while it is moderated': { step: 'moderate', isLost: false },
  'between moderation and tiling': { step: 'moderate', isLost: true },
  'between tiling and detection': { step: 'detect', isLost: true },
} as const;

export type Moment = keyof typeof MOMENTS;

interface Swap {
  stage: PipelineStage;
  request: AnalysisRequest;
  moment: Moment;
  swap: () => Promise<unknown>;
  around?: (deps: PipelineDeps) => PipelineDeps;
}

/** Fails if any model gets the red image, or if it is shown. The request must not skip blank tiles. */
export async function analyzedWithSwap({ stage, request, moment, swap, around = (deps) => deps }: Swap) {
  const { step, isLost } = MOMENTS[moment];
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const seen: string[] = [];
  let isFirst = true;
  const at = async (now: string, bytes: Uint8Array) => {
    seen.push(await colorOf(bytes));
    if (now !== step || !isFirst) return;
    isFirst = false;
    reach();
    if (isLost) await new Promise(() => {});
    await swap();
  };
  const script = scriptedVision();
  const vision: Vision = {
    ...script,
    async moderate(model, image) {
      await at('moderate', image.bytes);
      return await script.moderate(model, image);
    },
    async detect(model, tile, ask) {
      await at('detect', tile.bytes);
      return await script.detect(model, tile, ask);
    },
  };
  if (step === 'inspect') await swap();
  if (isLost) {
    await stage.runUntil(reached, request, vision, around);
    await swap();
  }
  const { progress } = await stage.run(request, vision, around);
  expect(seen.filter((color) => color === 'red')).toEqual([]);
  const overview = await stage.deps.blobs.get(keys.overview(request.execution_id));
  if (overview) expect(await colorOf(overview)).toBe('green');
  const mustEnd = step === 'detect' || (step === 'moderate' && !isLost) ? /^SUCCEEDED$/ : /^(FAILED|SUCCEEDED)$/;
  expect(progress.status).toMatch(mustEnd);
  return { progress, seen };
}
