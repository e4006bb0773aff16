// The contract of `Vision`. tests/contract/vision-contract.test.ts runs it for each provider.
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { Detection, type Finding, type ModelId, Usage } from '../../pipeline/contract/schemas.ts';
import type { Jpeg, SummaryMaterial, VerificationQuestion, Vision } from '../../pipeline/ports.ts';

export interface VisionUnderTest {
  make(): Promise<Vision>;
  /** The model for each purpose; `null` if this provider has none. */
  models: Record<'moderate' | 'detect' | 'verify' | 'summarize', ModelId | null>;
  /** A model of the same provider that does not exist. */
  unknown: ModelId;
}

const EVERYTHING = { look_for: null, labels: [] };
const SUMMARY_LENGTH_MAX = 2_000;

/** A part of the example image with a cat in its middle, and other objects. */
async function catTile(): Promise<Jpeg> {
  const bytes = await sharp('examples/lawn.jpg').extract({ left: 1_474, top: 0, width: 640, height: 512 }).jpeg().toBuffer();
  return { bytes, width: 640, height: 512 };
}

async function greyTile(): Promise<Jpeg> {
  const grey = { width: 300, height: 200, channels: 3, background: '#888' } as const;
  return { bytes: await sharp({ create: grey }).jpeg().toBuffer(), width: 300, height: 200 };
}

const TASK: VerificationQuestion = {
  ask: EVERYTHING,
  finding: { label: 'cat', description: 'a cat', score: 0.3, severity: 'info', text: null },
  boxInCrop: [20, 20, 40, 50],
};

function material(): SummaryMaterial {
  const findings: Finding[] = Array.from({ length: 300 }, (_, index) => ({
    ...TASK.finding,
    id: `f${index}`,
    label: `label ${index}`,
    box: [index, 2, 3, 4],
    level: 0,
    tiles: [1],
    verified: null,
  }));
  const tiles = { total: 96, done: 93, blank: 0, failed: 3, not_analyzed: 0 };
  return { ask: EVERYTHING, image: { width: 6_000, height: 4_000 }, findings, tiles, overview: greyTile };
}

export function visionContract(name: string, { make, models, unknown }: VisionUnderTest): void {
  const asked: Record<keyof typeof models, (vision: Vision, model: ModelId) => Promise<unknown>> = {
    moderate: async (vision, model) => vision.moderate(model, await greyTile()),
    detect: async (vision, model) => vision.detect(model, await greyTile(), EVERYTHING),
    verify: async (vision, model) => vision.verify(model, await greyTile(), TASK),
    summarize: async (vision, model) => vision.summarize(model, material()),
  };

  describe(`${name} keeps the contract of Vision:`, () => {
    test('a model that does not exist is a UserError with a sentence, for every purpose', async () => {
      const vision = await make();
      for (const ask of Object.values(asked)) {
        const error = await ask(vision, unknown).catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ name: 'UserError', message: expect.stringMatching(/^The model .+\. .+\.$/) });
        expect(String(error)).toContain(unknown);
      }
    });

    const { moderate, detect, verify, summarize } = models;
    for (const [purpose, model] of Object.entries(models) as [keyof typeof models, ModelId | null][]) {
      if (model !== null) continue;
      test(`it cannot ${purpose}, which is a UserError`, async () => {
        const vision = await make();
        const served = Object.values(models).find((other) => other !== null) ?? unknown;
        await expect(asked[purpose](vision, served)).rejects.toMatchObject({ name: 'UserError' });
      });
    }

    if (moderate !== null)
      test('a verdict blocks with a category and a score, or allows', async () => {
        const { usage, ...verdict } = await (await make()).moderate(moderate, await greyTile());
        Usage.parse(usage);
        expect(verdict.allowed ? { category: 'none', score: 0 } : verdict).toMatchObject({
          category: expect.any(String),
          score: expect.any(Number),
        });
      });

    if (detect !== null)
      test('detections are valid, and their boxes lie in the tile', async () => {
        const tile = await catTile();
        const answer = await (await make()).detect(detect, tile, EVERYTHING);
        Usage.parse(answer.usage);
        expect(answer.detections.length).toBeGreaterThan(0);
        expect(answer.clipped).toBeGreaterThanOrEqual(0);
        for (const detection of answer.detections) {
          const [left, top, width, height] = Detection.parse(detection).box;
          expect(width > 0 && height > 0).toBe(true);
          expect(left + width <= tile.width && top + height <= tile.height).toBe(true);
        }
      });

    if (detect !== null)
      test('only requested labels are reported, and notes are sentences', async () => {
        const ask = { look_for: null, labels: ['cat', 'unicorn'] };
        const answer = await (await make()).detect(detect, await catTile(), ask);
        expect(new Set(answer.detections.map(({ label }) => label))).toEqual(new Set(['cat']));
        for (const note of answer.notes) expect(note).toMatch(/^.+\.$/);
      });

    if (verify !== null)
      test('a verification confirms, rejects, or describes what is there instead, with a box in the crop', async () => {
        const crop = await catTile();
        const { usage, ...answer } = await (await make()).verify(verify, crop, TASK);
        Usage.parse(usage);
        expect(['confirmed', 'rejected', 'corrected']).toContain(answer.verdict);
        if (answer.verdict !== 'corrected') return;
        Detection.omit({ score: true }).parse({ ...answer.instead, box: answer.boxInCrop });
        expect(answer.boxInCrop[0] + answer.boxInCrop[2]).toBeLessThanOrEqual(crop.width);
        expect(answer.boxInCrop[1] + answer.boxInCrop[3]).toBeLessThanOrEqual(crop.height);
      });

    if (verify !== null) {
      const claims = ['cat', 'dog', 'cup'].map((label) => ({
        finding: { ...TASK.finding, label },
        boxInCrop: TASK.boxInCrop,
        reportedBy: 1,
      }));
      test('a judge has one verdict a claim, the first it gave, and none on a claim that it left out', async () => {
        const vision = await make();
        const crop = await catTile();
        const judged = await vision.judge?.(verify, crop, { ask: EVERYTHING, models: 2, claims });
        Usage.parse(judged?.usage);
        expect(judged?.verdicts.map((verdict) => verdict?.verdict)).toEqual(['confirmed', 'corrected', undefined]);
        const [, second] = judged?.verdicts ?? [];
        if (second?.verdict !== 'corrected') throw new Error('Expected a correction.');
        Detection.omit({ score: true }).parse({ ...second.instead, box: second.boxInCrop });
        expect(second.boxInCrop[0] + second.boxInCrop[2]).toBeLessThanOrEqual(crop.width);
        expect(second.boxInCrop[1] + second.boxInCrop[3]).toBeLessThanOrEqual(crop.height);
      });

      test('a judge that does not exist is a UserError with a sentence', async () => {
        const vision = await make();
        const asked = vision.judge?.(unknown, await greyTile(), { ask: EVERYTHING, models: 2, claims });
        await expect(asked).rejects.toMatchObject({ name: 'UserError', message: expect.stringContaining(unknown) });
      });
    }

    if (summarize !== null)
      test('a summary is text of bounded length, however much was found', async () => {
        const { summary, usage } = await (await make()).summarize(summarize, material());
        Usage.parse(usage);
        expect(summary).toMatch(/\w+ \w+/);
        expect(summary.length).toBeLessThanOrEqual(SUMMARY_LENGTH_MAX);
      });
  });
}
