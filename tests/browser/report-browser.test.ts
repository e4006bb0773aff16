// The report as people get it: opened from disk in a real browser, with the worst that models and images can say.
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BrowserContextOptions, Page } from 'playwright-core';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { shortened } from '../../pipeline/report/html.ts';
import type { Embedded, ReportMaterial } from '../../pipeline/report/material.ts';
import { reportPage } from '../../pipeline/report/report-page.ts';
import { closeBrowser, HAS_BROWSER, type Opened, opened } from '../support/browser.ts';
import { contrast, luminance } from '../support/contrast.ts';
import { temporaryFolder } from '../support/folder.ts';
import { finding, HOSTILE, materialWith, oneImage, visible } from '../support/report-material.ts';

const ARTIFACTS = join(import.meta.dirname, 'artifacts');

// What a page is asked, in its own words: the types of this repository know no browser.
interface Content {
  title: string;
  labels: string[];
  rowsHeight: number;
}
const CONTENT = `(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const written = (element) => [...element.childNodes].filter(({ nodeType }) => nodeType === 3).map(({ nodeValue }) => nodeValue).join('');
  return {
    images: all('img[src^="data:image/jpeg;base64,"]').length,
    allImages: document.images.length,
    scripts: document.scripts.length,
    handlers: all('*').filter((element) => element.getAttributeNames().some((name) => name.startsWith('on'))).length,
    strangers: all('iframe, object, embed, link, base, a:not([href^="#"]), [autofocus], b').length,
    notIsolated: all('body *').filter((element) => element.tagName !== 'SCRIPT' && !element.closest('bdi') && written(element).includes(String.fromCharCode(0x202e))).length,
    wide: all('body *').filter((element) => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest('.visually-hidden, .map')).map((element) => element.outerHTML.slice(0, 80)),
    title: document.title,
    labels: all('#table tbody td:nth-child(2) bdi').map(({ textContent }) => textContent),
    rowsHeight: Math.max(...all('#table tbody tr').map(({ offsetHeight }) => offsetHeight)),
  };
})()`;
const intrusionBy = (origin: string) => `(async () => {
  const made = (name, set) => document.body.appendChild(Object.assign(document.createElement(name), set));
  made('script', { textContent: 'document.title = "taken"' });
  made('img', { src: '${origin}/image.png' });
  const styled = made('p', {});
  styled.setAttribute('style', 'position: fixed');
  const sent = await fetch('${origin}/').then(() => 'sent', () => 'refused');
  return { sent, ran: document.title === 'taken', styled: getComputedStyle(styled).position === 'fixed' };
})()`;
const COLOURS = `Object.fromEntries(['surface', 'ground', 'ink', 'soft', 'accent', 'info', 'low', 'medium', 'high', 'critical']
  .map((name) => [name, getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()]))`;

let cup: Embedded;
beforeAll(async () => {
  cup = await oneImage(120, 90);
});
afterAll(closeBrowser);

async function openReport(material: ReportMaterial, options: BrowserContextOptions = {}, hash = ''): Promise<Opened> {
  const path = join(await temporaryFolder(), 'report.html');
  await writeFile(path, reportPage(material));
  return await opened(`${pathToFileURL(path)}${hash}`, options);
}

async function focused(page: Page): Promise<string | null> {
  return await page.locator(':focus').getAttribute('id');
}

/** The texts of a column of the table, from 1. */
async function column(page: Page, number: number): Promise<string[]> {
  return await page.locator(`#table tbody tr > :nth-child(${number})`).allTextContents();
}

