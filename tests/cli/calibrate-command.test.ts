// `tilesight calibrate` against models that answer in their own conventions, and what it changes in a later run.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { chartOf } from '../../pipeline/calibration/chart.ts';
import { coordinatesNamed } from '../../pipeline/providers/coordinates.ts';
import { runCommand } from '../support/command.ts';
import { type ConventionModel, conventionReply, type SeenObject } from '../support/convention-model.ts';
import { temporaryFolder } from '../support/folder.ts';
import { openaiServer } from '../support/openai-server.ts';

const MODEL = 'openai:some-model';

/** Sees the marks of the chart of that size. */
const marks: ConventionModel['sees'] = (image) =>
  chartOf(image).marks.map(({ code, box: [left, top, width, height] }): SeenObject => {
    const edges = [left / image.width, top / image.height, (left + width) / image.width, (top + height) / image.height] as const;
    return { label: code, edges };
  });

async function calibrated(own: string, changed: Partial<ConventionModel> = {}) {
  const model: ConventionModel = {
    own: coordinatesNamed(own),
    shrink: (image) => image,
    otherwise: 'answers in its own',
    sees: marks,
    ...changed,
  };
  const { baseUrl, requests } = await openaiServer(conventionReply(model));
  const home = await temporaryFolder();
  const environment = { OPENAI_BASE_URL: baseUrl, TILESIGHT_HOME: home };
  const outcome = await runCommand(['calibrate', MODEL], environment);
  return { ...outcome, requests, home, environment };
}

