// The card of one finding in the page, in a real browser.
import { afterAll, describe, expect, test } from 'vitest';
import { closeBrowser, HAS_BROWSER } from '../support/browser.ts';
import { openStored } from '../support/local-page.ts';
import { someFinding } from '../support/stored-execution.ts';

afterAll(closeBrowser);

describe.skipIf(!HAS_BROWSER)('the card of a finding', () => {
  test('names the models that reported it, and the verdict of the judge with the label before it', async () => {
    const judged = { by: 'openai:judge', verdict: 'corrected', label: '<b>lake</b>' } as const;
    const findings = [
      someFinding(1, { said_by: ['anthropic:claude-sonnet-5', 'openai:qwen3-vl:8b'], verified: 'corrected', judged }),
      someFinding(2, {}),
    ];
    const { page, said } = await openStored({ findings }, '#f1');
    const card = page.locator('#finding');
    await card.getByText('reported by').waitFor();
    const facts = await card.locator('dl > div').allTextContents();
    expect(facts).toContain('reported byanthropic:claude-sonnet-5, openai:qwen3-vl:8b');
    expect(facts).toContain('judgecorrected by openai:judge, from “<b>lake</b>”');

    await page.getByRole('option', { name: 'f2' }).click();
    await card.getByRole('heading', { name: 'f2' }).waitFor();
    expect(await card.getByText('reported by').count()).toBe(0);
    expect(await card.getByText('judge').count()).toBe(0);
    expect(said).toEqual([]);
  });
});
