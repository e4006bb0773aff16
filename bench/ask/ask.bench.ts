// Questions in the manner of V* on drawn images of 6,000 to 40,000 px, through the real server and a scripted model that sees only what
// remains of an image after shrinking to 1,000 px. Beside it, the same model on the whole image. Then kills in the search.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import sharp from 'sharp';
import { z } from 'zod';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { type BenchResult, median, resultOf, rounded, SILENT_LOG } from '../result.ts';
import type { ShownImage } from './chat-request.ts';
import { type DrawnImage, drawImage } from './drawn-questions.ts';
import { type EyesServer, eyesServer } from './eyes-server.ts';
import { killedSearches } from './killed-searches.ts';
import { nextCall } from './scripted-eyes.ts';

const SIZES = [
  [6_000, 4_000],
  [9_000, 6_000],
  [12_000, 8_000],
  [20_000, 6_000],
  [30_000, 4_000],
  [40_000, 3_000],
] as const;
const IMAGES_A_SIZE = 2;
const LOOKS_MAX = 12;
const KILLS = 100;
const SEED = 20_261_128;

const Answer = z.object({
  execution_id: z.string(),
  status: z.string(),
  answer: z.string().nullable(),
  evidence: z.array(z.object({ box: z.array(z.number()) })),
  looks: z.number(),
});

export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-ask-'));
  const eyes = await eyesServer();
  try {
    const results: Asked[] = [];
    // biome-ignore lint/style/noProcessEnv: worker processes read the address of the scripted model from their environment.
    process.env.OPENAI_BASE_URL = eyes.baseUrl;
    const config = readConfig({
      LOG_LEVEL: 'silent',
      OPENAI_BASE_URL: eyes.baseUrl,
      ASK_MODEL: 'openai:eyes',
    });
    const server = await serve({ config, dataFolder: join(folder, 'data'), allowedFolders: [folder], port: 0, log: SILENT_LOG });
    const client = new Client({ name: 'bench', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', server.url)));
    try {
      for (const [index, size] of SIZES.entries()) {
        for (let one = 0; one < IMAGES_A_SIZE; one++) {
          const path = join(folder, `drawn-${index}-${one}.jpg`);
          const image = await drawImage(path, size, SEED + index * 10 + one);
          results.push(...(await askAll(client, image, eyes)));
          await rm(path);
        }
      }
    } finally {
      await client.close();
      await server.close();
    }
    for (const result of results) if (!result.isRight) console.log(JSON.stringify(result));
    console.log(JSON.stringify(figuresOf(results))); // the kills take longer
    const kills = await killedSearches(folder, KILLS);
    return resultOf(
      { ...figuresOf(results), ...kills },
      {
        'right-percent': ['>=', 95],
        'looks-max': ['<=', LOOKS_MAX],
        kills: ['>=', KILLS],
        'answers-that-differ': ['=', 0],
        'calls-repeated-after-their-step': ['=', 0],
      },
    );
  } finally {
    eyes.close();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Asked {
  kind: string;
  size: string;
  answer: string;
  truth: string;
  isRight: boolean;
  wholeIsRight: boolean;
  looks: number;
  calls: number;
  seconds: number;
}

/** The first question cuts the image into tiles, the rest use them. */
async function askAll(client: Client, image: DrawnImage, eyes: EyesServer): Promise<Asked[]> {
  const results: Asked[] = [];
  let about: object = { image: pathToFileURL(image.path).href };
  const whole = await overviewOf(image);
  for (const { kind, text, truth } of image.questions) {
    const beganMs = performance.now();
    const callsBefore = eyes.asked.length;
    const answered = await answerTo(client, { ...about, question: text, max_looks: LOOKS_MAX });
    const { input } = await nextCall({ question: text, tools: ['answer'], images: [whole], lastNote: '', turn: 0 });
    const alone = z.object({ text: z.string() }).parse(input).text;
    const holds = (words: string | null) => words !== null && new RegExp(`\\b${truth}\\b`).test(words);
    results.push({
      kind,
      size: `${image.width} x ${image.height}`,
      answer: answered.answer ?? answered.status,
      truth,
      isRight: holds(answered.answer) && answered.evidence.length > 0,
      wholeIsRight: holds(alone),
      looks: answered.looks,
      calls: eyes.asked.length - callsBefore,
      seconds: (performance.now() - beganMs) / 1_000,
    });
    about = { execution_id: answered.execution_id };
  }
  return results;
}

async function answerTo(client: Client, question: Record<string, unknown>): Promise<z.infer<typeof Answer>> {
  for (;;) {
    const { structuredContent, content } = await client.callTool({
      name: 'ask_image',
      arguments: { ...question, wait_seconds: 25 },
    });
    const answer = Answer.safeParse(structuredContent);
    if (!answer.success) throw new Error(JSON.stringify(content));
    if (answer.data.status !== 'RUNNING') return answer.data;
  }
}

/** What a model gets that is sent the whole image. */
async function overviewOf({ path, width, height }: DrawnImage): Promise<ShownImage> {
  const jpeg = await sharp(path, { limitInputPixels: false })
    .resize(1_568, 1_568, { fit: 'inside' })
    .jpeg({ quality: 90 })
    .toBuffer();
  return { number: 0, box: [0, 0, width, height], jpeg };
}

function figuresOf(results: readonly Asked[]): Record<string, number> {
  const share = (of: readonly Asked[], isRight: (result: Asked) => boolean) =>
    rounded((100 * of.filter(isRight).length) / of.length, 1);
  const kinds = [...Map.groupBy(results, ({ kind }) => kind)].flatMap(([kind, of]) => [
    [`${kind}-right-percent`, share(of, ({ isRight }) => isRight)],
    [`${kind}-whole-image-right-percent`, share(of, ({ wholeIsRight }) => wholeIsRight)],
  ]);
  return {
    questions: results.length,
    'right-percent': share(results, ({ isRight }) => isRight),
    'whole-image-right-percent': share(results, ({ wholeIsRight }) => wholeIsRight),
    ...Object.fromEntries(kinds),
    'looks-median': median(results.map(({ looks }) => looks)),
    'looks-max': Math.max(...results.map(({ looks }) => looks)),
    'calls-median': median(results.map(({ calls }) => calls)),
    'seconds-median': rounded(median(results.map(({ seconds }) => seconds)), 1),
  };
}