describe('tilesight calibrate', () => {
  test('of a model that answers in thousandths as asked takes two calls, and keeps what it found', async () => {
    const { code, stdout, requests, home } = await calibrated('thousandths');
    expect(code).toBe(0);
    expect(requests).toHaveLength(2);
    expect(stdout).toMatch(/^convention +thousandths$/m);
    expect(stdout).toMatch(/^mean error +0(\.\d+)? % of the side$/m);
    expect(stdout).toMatch(/^marks missed +0 of 96$/m);
    expect(stdout).toContain('Fit for boxes. Later runs use this calibration.');
    const stored = JSON.parse(await readFile(join(home, 'blobs/calibration/openai%3Asome-model.json'), 'utf8'));
    expect(stored).toMatchObject({ model: MODEL, coordinates: 'thousandths', fit_for_boxes: true, marks: 96, marks_missed: 0 });
  });

  test.each(['pixels', 'fractions', 'thousandths-y-first', 'pixels-size'])(
    'finds %s, and a later analysis asks in them',
    async (own) => {
      const { code, stdout, requests, environment } = await calibrated(own);
      expect(requests).toHaveLength(4); // once as the profile says, once as the answers say
      expect([code, stdout]).toEqual([0, expect.stringMatching(new RegExp(`^convention +${own}$`, 'm'))]);
      const object: SeenObject = { label: 'valve', edges: [0.25, 0.25, 0.5, 0.75] };
      const model: ConventionModel = {
        own: coordinatesNamed(own),
        shrink: (image) => image,
        otherwise: 'answers less exactly',
        sees: () => [object],
      };
      const server = await openaiServer(conventionReply(model));
      const image = join(await temporaryFolder(), 'noise.png');
      const pixels = Buffer.from(Array.from({ length: 400 * 300 * 3 }, (_, place) => (place * 7_919) % 251));
      await sharp(pixels, { raw: { width: 400, height: 300, channels: 3 } })
        .png()
        .toFile(image);
      const { out, stdout: printed } = await runCommand(['analyze', image, '--json', '-'], {
        ...environment,
        OPENAI_BASE_URL: server.baseUrl,
        DETECTION_MODELS: MODEL,
      });
      expect(out).toBeDefined();
      expect(JSON.parse(printed)).toMatchObject({ findings: [{ label: 'valve', box: [100, 75, 100, 150] }] });
    },
  );

  test('finds the size to which a model shrinks images', async () => {
    const shrink: ConventionModel['shrink'] = ({ width, height }) => {
      const scale = Math.min(1, 700 / Math.max(width, height));
      return { width: Math.round(width * scale), height: Math.round(height * scale) };
    };
    const { code, stdout } = await calibrated('pixels', { shrink });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^convention +pixels, of the image shrunk to a longer edge of (699|70[01]) px$/m);
    expect(stdout).toMatch(/ a tile_size of (699|70[01]) shows it every detail\.$/m);
  });

  test('of a model that guesses says that it is not fit, keeps nothing and ends with 3', async () => {
    const guess: ConventionModel['sees'] = (image) =>
      marks(image).map(({ label }, index) => {
        const [left, top] = [((index * 37) % 80) / 100, ((index * 53) % 80) / 100];
        return { label, edges: [left, top, left + 0.1, top + 0.1] };
      });
    const { code, stdout, home } = await calibrated('thousandths', { sees: guess });
    expect([code, stdout]).toEqual([3, expect.stringContaining('Not fit for boxes')]);
    expect(await readdir(join(home, 'blobs')).catch(() => [])).not.toContain('calibration');
  });

  test('of a model that finds nothing says that it may have no vision', async () => {
    const { code, stderr } = await calibrated('thousandths', { sees: () => [] });
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('found none of the marks of the chart. It may not accept images'),
    ]);
  });

  test('shows the words of a server that fails', async () => {
    const { baseUrl } = await openaiServer({ status: 500, message: 'CUDA out of memory' });
    const { code, stderr } = await runCommand(['calibrate', MODEL], { OPENAI_BASE_URL: baseUrl });
    expect(code).toBe(1);
    expect(stderr).toContain('Cause: 500 CUDA out of memory\n');
    expect(stderr).toContain(`tilesight: The model ${MODEL} failed to answer`);
  });

  test('says while it asks that the answers do not fit yet, and what MODEL_COORDINATES changes', async () => {
    const { stderr, stdout, environment } = await calibrated('fractions');
    expect(stderr).toContain('The answers do not fit yet. Asking for boxes in fractions.\n');
    expect(stdout).not.toContain('MODEL_COORDINATES');
    const overridden = { ...environment, MODEL_COORDINATES: `${MODEL}=pixels` };
    expect((await runCommand(['calibrate', MODEL], overridden)).stdout).toContain('MODEL_COORDINATES names other numbers');
  });

  test('of a model that is no longer fit says that the earlier calibration is kept', async () => {
    const { environment } = await calibrated('pixels');
    const wild: ConventionModel = {
      own: coordinatesNamed('pixels'),
      shrink: (image) => image,
      otherwise: 'answers in its own',
      sees: (image) => marks(image).slice(0, 20),
    };
    const { baseUrl } = await openaiServer(conventionReply(wild));
    const { code, stdout } = await runCommand(['calibrate', MODEL], { ...environment, OPENAI_BASE_URL: baseUrl });
    expect(code).toBe(3);
    expect(stdout).toMatch(/The calibration of \d{4}-\d{2}-\d{2} is kept; choose another model\./);
  });

  test.each([
    ['anthropic:claude-sonnet-5', 'anthropic: models need a key. Set ANTHROPIC_API_KEY.'],
    ['openai:gpt-4o', 'openai: models need OPENAI_API_KEY, or OPENAI_BASE_URL of a local server. Set one of them.'],
  ])('of %s without a key asks nothing, and says so', async (name, sentence) => {
    const unset = { ANTHROPIC_API_KEY: '', OPENAI_API_KEY: '', OPENAI_BASE_URL: '' };
    const { code, stdout, stderr } = await runCommand(['calibrate', name], unset);
    expect([code, stdout, stderr]).toEqual([1, '', `tilesight: ${sentence}\n`]);
  });

  test('an address without its protocol is refused', async () => {
    const { code, stderr } = await runCommand(['calibrate', MODEL], { OPENAI_BASE_URL: 'localhost:11434/v1' });
    expect([code, stderr]).toEqual([
      1,
      'tilesight: The environment variable OPENAI_BASE_URL is invalid: expected an address that begins with http:// or https://. Correct or unset it.\n',
    ]);
  });

  test.each([
    ['onnx:nanodet', 'The model onnx:nanodet has one convention for boxes: it needs no calibration.'],
    ['nonsense', 'nonsense is not a model. Write <provider>:<id>, for example openai:qwen3-vl:8b.'],
  ])('of %s is refused with a sentence', async (name, sentence) => {
    const { code, stderr } = await runCommand(['calibrate', name]);
    expect([code, stderr]).toEqual([1, `tilesight: ${sentence}\n`]);
  });

  test('--charts writes the charts and asks nothing', async () => {
    const folder = join(await temporaryFolder(), 'charts');
    const { code } = await runCommand(['calibrate', 'bedrock:us.anthropic.claude-sonnet-5', '--charts', folder]);
    expect(code).toBe(0);
    expect(await sharp(join(folder, 'chart-1.jpg')).metadata()).toMatchObject({ width: 1_932, height: 1_449 });
    expect((await readdir(folder)).sort()).toEqual(['chart-1.jpg', 'chart-2.jpg']);
  });
});
