// The local page as people use it: a real server with local models, and a real browser.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { pageFiles } from '../../build/web-page.ts';
import type { Box, Finding } from '../../pipeline/contract/schemas.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { closeBrowser, HAS_BROWSER, opened } from '../support/browser.ts';
import {
  center,
  centerOf,
  closeTo,
  counted,
  drawn,
  drop,
  FORTY,
  openStored,
  option,
  STILL,
  server,
} from '../support/local-page.ts';
import { HOSTILE } from '../support/report-material.ts';
import { signedServer } from '../support/signed-server.ts';
import { type StoredExecution, someFinding, storeExecution } from '../support/stored-execution.ts';

const ARTIFACTS = join(import.meta.dirname, 'artifacts');
const SCRIPT_BYTES_MAX = 400_000;

afterAll(closeBrowser);

const lawn = (width: number, height: number) =>
  sharp('examples/lawn.jpg').extract({ left: 1_500, top: 200, width, height }).jpeg().toBuffer();

describe('the routes of the page', () => {
  test('serve documents, scripts and images under a policy that allows nothing from other origins', async () => {
    const { url, blobs } = await server();
    await storeExecution(blobs, 'stored', { width: 3_000, height: 2_000, findings: [someFinding(1)] });
    for (const path of [
      '/',
      '/page/execution.js',
      '/executions/stored',
      '/executions/stored/findings',
      '/executions/stored/pyramid/0/1_1.jpg',
    ]) {
      const { status, headers } = await fetch(`${url}${path}`);
      expect([path, status]).toEqual([path, 200]);
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
          "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
      );
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    }
  });

  test('let the browser keep a tile of the pyramid until the image of the execution is another one, and answer 404 for a tile that is not in it', async () => {
    const { url, blobs } = await server();
    await storeExecution(blobs, 'stored', { width: 3_000, height: 2_000, findings: [] });
    const tile = await fetch(`${url}/executions/stored/pyramid/0/2_1.jpg`);
    expect([tile.headers.get('content-type'), tile.headers.get('cache-control')]).toEqual(['image/jpeg', 'private, no-cache']);
    const kept = { headers: { 'if-none-match': tile.headers.get('etag') ?? '' } };
    expect((await fetch(`${url}/executions/stored/pyramid/0/2_1.jpg`, kept)).status).toBe(304);
    const { width, height } = await sharp(await tile.arrayBuffer()).metadata();
    const { stridePx, marginPx } = (await (await fetch(`${url}/executions/stored/image`)).json()) as Record<string, number>;
    expect([width, height]).toEqual(Array(2).fill(Number(stridePx) + 2 * Number(marginPx)));
    for (const path of [
      'stored/pyramid/0/999_0.jpg',
      'stored/pyramid/0/0_999.jpg',
      'stored/pyramid/13/0_0.jpg',
      'other/pyramid/0/0_0.jpg',
    ]) {
      const none = await fetch(`${url}/executions/${path}`);
      expect([path, none.status, await none.text()]).toEqual([
        path,
        404,
        'The image has no such tile, or has not been tiled yet.\n',
      ]);
    }
    expect(await (await fetch(`${url}/executions/other/findings`)).json()).toBe(null);
    expect(await (await fetch(`${url}/executions/other/image`)).json()).toBe(null);
    expect((await fetch(`${url}/executions/stored/findings/0`)).status).toBe(404);
    expect((await fetch(`${url}/page/..%2fpackage.json`)).status).toBe(404);
  });

  test('show the image of the second execution of an id, not that of the deleted first one', async () => {
    const { url, blobs } = await server();
    const shown = async () =>
      z.looseObject({ width: z.number() }).parse(await (await fetch(`${url}/executions/stored/image`)).json());
    await storeExecution(blobs, 'stored', { width: 3_000, height: 2_000, findings: [] });
    expect((await shown()).width).toBe(3_000);
    await storeExecution(blobs, 'stored', { width: 900, height: 700, findings: [] });
    expect((await shown()).width).toBe(900);
    expect((await fetch(`${url}/executions/stored/pyramid/0/2_1.jpg`)).status).toBe(404);
  });

  test('do not exist if requests must be signed', async () => {
    const { url } = await signedServer();
    for (const path of ['/', '/page/execution.js', '/executions/stored', '/executions/events'])
      expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, 404]);
  });

  test('refuse pages of other origins', async () => {
    const { url } = await server();
    const { status } = await fetch(url, { headers: { origin: 'https://elsewhere.example' } });
    expect(status).toBe(403);
  });

  test(`load less than ${SCRIPT_BYTES_MAX / 1_000} KB of script`, async () => {
    const scripts = [...(await pageFiles())].filter(([name]) => name.endsWith('.js'));
    expect(scripts.map(([name]) => name)).toEqual(expect.arrayContaining(['execution.js', 'executions.js']));
    expect(scripts.reduce((sum, [, { bytes }]) => sum + bytes.length, 0)).toBeLessThan(SCRIPT_BYTES_MAX);
  });
});