describe.skipIf(!HAS_BROWSER)('in a browser, opened from disk,', () => {
  test('words of models and images are text and nothing else', async () => {
    const findings = HOSTILE.map((text, at) =>
      finding(at + 1, { label: shortened(text, 100), description: text, text, severity: 'high', verified: 'confirmed' }),
    );
    const all = HOSTILE.join(' ');
    const crops = new Map(findings.map(({ id }) => [id, cup]));
    const ask = { look_for: all, labels: [...HOSTILE] };
    const material = materialWith(
      findings,
      {
        summary: `${all} f2`,
        notes: [...HOSTILE],
        execution_id: HOSTILE[0],
        image: { uri: `file:///a/${HOSTILE[9]} ${HOSTILE[2]}`, width: 3_000, height: 2_000, format: HOSTILE[0], version: '' },
        request: { ...materialWith([]).document.request, ask },
        tiles: { total: 2, done: 1, blank: 0, failed: [{ tile: 1, box: [0, 0, 1, 1], reason: all }], not_analyzed: [] },
      },
      { reason: all, images: { overlay: cup, thumbnail: cup, crops } },
    );
    for (const [width, javaScriptEnabled] of [
      [1_040, true],
      [800, false],
      [320, true],
    ] as const) {
      const { page, said, asked } = await openReport(material, { javaScriptEnabled, viewport: { width, height: 900 } });
      expect({ said, asked: asked.length }).toEqual({ said: [], asked: 1 });
      const found = await page.evaluate<Content>(CONTENT);
      expect(found).toMatchObject({
        images: HOSTILE.length + 1,
        allImages: HOSTILE.length + 1,
        scripts: 2,
        handlers: 0,
        strangers: 0,
        notIsolated: 0,
        wide: [],
      });
      expect(found.title).toMatch(/: what tilesight found$/);
      expect(new Set(found.labels)).toEqual(new Set(HOSTILE.map((text) => visible(shortened(text, 100)))));
      expect(found.rowsHeight).toBeLessThan(1_000); // 10,000 wide characters would be ten times that
    }
  });

  test('its policy lets nothing else be loaded, sent or run', async () => {
    const { page } = await openReport(materialWith([finding(1)]));
    const called: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      called.push(request.url);
      response.end();
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await page.evaluate(intrusionBy(`http://127.0.0.1:${port}`))).toEqual({ sent: 'refused', ran: false, styled: false });
    expect(called).toEqual([]);
  });

  test('findings are sorted, filtered and turned by page, with the keyboard', async () => {
    const labels = ['cup', 'cat', 'person'];
    const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;
    const findings = Array.from({ length: 250 }, (_, at) =>
      finding(at + 1, {
        label: labels[at % 3] ?? '',
        severity: severities[at % 5] ?? 'info',
        score: (at % 100) / 100,
        text: at === 77 ? 'Valve V-4711' : null,
      }),
    );
    const { page, said } = await openReport(materialWith(findings));
    const table = page.getByRole('table', { name: 'All findings' });
    const status = page.getByRole('status');
    expect(await status.textContent()).toBe('Findings 1 to 100 of 250');
    expect(await column(page, 3)).toEqual([...Array(50).fill('critical'), ...Array(50).fill('high')]);

    await table.getByRole('button', { name: 'Score' }).focus();
    await page.keyboard.press('Enter');
    expect(await table.getByRole('columnheader', { name: 'Score' }).getAttribute('aria-sort')).toBe('descending');
    expect((await column(page, 4)).slice(0, 3)).toEqual(['0.99', '0.99', '0.98']);
    await page.keyboard.press('Enter');
    expect(await table.getByRole('columnheader', { name: 'Score' }).getAttribute('aria-sort')).toBe('ascending');
    expect((await column(page, 4))[0]).toBe('0.00');
    await table.getByRole('button', { name: 'Finding' }).click();
    expect(await table.getByRole('columnheader', { name: 'Score' }).getAttribute('aria-sort')).toBeNull();
    expect((await column(page, 1)).slice(0, 11).at(-1)).toBe('f11'); // f2 before f10

    const pages = page.getByRole('navigation', { name: 'Pages of findings' });
    await pages.getByRole('button', { name: 'Last' }).click();
    expect(await status.textContent()).toBe('Findings 201 to 250 of 250');
    await pages.getByRole('button', { name: 'Next' }).press('Enter'); // there is none
    expect(await pages.textContent()).toContain('Page 3 of 3');
    await pages.getByRole('button', { name: 'Previous' }).click();
    expect((await column(page, 1))[0]).toBe('f101');

    await page.getByLabel('Words').fill('v-4711 valve');
    expect(await column(page, 1)).toEqual(['f78']);
    expect(await status.textContent()).toBe('Findings 1 to 1 of 1 that match, 250 in total');
    expect(await pages.isVisible()).toBe(false);
    await page.getByLabel('Words').fill('nothing like that');
    expect(await status.textContent()).toBe('No finding matches the filters.');
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByLabel('Label').selectOption({ label: '\u2068cat\u2069 (83)' });
    await page.getByLabel('Severity at least').selectOption('high');
    await page.getByLabel('Score at least').fill('0.5');
    const expected = findings.filter(
      ({ label, severity, score }) => label === 'cat' && ['high', 'critical'].includes(severity) && score >= 0.5,
    );
    expect(await column(page, 1)).toEqual(expected.map(({ id }) => id));
    expect(said).toEqual([]);
  });

  test('a label has one color in the legend, in the counts and in every row, with and without the script', async () => {
    const findings = Array.from({ length: 26 }, (_, at) =>
      finding(at + 1, {
        label: `label ${String.fromCharCode(97 + (at < 13 ? at : at % 12))}`,
        verified: at === 3 ? 'rejected' : null,
      }),
    );
    const colorsOf = async (page: Page) =>
      (await page.evaluate(`[...document.querySelectorAll('.swatch')].map((one) => [
        (one.textContent || one.nextElementSibling.textContent).replace(/ \\d+$/, '').trim(),
        getComputedStyle(one, '::before').backgroundColor,
      ])`)) as [string, string][];
    for (const options of [{}, { javaScriptEnabled: false }]) {
      const { page } = await openReport(materialWith(findings), options);
      const colors = Map.groupBy(await colorsOf(page), ([label]) => label);
      const labels = [...colors].filter(([label]) => label.startsWith('label '));
      expect(labels.length).toBe(13);
      for (const [label, rows] of labels) expect([label, new Set(rows.map(([, color]) => color)).size]).toEqual([label, 1]);
      const grey = labels.filter(([, rows]) => rows[0]?.[1] === 'rgb(195, 199, 205)').map(([label]) => label);
      expect(grey.length).toBe(3); // of 13 labels, ten have a color of their own
      expect(new Set(labels.map(([, rows]) => rows[0]?.[1])).size).toBe(11);
    }
  });

  test('links of the summary lead to rows, on whichever page they are, and a row to its place in the image', async () => {
    const findings = Array.from({ length: 250 }, (_, at) => finding(at + 1, { score: 1 - at / 1_000 }));
    const images = { overlay: await oneImage(300, 200), thumbnail: null, crops: new Map([['f240', cup]]) };
    const { page, said } = await openReport(materialWith(findings, { summary: 'See f2, f240 and f999.' }, { images }));
    const summary = page.getByRole('region', { name: 'Summary' });
    expect(await summary.getByRole('link').allTextContents()).toEqual(['f2', 'f240']);
    await page.getByLabel('Words').fill('f2');
    await summary.getByRole('link', { name: 'f240' }).click();
    await expect.poll(() => focused(page)).toBe('row-f240');
    expect(await page.getByRole('status').textContent()).toBe('Findings 1 to 62 of 62 that match, 250 in total');
    await summary.getByRole('link', { name: 'f2', exact: true }).click();
    await page.getByLabel('Words').fill('f3');
    await summary.getByRole('link', { name: 'f240' }).click();
    await expect.poll(() => focused(page)).toBe('row-f240');
    expect(await page.getByRole('status').textContent()).toBe('Findings 201 to 250 of 250');
    await page.getByLabel('Words').fill('f3');
    await summary.getByRole('link', { name: 'f240' }).click(); // once more, to the same address
    await expect.poll(() => focused(page)).toBe('row-f240');

    await page.getByRole('button', { name: 'Show f250 in the image' }).click();
    const [image, marker] = [await page.locator('.overlay img').boundingBox(), await page.locator('#marker').boundingBox()];
    if (!image || !marker) throw new Error('Expected an image and a marker.');
    const share = (marker.x + marker.width / 2 - image.x) / image.width;
    expect(share).toBeCloseTo((250 + 15) / 3_000, 2);
    await expect.poll(() => focused(page)).toBe('image');
    expect(said).toEqual([]);
  });

  test('an address with a finding opens at its row', async () => {
    const findings = Array.from({ length: 250 }, (_, at) => finding(at + 1, { score: 1 - at / 1_000 }));
    const { page } = await openReport(materialWith(findings), {}, '#row-f245');
    await expect.poll(() => focused(page)).toBe('row-f245');
  });

  test('an address as the local page writes it opens at its row, and any other text does no harm', async () => {
    const findings = Array.from({ length: 250 }, (_, at) => finding(at + 1, { score: 1 - at / 1_000 }));
    const { page, said } = await openReport(materialWith(findings), {}, '#f245');
    await expect.poll(() => focused(page)).toBe('row-f245');
    for (const hash of ['100%', 'row-100%', '%', 'row-', 'row-f0', '__proto__', 'constructor', 'f'.repeat(9_000)]) {
      await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
      expect(await page.getByRole('status').textContent()).toBe('Findings 201 to 250 of 250');
    }
    expect(said).toEqual([]);
  });

  test('without its script the first 200 rows are there, and those that the summary cites', async () => {
    const findings = Array.from({ length: 1_000 }, (_, at) =>
      finding(at + 1, { score: 1 - at / 1_000, description: `cup ${at}` }),
    );
    const { page } = await openReport(materialWith(findings, { summary: 'See f900.' }), { javaScriptEnabled: false });
    expect(await page.locator('#table tbody tr').count()).toBe(200);
    expect(await page.getByLabel('Words').isVisible()).toBe(false);
    expect(await page.getByText('Without its script').isVisible()).toBe(true);
    await page.getByRole('region', { name: 'Summary' }).getByRole('link', { name: 'f900' }).click();
    expect(await page.locator(':target').getAttribute('id')).toBe('row-f900');
  });

  test('100,000 findings can be sorted and found', async () => {
    const findings = Array.from({ length: 100_000 }, (_, at) => finding(at + 1, { description: `${at} is a cup with a handle` }));
    const { page, said } = await openReport(materialWith(findings));
    await page.getByRole('button', { name: 'Text and description' }).click();
    await page.getByLabel('Words').fill('99998 cup');
    expect(await column(page, 1)).toEqual(['f99998', 'f99999']);
    expect(said).toEqual([]);
  });

  test.each([
    ['light', { colorScheme: 'light', viewport: { width: 1_280, height: 900 } }],
    ['dark', { colorScheme: 'dark', viewport: { width: 1_280, height: 900 } }],
    ['phone', { colorScheme: 'light', viewport: { width: 360, height: 780 }, isMobile: true, hasTouch: true }],
  ] as [string, BrowserContextOptions][])('looks as it should: %s', async (name, options) => {
    const { page } = await openReport(await gardenReport(), options);
    await mkdir(ARTIFACTS, { recursive: true });
    await page.screenshot({ path: join(ARTIFACTS, `report-${name}.png`), fullPage: true });
    const colours = await page.evaluate<Record<string, string>>(COLOURS);
    const { surface = '', ground = '', ...inks } = colours;
    for (const [name, ink] of Object.entries(inks))
      expect(contrast(ink, surface), `${name} can be read`).toBeGreaterThanOrEqual(4.5);
    expect(luminance(ground) > 0.5).toBe(options.colorScheme === 'light');
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    expect(await page.getByRole('main').getByRole('heading', { level: 2 }).allTextContents()).toEqual([
      ...['Summary', 'The image', 'What was found', 'The 2 most important', 'All findings', 'What was not analyzed'],
      ...['Models, tokens and cost', 'Scope and limits'],
    ]);
    expect(await page.getByRole('row', { name: /f1 / }).getByRole('cell').count()).toBe(5);
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').textContent()).toBe('Skip to all findings');
  });
});

