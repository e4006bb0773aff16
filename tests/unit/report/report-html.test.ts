// The report as text: what may stand in it, how large it gets, and that no execution fails for it.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { build } from 'esbuild';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { AnswerError } from '../../../pipeline/contract/errors.ts';
import { contentTypeOf, keys } from '../../../pipeline/contract/keys.ts';
import type { Finding } from '../../../pipeline/contract/schemas.ts';
import { tileCount } from '../../../pipeline/planning/plan.ts';
import type { Blobs, PipelineDeps } from '../../../pipeline/ports.ts';
import { html, jsonText, type Markup, shortened } from '../../../pipeline/report/html.ts';
import { reportPage } from '../../../pipeline/report/report-page.ts';
import { SCRIPT } from '../../../pipeline/report/report-script.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { pipelineStage, requestFor } from '../../support/pipeline-run.ts';
import { finding, HOSTILE, imagesOfMostBytes, materialWith, visible } from '../../support/report-material.ts';
import { scriptedVision, seen } from '../../support/scripted-vision.ts';
import { serverAndClient, started } from '../../support/tool-calls.ts';

const REPORT_BYTES_MAX = 8_000_000;

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
  const many: [string, number, (at: number) => Partial<Finding>, { kept: number; shortened: boolean }][] = [
    ['few words', 100_000, (at) => ({ label: at % 2 ? 'cup' : 'cat' }), { kept: 100_000, shortened: false }],
    [
      'words of their own',
      100_000,
      (at) => ({ description: `${at} is a cup with a handle` }),
      { kept: 100_000, shortened: true },
    ],
    [
      'hostile words without end',
      20_000,
      (at) => ({ description: `${at} <&"'>`.repeat(250), text: `\u2028${at}`.repeat(400) }),
      { kept: 20_000, shortened: true },
    ],
    ['a label of their own', 200_000, (at) => ({ label: `${'l'.repeat(90)} ${at}` }), { kept: 30_000, shortened: false }],
  ];
  test.each(many)('of very many findings with %s is below 8 MB, and says what it leaves out', (_, number, words, expected) => {
    const far = { box: [44_000, 44_000, 180, 120] as Finding['box'] };
    const findings = Array.from({ length: number }, (_, at) =>
      finding(at + 1, { ...far, description: 'cup', label: 'cup', ...words(at) }),
    );
    const bare = findings.map((one) => ({
      ...one,
      description: words(0).description === undefined ? one.label : one.description,
    }));
    const summary = HOSTILE.join(' ').repeat(3);
    const page = reportPage(materialWith(bare, { summary, notes: [...HOSTILE] }, { images: imagesOfMostBytes(bare) }));
    expect(Buffer.byteLength(page)).toBeLessThan(REPORT_BYTES_MAX);
    const kept = rowsIn(page).rows.length;
    expect(kept).toBeGreaterThanOrEqual(expected.kept);
    expect(page.includes(`${(number - kept).toLocaleString('en')} findings more are in findings.json`)).toBe(kept < number);
    expect(page.includes('findings.json holds them whole')).toBe(expected.shortened);
  });

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

