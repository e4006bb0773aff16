// The most that an answer costs an agent: 100,000 findings, the longest text in several scripts, and links signed for S3.
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { skillCosts, toolListCost } from '../../build/tool-tokens.ts';
import { instructionsFor } from '../../mcp-server/server.ts';
import { getExecution } from '../../mcp-server/tools/get-execution.ts';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { index, indexOf, keys } from '../../pipeline/contract/keys.ts';
import { EXPORT_FILES } from '../../pipeline/findings/exports/index.ts';
import type { Blobs, Links } from '../../pipeline/ports.ts';
import { s3Links } from '../../pipeline/storage/s3-links.ts';
import { connected, type TestClient, textOf } from '../support/mcp-clients.ts';
import { type TestServer, testServer } from '../support/server.ts';
import { asked } from '../support/task-requests.ts';
import { BOTH_COPIES_TOKENS_MAX, finding, Page, Started, TOKENS_MAX, tokensIn, uploadedImage } from '../support/tool-calls.ts';
import { ID, LETTERS, longestWords, ordinaryWords, REASON, storeWorst, worstFindings } from '../support/worst-case.ts';

const FINDINGS = 100_000;
const EXECUTION_TOKENS_MAX = 800;
const SESSION_TOKEN_CHARACTERS = 900; // of a role of Lambda; letters and signs that a URL escapes
const LINK_CHARACTERS_MIN = 1_200;
const LONGEST_STEM = '图'.repeat(33); // 99 bytes, each three characters of a URL

/** The real ones: signing needs no network. */
function linksOfALambda(): Links {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'ASIAIOSFODNN7EXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY');
  vi.stubEnv('AWS_SESSION_TOKEN', 'IQoJb3JpZ2luX2Vj/a+'.repeat(100).slice(0, SESSION_TOKEN_CHARACTERS));
  vi.stubEnv('AWS_REGION', 'us-east-1');
  onTestFinished(() => void vi.unstubAllEnvs());
  return s3Links({ bucket: 'tilesight-123456789012-us-east-1' });
}

async function worstServer(store: (blobs: Blobs) => Promise<void>): Promise<{ server: TestServer; client: TestClient }> {
  const server = await testServer({ links: linksOfALambda() });
  await store(server.blobs);
  return { server, client: await connected('2.x pinned to 2026-07-28', server) };
}

/** The structured answer, whose size was checked: of itself, and of what a client has that shows both copies. */
async function within(tokensMax: number, client: TestClient, name: string, args: Record<string, unknown>): Promise<object> {
  const { isError, structuredContent = {}, content } = await client.callTool(name, args);
  expect(isError, textOf({ content })).toBeUndefined();
  expect(tokensIn(JSON.stringify(structuredContent)), `${name} ${JSON.stringify(args)}`).toBeLessThanOrEqual(tokensMax);
  expect(tokensIn(textOf({ content }))).toBeLessThanOrEqual(tokensMax);
  expect(tokensIn(JSON.stringify({ content, structuredContent }))).toBeLessThanOrEqual(BOTH_COPIES_TOKENS_MAX);
  return structuredContent;
}

async function storeExports(blobs: Blobs): Promise<void> {
  for (const { storedAs } of EXPORT_FILES)
    await blobs.put(keys.export(ID, storedAs.replace('{image}', LONGEST_STEM)), Buffer.from('file'));
}

describe('the list of tools and the instructions', () => {
  /** The first seven, whatever is added behind them. */
  const SEVEN = TOOLS.slice(0, 7);
  const SEVEN_TOKENS_MAX = 3_600;
  /**
   * For what they could not do then. view_region: images without an analysis, several boxes, turns, contrast, coordinates.
   * list_findings: text, three orders, counts on a grid, findings of a running analysis.
   */
  const LATER_TOKENS_MAX = 294;

  test('take at most 3,600 tokens for the seven tools of the first release, and 294 for what they have learned since', async () => {
    const { client } = await worstServer(async () => {});
    const names: string[] = SEVEN.map(({ name }) => name);
    const listed = (await client.listTools()).filter(({ name }) => names.includes(name));
    expect(listed).toHaveLength(7);
    expect(tokensIn(JSON.stringify(listed) + instructionsFor(SEVEN))).toBeLessThanOrEqual(SEVEN_TOKENS_MAX + LATER_TOKENS_MAX);
    expect(toolListCost(SEVEN).budget).toBeLessThanOrEqual(SEVEN_TOKENS_MAX);
  });

  test('are within the budget, and cost what the report says', async () => {
    const { client } = await worstServer(async () => {});
    const { tools, all, budget } = toolListCost(TOOLS);
    const listed = await client.listTools();
    expect(all).toBe(tokensIn(JSON.stringify(listed) + client.instructions()));
    expect(tools.map(({ all }) => all)).toEqual(listed.map((tool) => tokensIn(JSON.stringify(tool))));
    expect(all).toBeLessThanOrEqual(budget);
  });

  test('are over the budget once a tool says too much', () => {
    const [first, ...rest] = TOOLS;
    const { all, budget } = toolListCost([{ ...first, description: 'Use this '.repeat(300) }, ...rest]);
    expect(all).toBeGreaterThan(budget);
  });
});