/** The example image, with findings of every kind and tiles that were not seen. */
async function gardenReport(): Promise<ReportMaterial> {
  const image = sharp('examples/lawn.jpg');
  const embedded = async (made: Sharp): Promise<Embedded> => {
    const { data, info } = await made.jpeg({ quality: 60 }).toBuffer({ resolveWithObject: true });
    return { base64: data.toString('base64'), width: info.width, height: info.height };
  };
  const findings = [
    finding(1, {
      label: 'person',
      severity: 'critical',
      score: 0.91,
      description: 'A person in an orange suit, '.repeat(9),
      box: [3_000, 330, 220, 300],
    }),
    finding(2, { label: 'cat', severity: 'medium', box: [4_063, 1_519, 269, 187] }),
    finding(3, { label: 'text', text: 'V-4711', box: [976, 132, 17, 15] }),
  ];
  const crop = await embedded(image.clone().extract({ left: 2_900, top: 300, width: 400, height: 300 }).resize(320));
  const images = {
    overlay: await embedded(image.clone().resize(1_200)),
    thumbnail: await embedded(image.clone().resize(400)),
    crops: new Map([
      ['f1', crop],
      ['f2', crop],
    ]),
  };
  const size = { width: 6_000, height: 4_000 };
  const failed = [40, 41, 42, 700].map((tile) => ({
    tile,
    box: [0, 0, 256, 256] as [number, number, number, number],
    reason: 'The model failed on this tile.',
  }));
  const tiles = { total: 1_000, done: 946, blank: 50, failed, not_analyzed: [] };
  const blankTiles = Array.from({ length: 50 }, (_, at) => 300 + at);
  return materialWith(
    findings,
    { status: 'PARTIAL', tiles, summary: 'A person (f1) and a cat (f2).' },
    { reason: '4 tiles failed.', blankTiles, images },
    size,
  );
}