describe('an execution', () => {
  test('leaves a report with its overlay and a crop of every finding, and names blank and failed tiles', async () => {
    const { stage, request } = await halfBlank();
    let looks = 0;
    const vision = scriptedVision({
      detect() {
        if (looks++ === 0) throw new AnswerError('Expected a tile, got <fog>. Send another.');
        return looks === 3 ? [seen('cat', [10, 10, 50, 50]), seen('dog', [90, 90, 50, 50])] : [];
      },
    });
    const { progress, document } = await stage.run(request, vision);
    expect(progress.status).toBe('PARTIAL');
    const page = (await reportIn(stage.deps.blobs)) ?? '';
    expect(page.match(/<img src="data:image\/jpeg;base64,/g)).toHaveLength(1 + (document?.findings.length ?? 0));
    expect(page).toContain('Expected a tile, got &lt;fog&gt;. Send another.');
    expect(page).toMatch(/1 not seen and [1-9]\d* blank/);
    expect(page).toMatch(/class="failed" d="M\d/);
    expect(page).toMatch(/class="blank" d="M\d/);
    expect(contentTypeOf(keys.report('run-1'))).toBe('text/html; charset=utf-8');
    expect(contentTypeOf('uploads/report.html')).toBe('application/octet-stream');
  });

  test('names its report among its files', async () => {
    const { server, client } = await serverAndClient({ script: async (run) => void (await run.end([finding(1)])) });
    const { execution_id } = await started(server, client);
    const page = reportPage(materialWith([finding(1)]));
    await server.blobs.put(keys.report(execution_id), Buffer.from(page));
    const { text = '' } = await client.readResource(`tilesight://executions/${execution_id}`);
    const response = await server.fetch(/^- report\.html: (\S+)$/m.exec(text)?.[1] ?? '');
    expect([response.headers.get('content-type'), await response.text()]).toEqual(['text/html; charset=utf-8', page]);
  });

  test('succeeds without a report when it cannot be written', async () => {
    const { stage, request } = await halfBlank();
    const put: Blobs['put'] = async (key, bytes) => {
      if (key === keys.report('run-1')) throw new Error('Disk full.');
      await stage.deps.blobs.put(key, bytes);
    };
    const warned: string[] = [];
    const { progress } = await stage.run(request, scriptedVision(), (deps) => ({
      ...deps,
      blobs: { ...deps.blobs, put },
      log: telling(deps, warned),
    }));
    expect(progress.status).toBe('SUCCEEDED');
    expect(warned).toEqual(['The report could not be made.']);
    expect(await reportIn(stage.deps.blobs)).toBeNull();
  });

  test('leaves a report without crops when the pyramid is gone', async () => {
    const { stage, request } = await halfBlank();
    const vision = scriptedVision({
      detect(_, look) {
        if (look === 0) throw new AnswerError('Expected a tile, got fog. Send another.');
        return look === 1 ? [seen('cat', [10, 10, 50, 50])] : [];
      },
    });
    await stage.run(request, vision);
    const again = { ...request, execution_id: 'run-2', retry_of: { execution_id: 'run-1', pyramid_of: 'run-1' } };
    const { blobs } = stage.deps;
    const head: Blobs['head'] = async (key) => (key === keys.pyramid('run-1') ? null : await blobs.head(key));
    const warned: string[] = [];
    const { progress } = await stage.run(again, vision, (deps) => ({
      ...{ ...deps, blobs: { ...blobs, head } },
      log: telling(deps, warned),
    }));
    expect(progress).toMatchObject({ status: 'PARTIAL', findings: 1 });
    expect(warned).toContain('A part of the report could not be made.');
    const page = await reportIn(blobs, 'run-2');
    expect(page).toContain('id="row-f1"');
    expect(page?.match(/<img /g)).toHaveLength(1); // the overlay
  });

  /** The upper half is noise, the lower half of one colour. */
  async function halfBlank() {
    const path = join(await temporaryFolder(), 'half.png');
    const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
    const upper = await sharp({ create: { width: 900, height: 500, channels: 3, background: '#777', noise } })
      .png()
      .toBuffer();
    await sharp({ create: { width: 900, height: 1_000, channels: 3, background: '#777' } })
      .composite([{ input: upper, left: 0, top: 0 }])
      .toFile(path);
    return { stage: await pipelineStage(), request: requestFor(path) };
  }

  function telling(deps: PipelineDeps, warned: string[]): PipelineDeps['log'] {
    return { ...deps.log, warn: (_, sentence) => void warned.push(sentence) };
  }

  async function reportIn(blobs: Blobs, executionId = 'run-1'): Promise<string | null> {
    const bytes = await blobs.get(keys.report(executionId));
    return bytes && Buffer.from(bytes).toString();
  }
});

function rowsIn(page: string): { labels: string[]; texts: string[]; rows: unknown[][] } {
  return JSON.parse(/<script type="application\/json" id="rows">([^<]*)<\/script>/.exec(page)?.[1] ?? '');
}
