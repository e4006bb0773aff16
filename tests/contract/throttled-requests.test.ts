// A tile that takes several requests, of which a later one is throttled: only that one is repeated, and no answer is paid twice.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { readConfig } from '../../pipeline/config.ts';
import { allProviders } from '../../pipeline/vision/providers.ts';
import { detectorsInFolder } from '../../pipeline/vision/registered-detectors.ts';
import { CAT, CAT_IN_TILE, EVERYTHING } from '../support/cat-tile.ts';
import { completion, type OpenaiReply, openaiServer } from '../support/openai-server.ts';

const FORM = JSON.stringify({ detections: [CAT] });
const CUT = `{"detections":[${JSON.stringify(CAT)},{"label":"dog","left":1`;
const BUSY: OpenaiReply = { status: 429 };

test.each([
  ['a correction', [completion({ content: 'No.' }), BUSY, BUSY, completion({ content: FORM })], 2],
  [
    'half a tile',
    [
      completion({ content: CUT, finish_reason: 'length' }),
      BUSY,
      completion({ content: FORM }),
      BUSY,
      completion({ content: FORM }),
    ],
    3,
  ],
])('%s', async (_, script, paid) => {
  const { baseUrl, requests } = await openaiServer(...script);
  const vision = allProviders(readConfig({ OPENAI_BASE_URL: baseUrl }), {
    calibrationOf: async () => null,
    detectors: detectorsInFolder('/nowhere'),
  });
  const white = { width: 200, height: 100, channels: 3, background: 'white' } as const;
  const tile = { bytes: await sharp({ create: white }).jpeg().toBuffer(), width: 200, height: 100 };
  const { detections, usage } = await vision.detect('openai:qwen3-vl:8b', tile, EVERYTHING);
  expect(detections[0]).toMatchObject(CAT_IN_TILE);
  expect(requests).toHaveLength(script.length);
  expect(usage.input_tokens).toBe(paid * 1_000);
});
