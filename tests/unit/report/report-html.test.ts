// The report as text: how values become harmless in it, and how its data represent findings and tiles.
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

  test.each([
    ['the name of an element', (text: string) => html`<${text}>`],
    ['an attribute without quotes', (text: string) => html`<p title=${text}>`],
    ['single quotes', (text: string) => html`<p title='${text}'>`],
    ['an event handler', (text: string) => html`<p onclick="${text}">`],
    ['an inline style', (text: string) => html`<p style="${text}">`],
    ['the beginning of a link', (text: string) => html`<a href="${text}">`],
    ['a link to elsewhere', (text: string) => html`<a href="https://${text}">`],
    ['the inside of a script', (text: string) => html`<script>${text}</script>`],
    ['the inside of a style', (text: string) => html`<style>${html`${text}`}</style>`],
    ['markup in an attribute', (text: string) => html`<p title="${html`${text}`}">`],
  ] as [string, (text: string) => Markup][])('refuses a value as %s', (_, made) => {
    expect(() => made('x')).toThrow(/^Expected /);
  });
});

describe('a report', () => {
  test('says what each finding is in its data, the most important ones first and rejected ones last', () => {
    const page = reportPage(
      materialWith([
        finding(1, { score: 0.4, text: 'EXIT' }),
        finding(2, { severity: 'critical', verified: 'rejected' }),
        finding(3, { severity: 'high', label: 'crack', description: 'a crack', score: 0.876, box: [1.4, 2.6, 3, 4] }),
      ]),
    );
    expect(rowsIn(page)).toEqual({
      labels: ['crack', 'cup'],
      texts: [],
      rows: [
        [3, 0, 876, 3, 1, 3, 3, 4, 'a crack'],
        [1, 1, 400, 0, 1, 2, 30, 20, 0, 'EXIT'],
        [2, 1, 500, 4, 2, 4, 30, 20, 0, 0, 2],
      ],
    });
  });

  test('draws 100,000 tiles, seen and not, in a bounded map', () => {
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
      materialWith([], { tiles: { total, done: 0, blank: blankTiles.length, failed } }, { blankTiles }, size),
    );
    expect(page).toMatch(/not seen and [\d,]+ blank/);
    expect(page).toContain('more reasons');
    expect(Buffer.byteLength(page)).toBeLessThan(500_000);
  });

  test('is the same out of a minified bundle, and its script is one that can be read', async () => {
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