describe.skipIf(!HAS_BROWSER)('in a browser,', () => {
  test('a dropped image is uploaded, followed tile by tile, and shown with its findings', async () => {
    const { url } = await server();
    const { page, said } = await opened(`${url}/`, STILL);
    await page.getByText('No analyses yet.').waitFor();
    await page.getByLabel('What to look for').fill('cats');
    await drop(page, 'garden.jpg', await lawn(1_800, 1_200));
    await page.waitForURL('**/executions/garden-jpg-*');
    const map = page.locator('#grid canvas').first();
    await expect.poll(() => map.getAttribute('aria-label')).toMatch(/waiting/);
    expect(await page.locator('#status').textContent()).toBe('running');
    await expect.poll(() => page.locator('#status').textContent(), { timeout: 50_000 }).toBe('succeeded');
    expect(await map.getAttribute('aria-label')).toMatch(/^\d+ done$/);
    await expect.poll(() => counted(page)).toMatch(/^[1-9]\d* findings?$/);
    expect(await page.locator('#labels label').allTextContents()).toEqual([expect.stringMatching(/^cat \d+$/)]);
    await expect.poll(() => drawn(page)).toBeGreaterThan(0);
    const files = await page.getByRole('list', { name: 'Files' }).getByRole('link').allTextContents();
    expect(files).toEqual(expect.arrayContaining(['report.html', 'findings.json', 'overlay.jpg', 'coco.json']));
    const [report] = await Promise.all([page.waitForEvent('popup'), page.getByRole('link', { name: 'report.html' }).click()]);
    await report.getByRole('heading', { name: 'All findings' }).waitFor();
    await report.close();

    await page.getByRole('link', { name: 'tilesight' }).click();
    await expect
      .poll(() => page.locator('#list li').first().textContent())
      .toMatch(/garden\.jpg.*succeeded.*finding.*tiles.*no cost/);
    expect(said).toEqual([]);
  });

  test('a file that is not an image is refused with a sentence', async () => {
    const { url } = await server();
    const { page, said } = await opened(`${url}/`);
    await drop(page, 'empty.png', Buffer.alloc(0));
    const sentence = page.locator('#upload-state');
    await expect.poll(() => sentence.textContent()).toBe('empty.png is empty or a folder. Choose an image file.');
    const PNG_START = Buffer.from('89504e470d0a1a0a', 'hex');
    await drop(page, 'words.png', Buffer.concat([PNG_START, Buffer.from('only words')]));
    await page.waitForURL('**/executions/words-png-*');
    await expect.poll(() => page.locator('#status').textContent()).toBe('failed');
    await expect
      .poll(() => page.locator('#reason').textContent())
      .toMatch(/^The file is not an image of an accepted format \(jpeg, /);
    expect(said).toEqual([]);
  });

  test.each([
    ['words.txt', 'only words', /^words\.txt was not uploaded\. The file is not an image of an accepted format \(jpeg, .*\)/],
    ['words.png', 'only words', /^words\.png was not uploaded\. The file is not an image of an accepted format \(jpeg, .*\)/],
    ['plan.jpg', '%PDF-1.7 and more', /^plan\.jpg was not uploaded\. The file is a PDF document, .* pdftoppm -png -r 300/],
  ])('%s is refused by its first bytes before it is sent', async (name, bytes, sentence) => {
    const { url, blobs } = await server();
    const { page, said, asked } = await opened(`${url}/`);
    await drop(page, name, Buffer.from(bytes));
    await expect.poll(() => page.locator('#upload-state').textContent()).toMatch(sentence);
    expect(asked.filter((address) => /\/mcp|upload/.test(address))).toEqual([]);
    expect(await blobs.list('executions/', { limit: 10 })).toEqual([]);
    expect(said).toEqual([]);
  });

  test('an upload can be cancelled, and a file that comes during it is not ignored silently', async () => {
    const { url } = await server();
    const { page } = await opened(`${url}/`);
    await page.route('**/*', (route) => (route.request().method() === 'PUT' ? undefined : route.continue())); // never answers
    await drop(page, 'garden.jpg', await lawn(300, 200));
    const state = page.locator('#upload-state');
    await expect.poll(() => state.textContent()).toMatch(/^(Uploading|Starting the analysis of) garden\.jpg/);
    await drop(page, 'second.jpg', await lawn(300, 200));
    await expect
      .poll(() => state.textContent())
      .toMatch(/ second\.jpg was not accepted: wait until this upload has ended, or cancel it\.$/);
    await page.getByRole('button', { name: 'Cancel upload' }).click();
    await expect.poll(() => state.textContent()).toBe('The upload of garden.jpg was cancelled.');
    expect(new URL(page.url()).pathname).toBe('/');
    await page.unrouteAll();
    await drop(page, 'garden.jpg', await lawn(300, 200));
    await page.waitForURL('**/executions/garden-jpg-*');
  });

  test('an analysis is cancelled, and its remaining tiles are analyzed', async () => {
    const { url } = await server();
    const { page, said } = await opened(`${url}/`, STILL);
    await drop(page, 'wide.jpg', await lawn(3_400, 2_800));
    await page.getByText('analyzing tiles').waitFor();
    const before = page.url();
    const list = await page.context().newPage(); // follows without a reload
    await list.goto(`${url}/`);
    await expect.poll(() => list.locator('#list li').first().textContent()).toMatch(/wide\.jpg.*running.*analyzing tiles/);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect.poll(() => page.locator('#status').textContent(), { timeout: 30_000 }).toBe('cancelled');
    await expect.poll(() => list.locator('#list li').first().textContent()).toMatch(/wide\.jpg.*cancelled/);
    await page.getByRole('button', { name: 'Analyze remaining tiles' }).click();
    await page.waitForURL((address) => address.href !== before);
    await expect.poll(() => page.locator('#status').textContent()).toBe('running');
    await page.locator('.over[data-center]').waitFor(); // the pyramid of the first execution
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect.poll(() => page.locator('#status').textContent(), { timeout: 30_000 }).toBe('cancelled');
    expect(said).toEqual([]);
  });

  test('a click on a finding centers it and shows all of it', async () => {
    const { page, said } = await openStored({ findings: FORTY });
    const [, , third] = FORTY;
    await option(page, 'f3').click();
    expect(await page.locator('#announcement').textContent()).toBe('f3, cup, shown in the image.');
    await expect.poll(() => center(page)).toEqual(closeTo(centerOf((third as Finding).box)));
    expect(new URL(page.url()).hash).toBe('#f3');
    expect(await page.getByRole('article').getByRole('heading').textContent()).toBe('f3 cup');
    expect(await option(page, 'f3').getAttribute('aria-selected')).toBe('true');
    await page.keyboard.press('Escape');
    expect(await page.getByRole('article').isVisible()).toBe(false);
    expect(new URL(page.url()).hash).toBe('');

    // the finding is in the middle now, so a click there selects it
    const image = await page.locator('#image').boundingBox();
    if (!image) throw new Error('Expected an image.');
    await page.mouse.click(image.x + image.width / 2, image.y + image.height / 2);
    await expect.poll(() => option(page, 'f3').getAttribute('aria-selected')).toBe('true');
    expect(said).toEqual([]);
  });

  test('the view flies to a finding, unless people prefer reduced motion', async () => {
    const { page } = await openStored({ findings: FORTY }, '', { ...STILL, reducedMotion: 'no-preference' });
    // Recorded in the page: on a busy machine a poll from here may come only after the flight.
    await page.evaluate(`(() => {
      const canvas = document.querySelector('.over');
      window.centers = new Set();
      new MutationObserver(() => centers.add(canvas.dataset.center)).observe(canvas, { attributeFilter: ['data-center'] });
    })()`);
    await option(page, 'f3').click();
    await expect.poll(() => center(page)).toEqual(closeTo(centerOf((FORTY[2] as Finding).box)));
    expect(await page.evaluate('centers.size')).toBeGreaterThan(2);
  });

  test('the list works by keyboard', async () => {
    const { page } = await openStored({ findings: FORTY });
    const list = page.getByRole('listbox');
    await list.focus();
    const whole = await center(page);
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowUp']) await page.keyboard.press(key);
    expect(await list.getAttribute('aria-activedescendant')).toBe('option-1');
    expect(await center(page)).toEqual(whole);
    await page.keyboard.press('Enter');
    await expect.poll(() => center(page)).toEqual(closeTo(centerOf((FORTY[1] as Finding).box)));
    await page.keyboard.press('End');
    expect(await list.locator('[aria-selected="true"]').getAttribute('aria-posinset')).toBe('30');
    expect(await list.locator('[aria-selected="true"]').isVisible()).toBe(true);
    await page.keyboard.press('Escape');
    expect(await list.locator('[aria-selected="true"]').count()).toBe(0);
  });

  test('filters change the count, the list and the boxes', async () => {
    const { page } = await openStored({ findings: FORTY });
    expect(await counted(page)).toBe('30 of 40 findings'); // verification rejected ten
    await page.locator('summary', { hasText: 'Score, verification and label' }).click();
    expect(await page.locator('#labels label').allTextContents()).toEqual(['cup 20', 'cat 10']);
    await page.getByLabel('cat').uncheck();
    await expect.poll(() => counted(page)).toBe('20 of 40 findings');
    await expect.poll(() => drawn(page)).toBe(20);
    await page.getByLabel('critical').uncheck();
    await expect.poll(() => counted(page)).toBe('16 of 40 findings');
    await page.getByLabel('not verified').uncheck();
    await page.getByLabel('from').fill('50');
    await expect.poll(() => counted(page)).toBe('8 of 40 findings');
    await expect.poll(() => drawn(page)).toBe(8);
    expect(await page.getByRole('option').count()).toBe(8);
    await page.getByRole('button', { name: 'None' }).click();
    expect(await counted(page)).toBe('0 of 40 findings');
    await page.getByLabel('rejected').check();
    await page.getByRole('button', { name: 'All' }).click();
    expect(await counted(page)).toBe('12 of 40 findings');
  });

  test('an address with a finding opens at that finding, even if a filter hides it at first', async () => {
    const rejected = FORTY[3] as Finding;
    const { page } = await openStored({ findings: FORTY }, '#f4');
    await expect.poll(() => center(page)).toEqual(closeTo(centerOf(rejected.box)));
    expect(await option(page, 'f4').getAttribute('aria-selected')).toBe('true');
    expect(await counted(page)).toBe('40 findings');
  });

  test.each([
    ['stored at full resolution', {}],
    ['stored only at a coarser level', { detail: 'overview', max_tiles: 5 }],
    ['cut into tiles that overlap by half', { tile_size: 256, overlap: 128 }],
    ['analyzed only in a region', { region: [0, 0, 500, 500] }],
  ] as [string, Partial<StoredExecution['wishes']>][])('boxes lie in the right place on an image %s', async (_, wishes) => {
    const places: Box[] = [
      [0, 0, 64, 64],
      [2_537, 36, 64, 64],
      [1_201, 803, 64, 64],
      [2_937, 1_838, 64, 64],
    ];
    const squares = places.map((box, at) => ({ box, colour: at % 2 === 0 ? '#ff0000' : '#0000ff' }));
    const findings = places.map((box, at) => someFinding(at + 1, { box }));
    const { page, said } = await openStored({ width: 3_001, height: 1_902, findings, squares, ...(wishes && { wishes }) });
    await page.getByRole('button', { name: 'Boxes' }).click();
    for (const [at, box] of places.entries()) {
      await option(page, `f${at + 1}`).click();
      await expect.poll(() => center(page)).toEqual(closeTo(centerOf(box)));
      const [near, far] = at % 2 === 0 ? [0, 2] : [2, 0];
      await expect.poll(async () => (await colorInTheMiddle(page))[near]).toBeGreaterThan(180);
      expect((await colorInTheMiddle(page))[far]).toBeLessThan(80);
    }
    expect(said).toEqual([]);
  });

  test('text from models and images stays text', async () => {
    const findings = HOSTILE.map((text, at) =>
      someFinding(at + 1, { label: text, description: text, text, box: [at * 200, 500, 150, 150] }),
    );
    const uri = `upload://${HOSTILE[0].replaceAll('/', '')}`;
    const { page, said, asked } = await openStored({ findings, summary: HOSTILE.join(' '), uri });
    const origin = new URL(page.url()).origin;
    for (const [at, text] of HOSTILE.entries()) {
      await page.evaluate(`location.hash = 'f${at + 1}'`);
      const card = page.getByRole('article');
      await expect.poll(() => card.getByRole('heading').textContent()).toBe(`f${at + 1} ${text.toWellFormed()}`);
      expect(await card.locator('blockquote').textContent()).toBe(text.toWellFormed());
      expect(await card.locator('p').first().textContent()).toBe(text.toWellFormed());
    }
    expect(await page.evaluate(INTRUDERS)).toEqual({ elements: 0, handlers: 0, notIsolated: 0, wide: [] });
    expect(await page.title()).toBe(`${HOSTILE[0].replaceAll('/', '')} · tilesight`);
    expect(asked.filter((address) => !address.startsWith(origin) && !address.startsWith('blob:'))).toEqual([]);
    expect(said).toEqual([]);
  });

  test('100,000 findings are listed, gathered into groups and drawn as boxes', async () => {
    const findings = Array.from({ length: 100_000 }, (_, at) =>
      someFinding(at + 1, { label: `thing ${at % 20}`, box: [(at * 37) % 2_960, (at * 53 * 7) % 1_970, 12, 9] }),
    );
    const { page, said } = await openStored({ findings });
    expect(await counted(page)).toBe('100,000 findings');
    expect(await drawn(page)).toBeLessThan(1_300);
    expect(Number(await page.locator('.over').getAttribute('data-clusters'))).toBeGreaterThan(20);
    expect(await page.locator('*').count()).toBeLessThan(1_000);
    await page.getByRole('listbox').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    const last = findings.at(-1) as Finding;
    await expect.poll(() => center(page)).toEqual(closeTo(centerOf(last.box)));
    await expect.poll(() => page.locator('.over').getAttribute('data-clusters')).toBe('0');
    expect(await drawn(page)).toBeGreaterThan(1);
    expect(await page.locator('*').count()).toBeLessThan(1_000);
    expect(said).toEqual([]);
  });

  test('a page reports a lost server, and reconnects when the server is back', async () => {
    const { url, dataFolder, close } = await server();
    const { page } = await opened(`${url}/`);
    await page.getByText('No analyses yet.').waitFor();
    await close();
    await page.getByText('The server is not responding. This page reconnects automatically.').waitFor();
    await storeExecution(fsBlobs(join(dataFolder, 'blobs')), 'stored', { width: 300, height: 200, findings: [] });
    await server(dataFolder, Number(new URL(url).port));
    await page.getByRole('link', { name: 'drawn.png' }).waitFor();
    expect(await page.getByText('The server is not responding.').isVisible()).toBe(false);
  });

  test('an unknown execution is reported as such', async () => {
    const { url } = await server();
    const { page } = await opened(`${url}/executions/nobody-knows`);
    await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/^This server has no execution nobody-knows\./);
  });

  test.each([
    ['light', { ...STILL, colorScheme: 'light' }],
    ['dark', { ...STILL, colorScheme: 'dark' }],
    [
      'phone',
      { reducedMotion: 'reduce', colorScheme: 'dark', viewport: { width: 360, height: 780 }, isMobile: true, hasTouch: true },
    ],
  ] as [string, BrowserContextOptions][])('fits its window and reports no error: %s', async (name, options) => {
    const { page, said } = await openStored(
      { findings: FORTY, squares: FORTY.map(({ box }) => ({ box, colour: '#6a8a9a' })) },
      '#f7',
      options,
    );
    await mkdir(ARTIFACTS, { recursive: true });
    await page.getByRole('article').waitFor();
    await page.locator('summary', { hasText: 'Score, verification and label' }).click();
    await page.waitForLoadState('networkidle').catch(() => {});
    await page.screenshot({ path: join(ARTIFACTS, `page-execution-${name}.png`), fullPage: name === 'phone' });
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    await page.goto(new URL('/', page.url()).href);
    await page.getByRole('link', { name: 'drawn.png' }).waitFor();
    await page.screenshot({ path: join(ARTIFACTS, `page-executions-${name}.png`), fullPage: true });
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    expect(said).toEqual([]);
  });
});

/** Elements and handlers that hostile text would have made, and elements that do not fit into the window. */
const INTRUDERS = `(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const written = (element) => [...element.childNodes].filter(({ nodeType }) => nodeType === 3).map(({ nodeValue }) => nodeValue).join('');
  return {
    elements: all('img, svg, iframe, object, base, b, [autofocus], script:not([src^="/page/"])').length,
    handlers: all('*').filter((element) => element.getAttributeNames().some((name) => name.startsWith('on'))).length,
    notIsolated: all('body *').filter((element) => !element.closest('bdi') && written(element).includes(String.fromCharCode(0x202e))).length,
    wide: all('body *').filter((element) => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest('.visually-hidden, .option, #image')).map(({ tagName, id }) => tagName + id),
  };
})()`;

async function colorInTheMiddle(page: Page): Promise<number[]> {
  const image = await page.locator('#image').boundingBox();
  if (!image) throw new Error('Expected an image.');
  const clip = { x: image.x + image.width / 2 - 2, y: image.y + image.height / 2 - 2, width: 4, height: 4 };
  const { channels } = await sharp(await page.screenshot({ clip })).stats();
  return channels.slice(0, 3).map(({ mean }) => mean);
}
