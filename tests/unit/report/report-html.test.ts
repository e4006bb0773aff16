// The report as text: how values are escaped in it, and how its data represent findings and tiles.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../../pipeline/contract/schemas.ts';
import { tileCount } from '../../../pipeline/planning/grid.ts';
import { html, jsonText, type Markup, shortened } from '../../../pipeline/report/html.ts';
import { reportPage } from '../../../pipeline/report/report-page.ts';
import { SCRIPT } from '../../../pipeline/report/report-script.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { finding, HOSTILE, materialWith, rowsIn, visible } from '../../support/report-material.ts';

describe('the template tag', () => {
  test.each(HOSTILE.map((text) => [shortened(text, 40), text]))('makes %j harmless in text and in attributes', (_, text) => {
    const { text: page } = html`<p title="${text}">${text}</p>`;
    const [, title = '', content = ''] = /^<p title="([^"<>]*)">([^"'<>]*)<\/p>$/.exec(page) ?? [];
    expect([decoded(title), decoded(content)]).toEqual([visible(text), visible(text)]);
  });

  test.each(HOSTILE.map((text) => [shortened(text, 40), text]))('writes %j into a script element as JSON', (_, text) => {
    const { text: page } = html`<script type="application/json">${jsonText({ text })}</script>`;
    const [, json = ''] = /^<script type="application\/json">([^<>&\u2028\u2029]*)<\/script>$/.exec(page) ?? [];
    expect(JSON.parse(json)).toEqual({ text: visible(text) });
  });

  function decoded(escaped: string): string {
    const characters: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' };
    return escaped.replace(/&[a-z0-9#]+;/g, (entity) => characters[entity] ?? '?');
  }

  const refused: [name: string, made: (text: string) => Markup, sentence: string][] = [
    ['the name of an element', (text) => html`<${text}>`, 'A template contains a bare <. Write &lt;.'],
    [
      'an attribute without quotes',
      (text) => html`<p title=${text}>`,
      'A template has a value inside <p> without double quotes.',
    ],
    ['single quotes', (text) => html`<p title='${text}'>`, "A template contains ' in <p>. Attribute values need double quotes."],
    [
      'an event handler',
      (text) => html`<p onclick="${text}">`,
      'A template has a value in the attribute onclick that begins with "".',
    ],
    [
      'an inline style',
      (text) => html`<p style="${text}">`,
      'A template has a value in the attribute style that begins with "".',
    ],
    [
      'the beginning of a link',
      (text) => html`<a href="${text}">`,
      'A template has a value in the attribute href that begins with "".',
    ],
    [
      'a link to another site',
      (text) => html`<a href="https://${text}">`,
      'A template has a value in the attribute href that begins with "https://". No escaping makes it safe.',
    ],
    ['the inside of a script', (text) => html`<script>${text}</script>`, 'This value cannot stand in raw. Use jsonText or code'],
    [
      'the inside of a style',
      (text) => html`<style>${html`${text}`}</style>`,
      'This value cannot stand in raw. Use jsonText or code',
    ],
    [
      'markup in an attribute',
      (text) => html`<p title="${html`${text}`}">`,
      'This value cannot stand in attribute. Use jsonText or',
    ],
  ];
  test.each(refused)('refuses a value as %s', (_, made, sentence) => {
    expect(() => made('x')).toThrow(sentence);
  });
});

describe('a report', () => {
  test('has all findings in its data, the most important ones first and rejected ones last', () => {
    const page = reportPage(
      materialWith([
        finding(1, { score: 0.4, text: 'EXIT' }),
        finding(2, { severity: 'critical', verified: 'rejected' }),
        finding(3, { severity: 'high', label: 'crack', description: 'a crack', score: 0.876, box: [1.4, 2.6, 3, 4] }),
      ]),
    );
    expect(rowsIn(page)).toEqual({
      labels: ['crack', 'cup'],
      colored: ['cup', 'crack'],
      texts: [],
      rows: [
        [3, 0, 876, 3, 1, 3, 3, 4, 'a crack'],
        [1, 1, 400, 0, 1, 2, 30, 20, 0, 'EXIT'],
        [2, 1, 500, 4, 2, 4, 30, 20, 0, 0, 2],
      ],
    });
  });

  test('counts analyzed, blank, failed and not analyzed tiles each on its own, and names an unknown cost', () => {
    const missing = (from: number, count: number, reason: string) =>
      Array.from({ length: count }, (_, index) => ({ tile: from + index, box: [0, 0, 1, 1] as Finding['box'], reason }));
    const failed = missing(0, 2, 'No answer.');
    const not_analyzed = missing(2, 5, 'Not analyzed: the analysis was cancelled.');
    const tiles = { total: 12, done: 4, blank: 1, failed, not_analyzed };
    const usage = { input_tokens: 41_000, output_tokens: 4_100, cost_usd: null };
    const page = reportPage(materialWith([], { tiles, usage }, { blankTiles: [7] }));
    expect(page).toContain('12 tiles: 4 analyzed, 1 blank, 2 failed, 5 not analyzed.');
    for (const [name, figure] of [
      ['tiles analyzed', '4 of 12'],
      ['blank', '1'],
      ['failed', '2'],
      ['not analyzed', '5'],
      ['cost', 'unknown'],
    ])
      expect(page).toContain(`<dt>${name}</dt><dd>${figure}</dd>`);
    expect(page).toContain('<caption>Why tiles were not analyzed</caption>');
    expect(page).toMatch(/, 2 failed, 5 not analyzed, 1 blank\./);
    expect(page).toMatch(/<path class="not-analyzed" d="M/);
  });

  test('draws 100,000 tiles, failed and blank, in a map of limited size', () => {
    const size = { width: 52_000, height: 52_000 };
    const { plan } = materialWith([], {}, {}, size);
    const total = tileCount(plan);
    expect(total).toBeGreaterThan(95_000);
    const failed = Array.from({ length: total / 2 }, (_, at) => ({
      tile: 2 * at,
      box: [0, 0, 1, 1] as Finding['box'],
      reason: `Reason ${at}.`,
    }));
    const blankTiles = Array.from({ length: total / 2 }, (_, at) => 2 * at + 1);
    const page = reportPage(
      materialWith([], { tiles: { total, done: 0, blank: blankTiles.length, failed, not_analyzed: [] } }, { blankTiles }, size),
    );
    expect(page).toMatch(/[\d,]+ failed, 0 not analyzed, [\d,]+ blank/);
    expect(page).toContain('more reasons');
    expect(Buffer.byteLength(page)).toBeLessThan(500_000);
  });

  test('is the same from a minified bundle, and its script is valid', async () => {
    new Script(SCRIPT); // throws when it is not
    const entry = join(import.meta.dirname, '../../../pipeline/report/report-page.ts');
    const out = join(await temporaryFolder(), 'page.mjs');
    await build({
      entryPoints: [entry],
      outfile: out,
      bundle: true,
      minify: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'silent',
    });
    const bundled: typeof import('../../../pipeline/report/report-page.ts') = await import(pathToFileURL(out).href);
    const material = materialWith([finding(1)]);
    expect(bundled.reportPage(material)).toBe(reportPage(material));
  });
});
