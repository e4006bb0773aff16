// What the page shows of an image while keys are pressed, windows change and links are followed.
import type { Page } from 'playwright-core';
import { afterAll, describe, expect, test } from 'vitest';
import type { Box } from '../../pipeline/contract/schemas.ts';
import { closeBrowser, HAS_BROWSER } from '../support/browser.ts';
import { center, centerOf, closeTo, drawn, FORTY, openStored, option, STILL } from '../support/local-page.ts';
import { someFinding } from '../support/stored-execution.ts';

afterAll(closeBrowser);

/** One red and one blue square, so that an image that is flipped or rotated looks different. */
const RED = { box: [1_000, 900, 300, 300] as Box, colour: '#ff0000' };
const BLUE = { box: [1_500, 700, 300, 300] as Box, colour: '#0000ff' };
const MANY = Array.from({ length: 300 }, (_, at) => someFinding(at + 1, { box: [(at * 37) % 2_900, (at * 53) % 1_900, 40, 30] }));

/** In percent. */
async function zoomOf(page: Page): Promise<number> {
  return Number.parseFloat((await page.locator('#in-view').textContent()) ?? '');
}

/** The zoom at which 3,000 × 2,000 pixels just fit into the view. */
async function wholeZoom(page: Page): Promise<number> {
  const box = await page.locator('#image').boundingBox();
  if (!box) throw new Error('Expected an image.');
  return 100 * Math.min(box.width / 3_000, box.height / 2_000);
}

describe.skipIf(!HAS_BROWSER)('the view of an image', () => {
  test('does not change with keys that would turn it below its boxes', async () => {
    const { page } = await openStored({ findings: [someFinding(1, { box: RED.box })], squares: [RED, BLUE] });
    await page.locator('.openseadragon-canvas').focus();
    const image = page.locator('#image');
    await page.waitForLoadState('networkidle');
    const before = await image.screenshot();
    for (const key of ['f', 'F', 'r', 'R', 'j', 'k']) {
      await page.keyboard.press(key);
      await page.waitForTimeout(150);
      expect([key, (await image.screenshot()).equals(before)]).toEqual([key, true]);
    }
  });

  test('still follows the arrow keys, plus, minus and zero', async () => {
    const { page } = await openStored({ findings: FORTY });
    await page.locator('.openseadragon-canvas').focus();
    const whole = await center(page);
    const zoom = () => zoomOf(page);
    const wholeZoom = await zoom();
    await page.keyboard.press('Equal', { delay: 200 });
    await expect.poll(zoom).toBeGreaterThan(wholeZoom);
    await page.keyboard.press('ArrowRight', { delay: 200 });
    await expect.poll(async () => (await center(page))[0]).toBeGreaterThan((whole[0] ?? 0) + 1);
    let last: number[] = [];
    const isStill = async () => {
      const before = last;
      last = await center(page);
      return String(last) === String(before);
    };
    await expect.poll(isStill, { interval: 300 }).toBe(true); // on a busy machine, a late frame still moves the image
    await page.keyboard.press('0');
    await expect.poll(() => center(page)).toEqual(closeTo(whole));
    await expect.poll(zoom).toBe(wholeZoom);
  });

  test('shows the whole image after a window is resized or a phone is turned, until the user moves it', async () => {
    const { page } = await openStored({ findings: FORTY });
    await expect.poll(() => drawn(page)).toBe(30); // all that the filter lets through
    for (const [width, height] of [
      [700, 860],
      [400, 700],
      [860, 400],
      [1_600, 500],
    ] as const) {
      await page.setViewportSize({ width, height });
      await expect.poll(async () => Math.abs((await zoomOf(page)) - (await wholeZoom(page)))).toBeLessThanOrEqual(0.5); // it is rounded
      await expect.poll(() => drawn(page)).toBe(30);
      await expect.poll(() => center(page)).toEqual(closeTo([1_500, 1_000]));
    }
    await page.setViewportSize({ width: 1_280, height: 860 });
    await option(page, 'f3').click();
    const third = closeTo(centerOf(FORTY[2]?.box ?? [0, 0, 0, 0]));
    await expect.poll(() => center(page)).toEqual(third);
    await page.setViewportSize({ width: 900, height: 500 });
    await expect.poll(() => center(page)).toEqual(third);
    await page.getByRole('button', { name: 'Zoom in' }).click();
    await expect.poll(() => zoomOf(page)).toBeGreaterThan(100);
    await page.setViewportSize({ width: 900, height: 520 });
    await page.waitForTimeout(300);
    expect(await zoomOf(page)).toBeGreaterThan(100);
  });

  test('prints with a sentence that names the report, because a page has only the rows on the screen', async () => {
    const { page } = await openStored({ findings: FORTY });
    const sentence = page.getByText('report.html lists every finding and is made for printing.');
    expect(await sentence.isVisible()).toBe(false);
    await page.emulateMedia({ media: 'print' });
    expect(await sentence.isVisible()).toBe(true);
  });

  test('keeps what colors mean, and marks what is pressed, in the colors of a high contrast theme', async () => {
    const { page } = await openStored({ findings: FORTY }, '#f3', { ...STILL, forcedColors: 'active' });
    const styleOf = (selector: string, pseudo: string | null, property: string) =>
      page.evaluate(
        `getComputedStyle(document.querySelector(${JSON.stringify(selector)}), ${JSON.stringify(pseudo)}).getPropertyValue('${property}')`,
      );
    expect(await styleOf('.option[aria-selected="true"] .swatch', null, 'background-color')).toBe('rgb(213, 94, 0)'); // a cup
    expect(await page.locator('#severities .critical').textContent()).toBe('!!! critical');
    expect(await styleOf('#show-boxes', null, 'outline-style')).toBe('solid');
    expect(await styleOf('#show-grid', null, 'outline-style')).toBe('none');
    expect(await styleOf('.option[aria-selected="true"]', null, 'outline-style')).toBe('solid');
  });

  test('opens with any text behind the address', async () => {
    const { page, said } = await openStored({ findings: FORTY }, '#100%');
    const address = page.url().replace(/#.*$/, '');
    for (const hash of ['%', 'f', 'f0', 'f999999', 'findings', '__proto__', 'constructor', 'f'.repeat(9_000)]) {
      await expect.poll(() => drawn(page)).toBe(30);
      expect(await page.getByRole('article').isVisible()).toBe(false);
      await page.goto('about:blank');
      await page.goto(`${address}#${hash}`);
    }
    await expect.poll(() => drawn(page)).toBe(30);
    expect(said).toEqual([]);
  });

  test.each([
    ['a wide window', STILL],
    ['a low window', { ...STILL, viewport: { width: 1_280, height: 480 } }],
  ])('and its list open at the finding of the address in %s', async (_, options) => {
    const { page } = await openStored({ findings: MANY, summary: 'Many cups. '.repeat(80) }, '#f212', options);
    await expect.poll(() => page.locator('#summary').isVisible()).toBe(true);
    const row = option(page, 'f212');
    await expect
      .poll(async () => {
        const [box, list] = [await row.boundingBox(), await page.locator('#list').boundingBox()];
        const viewport = page.viewportSize();
        if (!box || !list || !viewport) return false;
        return box.y >= list.y - 1 && box.y + box.height <= Math.min(list.y + list.height, viewport.height) + 1;
      })
      .toBe(true);
  });
});
