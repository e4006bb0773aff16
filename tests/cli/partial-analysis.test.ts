// `tilesight analyze` after an analysis whose tiles failed in part.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type ChatRequest, completion, openaiServer } from '../support/openai-server.ts';

/** The hash of the tile that a request shows; `null` for the small blank image by which an adapter finds out what a server accepts. */
function tileIn({ body }: ChatRequest): string | null {
  const parts = body.messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
  const url = parts.map(({ image_url }) => image_url?.url ?? '').join('');
  return url.length < 5_000 ? null : createHash('sha256').update(url).digest('hex');
}

describe('tilesight analyze after failed tiles', () => {
  const noise = async (): Promise<string> => {
    const path = join(await temporaryFolder(), 'noise.png');
    const pixels = Buffer.from(Array.from({ length: 1_100 * 900 }, (_, place) => (place * 7_919 + (place >> 9) * 104_729) % 251));
    await sharp(pixels, { raw: { width: 1_100, height: 900, channels: 1 } })
      .png()
      .toFile(path);
    return path;
  };
  const detections = (label: string) =>
    completion({
      content: JSON.stringify({
        detections: [{ label, box: [100, 100, 300, 300], score: 0.9, severity: 'info', description: label, text: null }],
      }),
    });

  test('the same command analyzes only those, keeps what failed again, and --fresh starts over', {
    timeout: 120_000,
  }, async () => {
    const refused = new Set<string>();
    const asked: string[] = [];
    let refusals = 2;
    const { baseUrl } = await openaiServer((request) => {
      const tile = tileIn(request);
      if (tile === null) return detections('nothing');
      asked.push(tile);
      const refuses = refused.has(tile) ? refusals > 0 : refused.size < refusals;
      if (!refuses) return detections('valve');
      refused.add(tile);
      return { status: 400, message: 'This image cannot be processed.' };
    });
    const environment = {
      OPENAI_BASE_URL: baseUrl,
      DETECTION_MODELS: 'openai:eyes',
      TILESIGHT_HOME: await temporaryFolder(),
    };
    const command = ['analyze', await noise(), '--tile-size', '512', '--overlap', '64'];
    const first = await runCommand(command, environment);
    expect(first).toMatchObject({
      code: 3,
      left: [],
      stderr: expect.stringMatching(/Run the same command again within a week to analyze only what is missing/),
    });
    const all = new Set(asked);
    expect(refused.size).toBe(2);
    expect(all.size).toBeGreaterThan(6);

    asked.length = 0;
    const second = await runCommand(command, environment);
    expect(second).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^Analyzing the 2 tiles that the analysis \S+ left out\. --fresh would start over\.$/m),
    });
    expect(new Set(asked)).toEqual(refused);

    refusals = 0;
    asked.length = 0;
    const third = await runCommand(command, environment);
    expect(third).toMatchObject({ code: 0, left: [] });
    expect(new Set(asked)).toEqual(refused);
    const document = FindingsDocument.parse(JSON.parse(await readFile(join(third.out, 'findings.json'), 'utf8')));
    expect([document.status, document.tiles.done]).toEqual(['SUCCEEDED', all.size]);
    expect(await readdir(join(environment.TILESIGHT_HOME, 'analyses'))).toEqual([]);

    refusals = 2;
    refused.clear();
    expect((await runCommand(command, environment)).code).toBe(3);
    refusals = 0;
    asked.length = 0;
    expect((await runCommand([...command, '--fresh'], environment)).code).toBe(0);
    expect(new Set(asked)).toEqual(all);
  });
});
