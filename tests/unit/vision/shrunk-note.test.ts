// The note about tiles that a model sees shrunk.
import { expect, test } from 'vitest';
import { preferredTileOf } from '../../../pipeline/planning/tile-preferences.ts';
import { adjustedTileSize } from '../../../pipeline/planning/tile-size.ts';
import { patches } from '../../../pipeline/providers/image-intake.ts';
import { MODEL_PROFILES } from '../../../pipeline/providers/model-profiles.ts';
import { profileOf } from '../../../pipeline/providers/profile-of.ts';
import { shrunkNote } from '../../../pipeline/vision/detection-notes.ts';

const GPT_4 = 'openai:gpt-4o';

test('a tile that is larger than what the model sees has a note with the tile_size that it sees', () => {
  const { intake } = profileOf(GPT_4);
  expect(shrunkNote(GPT_4, { width: 2_048, height: 2_048 }, intake)).toBe(
    `${GPT_4} sees tiles shrunk, because they are larger than 768 px; small objects may be missing. Use that tile_size or a smaller one.`,
  );
  const calibrated = patches({ edgePx: 1, longerPxMax: 500 });
  expect(shrunkNote(GPT_4, { width: 1_024, height: 800 }, calibrated)).toContain('larger than 500 px');
});

test.each(MODEL_PROFILES.map(({ family, intake, tileEdgePx }) => [family, intake, tileEdgePx] as const))(
  'a tile of the size that suits %s has none',
  (_, intake, tileEdgePx) => {
    expect(shrunkNote(GPT_4, { width: tileEdgePx, height: tileEdgePx }, intake)).toBeNull();
    expect(shrunkNote(GPT_4, { width: tileEdgePx, height: Math.round(tileEdgePx / 3) }, intake)).toBeNull();
  },
);

test('the default tiles of an image have none', () => {
  const request = { detail: 'standard', tile_size: null, overlap: null, grid: null, region: null, max_tiles: null } as const;
  const image = { width: 6_000, height: 4_000 };
  const { stridePx, marginPx } = adjustedTileSize(image, { ...request, skip_blank: true }, preferredTileOf([GPT_4]));
  const edgePx = stridePx + 2 * marginPx;
  expect(shrunkNote(GPT_4, { width: edgePx, height: edgePx }, profileOf(GPT_4).intake)).toBeNull();
});
