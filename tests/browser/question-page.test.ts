// How an answer was found, in the page of its execution: turn by turn, with the part of the image that the model was shown.
import { afterAll, describe, expect, test } from 'vitest';
import { keys } from '../../pipeline/contract/keys.ts';
import type { Trace } from '../../pipeline/contract/questions/search-turn.ts';
import type { Box } from '../../pipeline/contract/schemas.ts';
import { violationsOf } from '../support/axe.ts';
import { closeBrowser, HAS_BROWSER, opened } from '../support/browser.ts';
import { center, centerOf, closeTo, STILL, server } from '../support/local-page.ts';
import { someFinding, storeExecution } from '../support/stored-execution.ts';

afterAll(closeBrowser);

const HOSTILE = '<img src=x onerror="document.title=1">';
const [FIRST, SECOND]: [Box, Box] = [
  [400, 300, 200, 200],
  [2_000, 1_200, 300, 200],
];

const lookAt = (number: number, box: Box) => ({
  ...{ number, tool: 'zoom' as const, box, width: box[2], height: box[3], key: `executions/stored/search/${number}.jpg` },
  ...{ what: null, seen: null, seen_total: 0, notes: [] },
});
const TRACE: Trace = {
  question: `What is the serial number? ${HOSTILE}`,
  model: 'openai:eyes',
  turns: [
    {
      action: { tool: 'zoom', note: `A plate on the left. ${HOSTILE}`, image: 0, box: FIRST, regions: [] },
      ...{ reply: null, look: lookAt(1, FIRST), person: null },
    },
    {
      action: { tool: 'find', note: '', image: 0, box: SECOND, what: 'plate' },
      ...{
        reply: 'next-region',
        look: { ...lookAt(2, SECOND), tool: 'find', what: 'plate', seen: [], seen_total: 3 },
        person: null,
      },
    },
    {
      action: { tool: 'answer', note: '', text: 'V-4711', found: true, confidence: 0.9, evidence: [], outside: 0 },
      ...{ reply: null, look: null, person: null },
    },
  ],
};

async function openQuestion(trace: Trace | null) {
  const { url, blobs } = await server();
  await storeExecution(blobs, 'stored', { width: 3_000, height: 2_000, findings: [someFinding(1, { box: SECOND })] });
  if (trace) await blobs.put(keys.trace('stored'), Buffer.from(JSON.stringify(trace)));
  const seen = await opened(`${url}/executions/stored`, STILL);
  await seen.page.locator('.over[data-center]').waitFor();
  return seen;
}

describe.skipIf(!HAS_BROWSER)('the page of a question', () => {
  test('shows each turn, and flies to the part that the model was shown, by button and by key', async () => {
    const { page, said } = await openQuestion(TRACE);
    const section = page.locator('#search');
    await section.waitFor();
    expect(await section.locator('#search-question').textContent()).toBe(`${TRACE.question} Searched by openai:eyes.`);
    expect(await section.locator('.turn').allTextContents()).toEqual([
      '1 zoomed in at 100 %',
      '2 detected: plate at 100 %',
      '3 answered',
    ]);
    expect(await section.locator('li p').allTextContents()).toEqual([
      `A plate on the left. ${HOSTILE}`,
      'Found: 3. The next region that the model had ranked was shown.',
      'V-4711',
    ]);
    const next = section.getByRole('button', { name: 'Next' });
    await next.click();
    await expect.poll(() => center(page)).toEqual(closeTo(centerOf(FIRST)));
    await next.click();
    await expect.poll(() => center(page)).toEqual(closeTo(centerOf(SECOND)));
    expect(await section.getByRole('status').textContent()).toBe('Turn 2 of 3');
    await page.keyboard.press('ArrowLeft');
    await expect.poll(() => center(page)).toEqual(closeTo(centerOf(FIRST)));
    expect(await section.locator('[aria-current="step"]').textContent()).toBe('1 zoomed in at 100 %');
    await section.locator('.turn').nth(1).click();
    await expect.poll(() => center(page)).toEqual(closeTo(centerOf(SECOND)));
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    expect(await next.isDisabled()).toBe(true);
    expect(await violationsOf(page)).toEqual([]);
    expect({ said, title: await page.title() }).toEqual({ said: [], title: 'drawn.png · tilesight' });
  });

  test('shows no turns for an analysis', async () => {
    const { page, said } = await openQuestion(null);
    await page.getByRole('option', { name: 'f1' }).waitFor();
    expect(await page.locator('#search').isVisible()).toBe(false);
    expect(said).toEqual([]);
  });
});