describe('for 100,000 findings', () => {
  const sorts = ['score', 'position', 'label'];
  const formats = ['concise', 'detailed'];
  const ways = sorts.flatMap((sort) => formats.map((response_format) => ({ sort, response_format, limit: 200 })));

  test('every page of list_findings is at most 10,000 tokens, even the longest', async () => {
    const { client } = await worstServer((blobs) => storeWorst(blobs, worstFindings(FINDINGS), longestWords('图')));
    for (const way of ways) {
      for (const cursor of [undefined, '200', '400', '50000', '99990']) {
        const page = Page.parse(await within(TOKENS_MAX, client, 'list_findings', { execution_id: ID, ...way, cursor }));
        expect(page.totals.matching).toBe(FINDINGS);
        expect(page.findings.length).toBeGreaterThan(0);
      }
    }
    const first = Page.parse(await client.call('list_findings', { execution_id: ID, ...ways[1] }, Page)).findings[0];
    expect(first).toMatchObject({ id: 'f1', tiles: { length: 20 } });
    const some = { execution_id: ID, labels: [`!00${'l'.repeat(95)}`], response_format: 'detailed', limit: 1 };
    expect(Page.parse(await within(TOKENS_MAX, client, 'list_findings', some)).totals.matching).toBe(1);
  });

  test('reports, findings and completions of resources are at most 10,000 tokens', async () => {
    const { client, server } = await worstServer(async (blobs) => {
      await storeWorst(blobs, worstFindings(FINDINGS), longestWords('图'));
      await storeExports(blobs);
    });
    for (const path of ['', '/findings']) {
      const { text = '' } = await client.readResource(`tilesight://executions/${ID}${path}`);
      expect(text.length).toBeGreaterThan(3_000);
      expect(tokensIn(text), path).toBeLessThanOrEqual(TOKENS_MAX);
    }
    const { text: report } = await client.readResource(`tilesight://executions/${ID}`);
    for (const file of ['findings.json', 'overlay.jpg', 'report.html', ...EXPORT_FILES.map(({ storedAs }) => storedAs)])
      expect(report).toMatch(new RegExp(`^- ${file}: https://\\S{${LINK_CHARACTERS_MIN},}$`, 'm'));
    for (let run = 0; run < 150; run++)
      await server.blobs.put(indexOf(null).byTime + index.name(new Date(run), `${ID.slice(0, 60)}${run}`), Buffer.from('{}'));
    const ids = await client.completions('tilesight://executions/{id}', { name: 'id', value: 'a' });
    expect(ids.length).toBeGreaterThan(50);
    expect(tokensIn(JSON.stringify(ids))).toBeLessThanOrEqual(TOKENS_MAX);
  });
});

test.each(LETTERS)(
  'pages of executions with long addresses and labels of %j are at most 10,000 tokens, and none is lost',
  async (letter) => {
    const { client, server } = await worstServer(async (blobs) => {
      for (let run = 0; run < 40; run++) {
        const by_label = Object.fromEntries(Array.from({ length: 10 }, (_, label) => [`${label}${letter.repeat(99)}`, 1]));
        const started_at = new Date(Date.UTC(2026, 0, 1, 0, run)).toISOString();
        const image = longestWords(letter).uri;
        const entry = { execution_id: `run-${run}`, status: 'SUCCEEDED', image, started_at, findings: 10, by_label };
        const key = indexOf(null).byTime + index.name(new Date(started_at), entry.execution_id);
        await blobs.put(key, Buffer.from(JSON.stringify(entry)));
      }
    });
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const answer = await within(TOKENS_MAX, client, 'list_findings', { limit: 200, ...(cursor && { cursor }) });
      const page = Page.parse(answer);
      seen.push(...page.executions.map(({ execution_id }) => execution_id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, run) => `run-${39 - run}`));
    expect(server.errors).toEqual([]);
  },
);

