import { describe, expect, test } from 'vitest';
import type { Finding } from '../../pipeline/contract/schemas.ts';
import { intersectionOf } from '../../pipeline/planning/geometry.ts';
import {
  allPages,
  BOTH_COPIES_TOKENS_MAX,
  ends,
  finding,
  idsOf,
  Page,
  serverAndClient,
  started,
  TOKENS_MAX,
  tokensIn,
} from '../support/tool-calls.ts';

describe('list_findings', () => {
  const labels = ['person', 'car', 'dog', 'kite', 'bench'];
  const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;
  const many = Array.from({ length: 5_000 }, (_, index) =>
    finding(index, {
      label: labels[index % 5] ?? '',
      severity: severities[index % 3] ?? 'info',
      score: ((index * 7_919) % 1_000) / 1_000,
      description: `Number ${index}, standing beside "the other" ones.`,
      text: index % 4 === 0 ? `No. ${index}` : null,
    }),
  );
  const scored = (found: Page['findings']) => found.map(({ score }) => score);

  async function serverWith(findings: Finding[]) {
    const { server, client } = await serverAndClient({ script: ends(findings) });
    const { execution_id } = await started(server, client);
    return { client, execution_id };
  }

  test.each([
    { sort: 'score', limit: 200, response_format: 'concise' },
    { sort: 'position', limit: 200, response_format: 'detailed' },
    { sort: 'label', limit: 173, response_format: 'concise' },
  ])('returns each of 5,000 findings once, in pages below 10,000 tokens: %j', async (how) => {
    const { client, execution_id } = await serverWith(many);
    const pages = await allPages(client, { execution_id, ...how });
    const ids = idsOf(pages);
    expect(ids).toHaveLength(5_000);
    expect(new Set(ids).size).toBe(5_000);
    for (const page of pages) expect(tokensIn(JSON.stringify(page))).toBeLessThan(TOKENS_MAX);
    expect(pages.at(-1)?.next_step).toBe('These are all matching findings.');
    expect(pages[0]?.next_step).toContain(`cursor ${pages[0]?.next_cursor}`);
  });

  test.each(['l', '图', '\u0001'])('stays below 10,000 tokens if every finding is as long as possible, in %j', async (letter) => {
    const longest = Array.from({ length: 120 }, (_, index) =>
      finding(index, {
        label: `${index} ${letter.repeat(96)}`,
        description: letter.repeat(1_000),
        text: letter.repeat(2_000),
      }),
    );
    const { client, execution_id } = await serverWith(longest);
    const how = { execution_id, limit: 200, response_format: 'detailed' };
    const pages = await allPages(client, how);
    expect(new Set(idsOf(pages)).size).toBe(120);
    for (const page of pages) expect(tokensIn(JSON.stringify(page))).toBeLessThan(TOKENS_MAX);
    const { content, structuredContent } = await client.callTool('list_findings', how);
    expect(tokensIn(JSON.stringify({ content, structuredContent }))).toBeLessThan(BOTH_COPIES_TOKENS_MAX);
  });

  test.each([
    ['/^no\\. 1?2$/', 1],
    ['/^NO\\. \\d{4}$/', 1_000],
    ['standing beside "the other"', 5_000],
    ['kite', 1_000],
    ['nowhere', 0],
  ])('with text %s, %i findings match', async (text, count) => {
    const { client, execution_id } = await serverWith(many);
    const page = await client.call('list_findings', { execution_id, text, limit: 1 }, Page);
    expect(page.totals.matching).toBe(count);
  });

  test.each([
    ['/(/', /^The regular expression \/\(\/ is not valid\. Simplify it, or send plain words without slashes\.$/],
    ['/^(a+)+b$/', /^The regular expression \/.+\/ takes longer than 500 ms\. Simplify it/],
  ])('the expression %s is refused with a sentence, and the server goes on', async (text, sentence) => {
    const { client, execution_id } = await serverWith([finding(1, { text: 'a'.repeat(60) })]);
    expect(await client.refusal('list_findings', { execution_id, text })).toMatch(sentence);
    expect((await client.call('list_findings', { execution_id, text: 'aaa' }, Page)).totals.matching).toBe(1);
  });

  test('text and grid need an execution', async () => {
    const { client } = await serverWith([finding(1)]);
    const sentence = 'text and grid are for the findings of one execution. Send its execution_id, or leave them out.';
    expect(await client.refusal('list_findings', { text: 'a' })).toBe(sentence);
    expect(await client.refusal('list_findings', { grid: 4 })).toBe(sentence);
  });

  test('filters of findings that a list of executions does not use are named', async () => {
    const { client } = await serverWith([finding(1)]);
    const { notes } = await client.call('list_findings', { min_score: 0.9, region: [0, 0, 9, 9], labels: ['person'] }, Page);
    expect(notes).toEqual([
      'min_score and region: not used, because executions are listed. Send an execution_id to filter its findings.',
    ]);
    expect((await client.call('list_findings', { labels: ['person'] }, Page)).notes).toEqual([]);
  });

  test('sorts by the lowest score and by size, in pages without gaps', async () => {
    const sized = many.map((one, index): Finding => ({ ...one, box: [0, 0, 1 + ((index * 31) % 997), 10] }));
    const { client, execution_id } = await serverWith(sized);
    const sorted = async (sort: string) =>
      (await allPages(client, { execution_id, sort, limit: 200 })).flatMap((page) => page.findings);
    const areas = (found: Page['findings']) => found.map(({ box: [, , width, height] }) => width * height);
    const [lowest, size, smallest] = [await sorted('lowest_score'), await sorted('size'), await sorted('smallest')];
    expect(scored(lowest)).toEqual(scored(lowest).toSorted((a, b) => a - b));
    expect(areas(size)).toEqual(areas(size).toSorted((a, b) => b - a));
    expect(areas(smallest)).toEqual(areas(smallest).toSorted((a, b) => a - b));
    expect([lowest, size, smallest].map((found) => new Set(found.map(({ id }) => id)).size)).toEqual([5_000, 5_000, 5_000]);
  });

  test('counts matching findings on a coarse grid on request', async () => {
    const { client, execution_id } = await serverWith(
      [
        [0, 0, 20, 20],
        [10, 10, 20, 20],
        [1_239, 619, 1, 1],
      ].map((box, index) => finding(index, { box: box as Finding['box'], label: index === 1 ? 'dog' : 'cat' })),
    );
    const cells = async (args: object) => (await client.call('list_findings', { execution_id, ...args }, Page)).totals.by_cell;
    expect(await cells({ grid: 2 })).toEqual([
      [2, 0],
      [0, 1],
    ]);
    expect(await cells({ grid: 2, labels: ['cat'] })).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(await cells({})).toBeUndefined();
  });

  test('returns totals first: matching findings by label and severity', async () => {
    const { client, execution_id } = await serverWith(many);
    const page = await client.call('list_findings', { execution_id, labels: ['CAR', 'dog'], limit: 1 }, Page);
    expect(page.totals).toMatchObject({ findings: 5_000, matching: 2_000, by_label: { car: 1_000, dog: 1_000 } });
    expect(Object.values(page.totals.by_severity).reduce((sum, count) => sum + count, 0)).toBe(2_000);
    expect(page.findings).toHaveLength(1);
    expect(Object.keys(page)).toEqual([
      'execution_id',
      'status',
      'image',
      'executions',
      'totals',
      'findings',
      'notes',
      'next_cursor',
      'next_step',
    ]);
  });

  test('returns only findings that match every filter', async () => {
    const { client, execution_id } = await serverWith(many);
    const region = [100, 100, 300, 200];
    const filters = { labels: ['person'], severity: ['low', 'medium'], min_score: 0.5, region };
    const ids = idsOf(await allPages(client, { execution_id, ...filters, limit: 20 }));
    const expected = many.filter(
      ({ label, severity, score, box }) =>
        label === 'person' && severity !== 'info' && score >= 0.5 && intersectionOf(box, [100, 100, 300, 200]) > 0,
    );
    expect(expected.length).toBeGreaterThan(20);
    expect(ids.toSorted()).toEqual(expected.map(({ id }) => id).toSorted());
  });

  test('sorts by score, by position and by label', async () => {
    const { client, execution_id } = await serverWith(many.slice(0, 150));
    const sorted = async (sort: string) =>
      (await client.call('list_findings', { execution_id, sort, limit: 150 }, Page)).findings;
    const byScore = scored(await sorted('score'));
    expect(byScore).toEqual(byScore.toSorted((a, b) => b - a));
    const tops = (await sorted('position')).map(({ box }) => box[1]);
    expect(tops).toEqual(tops.toSorted((a, b) => a - b));
    const names = (await sorted('label')).map(({ label }) => label);
    expect(names).toEqual(names.toSorted());
    expect(names).toHaveLength(150);
  });

  test('is concise by default', async () => {
    const { client, execution_id } = await serverWith([finding(1)]);
    const [concise] = (await client.call('list_findings', { execution_id }, Page)).findings;
    expect(Object.keys(concise ?? {})).toEqual(['id', 'label', 'score', 'severity', 'box', 'text']);
    const [detailed] = (await client.call('list_findings', { execution_id, response_format: 'detailed' }, Page)).findings;
    expect(detailed).toEqual(finding(1));
  });

  test('names the models behind a finding and the verdict of a judge only in the detailed format', async () => {
    const judged = { by: 'openai:judge', verdict: 'corrected', label: 'wolf' } as const;
    const said = finding(1, { said_by: ['openai:a', 'openai:b'], judged, verified: 'corrected' });
    const { client, execution_id } = await serverWith([said]);
    const [concise] = (await client.call('list_findings', { execution_id }, Page)).findings;
    expect(Object.keys(concise ?? {})).toEqual(['id', 'label', 'score', 'severity', 'box', 'text']);
    const [detailed] = (await client.call('list_findings', { execution_id, response_format: 'detailed' }, Page)).findings;
    expect(detailed).toEqual(said);
  });

  test('has outlines and other labels in the detailed format, and finds an object by each of its labels', async () => {
    const car = finding(1, {
      label: 'car',
      alternatives: [{ label: 'Truck', score: 0.6 }],
      polygon: [
        [10, 10],
        [30, 20],
        [20, 40],
        [0, 30],
      ],
      angle: 26.6,
    });
    const { client, execution_id } = await serverWith([car, finding(2, { label: 'cat' })]);
    for (const labels of [['car'], ['truck']]) {
      const page = await client.call('list_findings', { execution_id, labels, response_format: 'detailed' }, Page);
      expect(page.findings).toEqual([car]);
    }
  });

  test('names the next step if nothing was found, or if nothing matches', async () => {
    const nothing = await serverWith([]);
    expect((await nothing.client.call('list_findings', { execution_id: nothing.execution_id }, Page)).next_step).toMatch(
      /^Nothing was found/,
    );
    const some = await serverWith([finding(1)]);
    const page = await some.client.call('list_findings', { execution_id: some.execution_id, labels: ['zebra'] }, Page);
    expect(page).toMatchObject({ totals: { findings: 1, matching: 0 }, findings: [], next_cursor: null });
    expect(page.next_step).toMatch(/^No finding matches: widen the filters\.$/);
  });

  test('takes an empty cursor for none, as clients mean it', async () => {
    const { client, execution_id } = await serverWith(many.slice(0, 5));
    const page = await client.call('list_findings', { execution_id, cursor: '' }, Page);
    expect(page).toEqual(await client.call('list_findings', { execution_id }, Page));
  });

  test.each(['6', '-1', '1e3', 'next'])('refuses the cursor %j, which no page returned', async (cursor) => {
    const { client, execution_id } = await serverWith(many.slice(0, 5));
    expect(await client.refusal('list_findings', { execution_id, cursor })).toMatch(
      /Leave cursor out to start from the first page\.$/,
    );
  });

  test('refuses while the analysis runs, and names the call to wait', async () => {
    const { server, client } = await serverAndClient();
    const { execution_id } = await started(server, client);
    expect(await client.refusal('list_findings', { execution_id })).toMatch(
      /is still running: phase queued, 0 of \d+ tiles analyzed\. Call get_execution with wait_seconds 20/,
    );
  });
});

test('rejected findings are counted, and listed only on request', async () => {
  const findings = [finding(1), finding(2, { verified: 'rejected' }), finding(3, { verified: 'confirmed' })];
  const { server, client } = await serverAndClient({ script: ends(findings) });
  const { execution_id } = await started(server, client);
  const page = await client.call('list_findings', { execution_id }, Page);
  expect(page.totals).toMatchObject({ findings: 2, rejected: 1, matching: 2 });
  expect(page.findings.map(({ id }) => id)).toEqual(['f1', 'f3']);
  expect(idsOf(await allPages(client, { execution_id, include_rejected: true })).sort()).toEqual(['f1', 'f2', 'f3']);
});
