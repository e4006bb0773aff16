// Every worked example of the skills runs against the real local server with its models, and its answers are what the skill shows.
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { type LocalServer, serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { silent } from '../fixtures/engine-harness.ts';
import { connected, type TestClient, type ToolResult, textOf } from '../support/mcp-clients.ts';
import { readingModel } from '../support/reading-model.ts';

const NAMES = (await readdir('skills')).filter((name) => name.startsWith('tilesight-'));

const Json = z.record(z.string(), z.unknown());
/** `answer` has fields of the structured answer, or the sentence of an error, or what comes with an image. */
const Answer = z.looseObject({
  execution_id: z.string().optional(),
  status: z.string().optional(),
  error: z.string().optional(),
  image: z.string().optional(),
  text: z.string().optional(),
});
const Example = z.strictObject({
  tool: z.string(),
  arguments: Json.and(z.looseObject({ image: z.string().optional() })),
  answer: Answer,
});
type Example = z.infer<typeof Example>;

const SKILLS = await Promise.all(NAMES.map(async (name) => [name, await examplesOf(name)] as const));
const View = z.looseObject({ execution_id: z.string(), status: z.string() });

/** Parts of examples/lawn.jpg. */
const PART = { left: 2_900, top: 0, width: 1_500, height: 1_000 };
const GRAVEL = { left: 500, top: 950, width: 900, height: 600 };

async function examplesOf(name: string): Promise<Example[]> {
  const text = await readFile(`skills/${name}/SKILL.md`, 'utf8');
  return [...text.matchAll(/^```json\n(.*?)^```$/gms)].map(([, block = '']) => Example.parse(JSON.parse(block)));
}

/** The images that the examples name: those of examples/, and parts of lawn.jpg. On Friday, gravel covers the cup. */
async function imagesFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-skills-'));
  for (const file of ['lawn.jpg', 'floorplan.png']) await copyFile(join('examples', file), join(folder, file));
  const lawn = sharp('examples/lawn.jpg');
  const part = await lawn.clone().extract(PART).png().toBuffer();
  const gravel = await lawn.clone().extract({ left: 3_000, top: 650, width: 200, height: 200 }).png().toBuffer();
  await sharp(part).jpeg({ quality: 95 }).toFile(join(folder, 'monday.jpg'));
  const covered = sharp(part).composite([{ input: gravel, left: 680, top: 110 }]);
  await covered.jpeg({ quality: 95 }).toFile(join(folder, 'friday.jpg'));
  await lawn.clone().extract(GRAVEL).jpeg({ quality: 95 }).toFile(join(folder, 'gravel.jpg'));
  return folder;
}

/** One server for all skills: its workers load the models once. */
let folder = '';
let server: LocalServer | null = null;
let model: Awaited<ReturnType<typeof readingModel>> | null = null;
beforeAll(async () => {
  folder = await imagesFolder();
  model = await readingModel();
  vi.stubEnv('OPENAI_BASE_URL', model.baseUrl); // worker processes read the environment
  const config = readConfig({ LOG_LEVEL: 'silent', OPENAI_BASE_URL: model.baseUrl, ASK_MODEL: 'openai:reader' });
  server = await serve({ config, dataFolder: join(folder, 'data'), allowedFolders: [folder], port: 0, log: silent });
});
afterAll(async () => {
  await server?.close();
  model?.close();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function localClient(): Promise<TestClient> {
  const at = (url: string | URL) => new URL(new URL(url).pathname, server?.url);
  return await connected('2.x pinned to 2026-07-28', { fetch: (url, init) => fetch(at(url), init) });
}

/** The answer, or the answer of get_execution once the analysis has ended, as the skills have agents do. */
async function ended(client: TestClient, { tool, arguments: args, answer }: Example): Promise<ToolResult> {
  for (let result = await client.callTool(tool, args); ; ) {
    const view = View.safeParse(result.structuredContent);
    if (answer.status === undefined || !view.success || view.data.status !== 'RUNNING' || answer.status === 'RUNNING')
      return result;
    const { execution_id } = view.data;
    result =
      tool === 'ask_image' // the same call has the answer
        ? await client.callTool(tool, args)
        : await client.callTool('get_execution', { execution_id, wait_seconds: 20 });
  }
}

function expectAnswer({ answer }: Example, result: ToolResult): void {
  const { error, image, text, execution_id: _, ...fields } = answer;
  expect(result.isError ?? false, textOf(result)).toBe(error !== undefined);
  if (error !== undefined || text !== undefined) expect(textOf(result)).toContain(error ?? text);
  if (image !== undefined) expect(result.content[0]).toMatchObject({ type: 'image', mimeType: image });
  if (Object.keys(fields).length > 0) expect(result.structuredContent).toMatchObject(fields);
}

describe.each(SKILLS)('the skill %s', (_, examples) => {
  test('shows calls with the answers that they get', { timeout: 240_000 }, async () => {
    expect(examples.length).toBeGreaterThanOrEqual(3);
    const client = await localClient();
    const ids = new Map<string, string>();
    let tiles: string[] = [];
    for (const example of examples) {
      const args = JSON.parse(
        JSON.stringify(example.arguments)
          .replaceAll('"/images/', `"${folder}/`)
          .replace(/(?<="execution_id":")[^"]+/, (shown) => ids.get(shown) ?? `the example of ${shown} comes first`),
      );
      // Ids of tiles are new in each run.
      for (const [place, report] of (args.reports ?? []).entries()) report.tile = tiles[place];
      const result = await ended(client, { ...example, arguments: args });
      if (example.tool === 'next_tiles') tiles = [...textOf(result).matchAll(/^Tile (\S+),/gm)].map(([, id = '']) => id);
      expectAnswer(example, result);
      const shown = example.answer.execution_id;
      if (shown === undefined) continue;
      const real = View.parse(result.structuredContent).execution_id;
      const slug = example.tool === 'ask_image' ? 'ask' : basename(example.arguments.image ?? 'no image').split('.')[0];
      expect(shown).toMatch(new RegExp(`^${slug}-[0-9a-f]{16}$`));
      ids.set(shown, real);
    }
  });
});