describe('get_execution', () => {
  const Answer = getExecution.output;

  test('is at most 800 tokens if tiles failed and the summary is of ordinary length; the detailed format has everything', async () => {
    const { client } = await worstServer(async (blobs) => {
      await storeWorst(blobs, [finding(1)], ordinaryWords);
      await storeExports(blobs);
    });
    const concise = Answer.parse(await within(EXECUTION_TOKENS_MAX, client, 'get_execution', { execution_id: ID }));
    expect(concise.reason).toContain(REASON);
    expect(concise.failed_tiles.length).toBeGreaterThanOrEqual(3);
    expect(concise.failed_tiles[0]?.reason).toBe(REASON);
    expect(concise.summary?.length).toBeGreaterThan(800);
    expect(concise.summary).toMatch(/is open\.…$/);
    expect(concise.next_step).toMatch(/Shortened: summary, failed_tiles, notes\. Use response_format detailed for more\.$/);

    const wish = { execution_id: ID, response_format: 'detailed' };
    const detailed = Answer.parse(await within(TOKENS_MAX, client, 'get_execution', wish));
    expect(detailed.summary?.length).toBeGreaterThan(1_980);
    expect(detailed.summary).toMatch(/tiles failed, so objects that lie only in them are missing\.$/);
    expect(detailed.failed_tiles).toHaveLength(20);
    expect(detailed.next_step).not.toContain('Shortened');
    const links = Object.values(detailed.artifacts ?? {});
    expect(links).toHaveLength(3 + EXPORT_FILES.length);
    for (const link of links) expect(link?.length).toBeGreaterThan(LINK_CHARACTERS_MIN);
  });

  test.each(LETTERS)('is at most 800 tokens for the longest text in %j, and 10,000 in the detailed format', async (letter) => {
    const { client } = await worstServer(async (blobs) => {
      await storeWorst(blobs, [finding(1)], longestWords(letter));
      await storeExports(blobs);
    });
    const concise = Answer.parse(await within(EXECUTION_TOKENS_MAX, client, 'get_execution', { execution_id: ID }));
    expect(concise.summary?.length).toBeGreaterThan(100);
    expect(concise.failed_tiles.length).toBeGreaterThan(0);
    expect(concise.next_step).toContain('Shortened: reason, summary, failed_tiles, notes.');
    await within(TOKENS_MAX, client, 'get_execution', { execution_id: ID, response_format: 'detailed' });
  });

  test('is not shortened if it is short', async () => {
    const words = { ...ordinaryWords, summary: 'A cat [f1] on a bench [f2].' };
    const { client } = await worstServer((blobs) => storeWorst(blobs, [finding(1)], words));
    const { summary } = await client.call('get_execution', { execution_id: ID }, Answer);
    expect(summary).toMatch(/^A cat \[f1\] on a bench \[f2\]\. Not analyzed: 4321 of 99000 tiles failed, .* are missing\.$/);
  });
});

test.each(LETTERS)('other answers about an execution are at most 10,000 tokens for the longest text in %j', async (letter) => {
  const { server, client } = await worstServer((blobs) => storeWorst(blobs, [finding(1)], longestWords(letter)));
  await within(TOKENS_MAX, client, 'cancel_execution', { execution_id: ID });
  const { result } = await asked(server, 'tasks/get', { taskId: ID });
  expect(tokensIn(JSON.stringify(result))).toBeLessThanOrEqual(BOTH_COPIES_TOKENS_MAX);
  const Task = z.object({ status: z.literal('completed'), result: z.object({ structuredContent: z.looseObject({}) }) });
  const { structuredContent } = Task.parse(result).result;
  expect(structuredContent).toMatchObject({ execution_id: ID, status: 'PARTIAL' });
  expect(tokensIn(JSON.stringify(structuredContent))).toBeLessThanOrEqual(TOKENS_MAX);

  const image = await uploadedImage(server);
  const { execution_id } = await client.call('analyze_image', { image }, Started);
  await server.blobs.put(keys.progress(execution_id), (await server.blobs.get(keys.progress(ID))) ?? Buffer.of());
  const again = await within(TOKENS_MAX, client, 'analyze_image', { image });
  expect(again).toMatchObject({ status: 'PARTIAL', created: false });
});

test('create_upload is at most 10,000 tokens with the longest name and a signed link', async () => {
  const { client } = await worstServer(async () => {});
  for (const letter of [...LETTERS, "'"]) {
    const answer = await within(TOKENS_MAX, client, 'create_upload', { file_name: letter.repeat(200), bytes: 1_000 });
    expect(answer).toMatchObject({ url: expect.stringMatching(new RegExp(`^https://\\S{${LINK_CHARACTERS_MIN},}$`)) });
  }
});

test.each(LETTERS)('prompts and refusals are at most 10,000 tokens for the longest arguments of %j', async (letter) => {
  const { client } = await worstServer(async () => {});
  const longest = letter.repeat(2_000);
  const inspect = await client.prompt('inspect_image', { image: longest, look_for: longest });
  expect(tokensIn(inspect)).toBeLessThanOrEqual(TOKENS_MAX);
  expect(tokensIn(await client.prompt('compare_runs', { before: ID, after: ID }))).toBeLessThanOrEqual(TOKENS_MAX);
  const refused: [string, Record<string, unknown>][] = [
    ['analyze_image', { image: longest, look_for: longest }],
    ['analyze_image', { image: `https://${longest}` }],
    ['list_findings', { execution_id: longest }],
    ['list_findings', { labels: [longest], cursor: letter.repeat(200) }],
    ['view_region', { execution_id: ID, finding_id: letter.repeat(20) }],
    ['retry_failed_tiles', { execution_id: longest, [longest]: longest }],
  ];
  for (const [name, args] of refused) expect(tokensIn(await client.refusal(name, args)), name).toBeLessThanOrEqual(1_000);
});

test.each(skillCosts().map((cost) => [cost.name, cost] as const))(
  'the skill %s stays within its budget',
  (_, { all, description, budget }) => {
    expect(description).toBeGreaterThan(20);
    expect(all).toBeGreaterThan(description);
    expect(all).toBeLessThanOrEqual(budget);
  },
);
