// Outlines of findings over the image in the page, in a real browser.
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import type { Finding } from '../../pipeline/contract/schemas.ts';
import { closeBrowser, HAS_BROWSER } from '../support/browser.ts';
import { openStored } from '../support/local-page.ts';
import { someFinding } from '../support/stored-execution.ts';

afterAll(closeBrowser);

const BOX: Finding['box'] = [1_000, 500, 1_000, 1_000];
const DIAMOND: Finding['polygon'] = [
  [1_500, 500],
  [2_000, 1_000],
  [1_500, 1_500],
  [1_000, 1_000],
];

/** The pixels of the view, with the place of a point of the image of 3,000 x 2,000 px, which is shown as a whole. */
async function shown(page: Page) {
  await page.waitForLoadState('networkidle');
  const { data, info } = await sharp(await page.locator('#image').screenshot())
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const scale = Math.min(info.width / 3_000, info.height / 2_000);
  const [left, top] = [(info.width - 3_000 * scale) / 2, (info.height - 2_000 * scale) / 2];
  return (x: number, y: number) => {
    const at = (Math.round(top + y * scale) * info.width + Math.round(left + x * scale)) * 3;
    return [...data.subarray(at, at + 3)].join(' ');
  };
}

describe.skipIf(!HAS_BROWSER)('a finding in the page', () => {
  test('is drawn by its outline, and by its box if it has none; its card has its angle and other labels', async () => {
    const alternatives = [{ label: '<b>boat</b>', score: 0.61 }];
    const nothing = await shown((await openStored({ findings: [] })).page);
    const boxed = await shown((await openStored({ findings: [someFinding(1, { box: BOX })] })).page);
    const { page, said } = await openStored({
      findings: [someFinding(1, { box: BOX, polygon: DIAMOND, angle: 45, alternatives })],
    });
    const outlined = await shown(page);
    const edgeOfBox = [2_000, 1_300] as const;
    const edgeOfDiamond = [1_750, 1_250] as const;
    expect(boxed(...edgeOfBox)).not.toBe(nothing(...edgeOfBox));
    expect(boxed(...edgeOfDiamond)).toBe(nothing(...edgeOfDiamond));
    expect(outlined(...edgeOfBox)).toBe(nothing(...edgeOfBox));
    expect(outlined(...edgeOfDiamond)).not.toBe(nothing(...edgeOfDiamond));
    await page.getByRole('option', { name: 'f1' }).click();
    await page.locator('#finding').getByRole('heading', { name: 'f1' }).waitFor();
    const facts = await page.locator('#finding').locator('dl > div').allTextContents();
    expect(facts).toContain('angle45° clockwise');
    expect(facts).toContain('or<b>boat</b> 0.61');
    expect(said).toEqual([]);
  });

  test('has an outline that no line connects with those of other findings', async () => {
    const second: Finding['polygon'] = DIAMOND.map(([x, y]) => [x - 900, y + 400]);
    const nothing = await shown((await openStored({ findings: [] })).page);
    const { page } = await openStored({
      findings: [
        someFinding(1, { box: BOX, polygon: DIAMOND }),
        someFinding(2, { box: [100, 900, 1_000, 1_000], polygon: second }),
      ],
    });
    const outlined = await shown(page);
    const between = [1_050, 700] as const; // halfway between the first corners of both
    expect(outlined(1_750, 1_250)).not.toBe(nothing(1_750, 1_250));
    expect(outlined(850, 1_650)).not.toBe(nothing(850, 1_650));
    expect(outlined(...between)).toBe(nothing(...between));
  });
});
