// What the page shows of executions that were blocked, failed, deleted or never existed.
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { keys } from '../../pipeline/contract/keys.ts';
import { Progress } from '../../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import { documents, readDocument, writeDocument } from '../../pipeline/documents.ts';
import { tileCount } from '../../pipeline/planning/grid.ts';
import { stepDocuments } from '../../pipeline/step-documents.ts';
import { fsRemoval } from '../../pipeline/storage/folder-removal.ts';
import { closeBrowser, HAS_BROWSER, opened } from '../support/browser.ts';
import { counted, drop, FORTY, openStored, STILL, server } from '../support/local-page.ts';
import { HOSTILE } from '../support/report-material.ts';
import { detectionOf } from '../support/scripted-vision.ts';
import { storeExecution } from '../support/stored-execution.ts';

afterAll(closeBrowser);

const STORED = { width: 3_000, height: 2_000, findings: FORTY };

describe.skipIf(!HAS_BROWSER)('the page of an execution', () => {
  test('that was blocked says why there is no image', async () => {
    const { url, blobs } = await server();
    const reason = 'The image was blocked by moderation: nsfw, score 0.98. It was not analyzed.';
    await writeDocument(documents.progress('blocked'), endedAs('blocked', 'BLOCKED', reason), blobs);
    const { page, said } = await opened(`${url}/executions/blocked`, STILL);
    await expect.poll(() => page.locator('#no-image').textContent()).toBe('Moderation blocked this image, so it is not shown.');
    await expect.poll(() => page.locator('#reason').textContent()).toBe(reason);
    expect(await page.locator('#status').textContent()).toBe('blocked');
    expect(await page.title()).toBe('blocked · tilesight');
    expect(said).toEqual([]);
  });

  test('of a damaged file has its name, in the list, too, and says why there is no image', async () => {
    const { url } = await server();
    const { page, said } = await opened(`${url}/`, STILL);
    await drop(page, 'Site plan.png', Buffer.from('89504e470d0a1a0a6f6e6c7920776f726473', 'hex'));
    await page.waitForURL('**/executions/site-plan-png-*');
    await expect.poll(() => page.locator('#status').textContent()).toBe('failed');
    await expect
      .poll(() => page.locator('#no-image').textContent())
      .toBe('The analysis ended before the image was cut into tiles, so there is no image to show.');
    await expect.poll(() => page.locator('#reason').textContent()).toMatch(/^The file is not an image of an accepted format/);
    expect(await page.title()).toBe('site-plan.png · tilesight');
    expect(await page.locator('#name').textContent()).toBe('site-plan.png');
    expect(await page.locator('#retry').isVisible()).toBe(false);
    await page.getByRole('link', { name: 'tilesight' }).click();
    await expect.poll(() => page.locator('#list li a').first().textContent()).toBe('site-plan.png');
    expect(said).toEqual([]);
  });

  test('that does not exist says so instead of waiting for an image', async () => {
    const { url } = await server();
    const { page } = await opened(`${url}/executions/never-started`, STILL);
    await expect.poll(() => page.locator('#no-image').textContent()).toBe('There is no analysis at this address.');
    expect(await page.title()).toBe('Unknown analysis · tilesight');
    expect(await page.getByRole('alert').textContent()).toMatch(/^This server has no execution never-started\./);
    expect(await page.getByRole('heading', { name: 'Progress' }).isVisible()).toBe(false);
  });

  test('without findings says so, and shows no filters', async () => {
    const { page, said } = await openStored({ findings: [] });
    expect(await counted(page)).toBe('No findings.');
    expect(await page.getByRole('checkbox').count()).toBe(0);
    expect(await page.getByRole('listbox').isVisible()).toBe(false);
    expect(said).toEqual([]);
  });

  test('counts analyzed, blank, failed and not analyzed tiles separately, and has its notes and no invented cost', async () => {
    const { url, blobs } = await server();
    await storeExecution(blobs, 'stored', STORED);
    const plan = await readDocument(documents.plan('stored'), blobs);
    const total = plan ? tileCount(plan.plan) : 0;
    const cancelled: Progress = {
      ...endedAs('stored', 'CANCELLED', 'The analysis was cancelled.'),
      tiles: { total, done: total - 9, failed: 2, blank: 1, not_analyzed: 0 }, // stopped before it counted the other six
      usage: { input_tokens: 41_000, output_tokens: 4_100, cost_usd: null },
      notes: ['No model knows the label "unicorn".', HOSTILE[0]],
    };
    await writeDocument(documents.progress('stored'), cancelled, blobs);
    const states = `${'d'.repeat(total - 9)}bffwwwwll`;
    await writeDocument(stepDocuments.tileStates(keys.tileStates('stored', 0)), { from: 0, indexes: null, states }, blobs);
    const { page, said } = await opened(`${url}/executions/stored`, STILL);
    const figure = (name: string) => page.locator('#figures div').filter({ hasText: name }).locator('dd').textContent();
    await expect.poll(() => page.locator('#status').textContent()).toBe('cancelled');
    expect(await page.locator('#figures dt').allTextContents()).toEqual([
      ...['tiles analyzed', 'blank', 'failed', 'not analyzed', 'findings', 'cost'],
    ]);
    expect(await figure('tiles analyzed')).toBe(`${total - 9} of ${total}`);
    expect([await figure('blank'), await figure('failed'), await figure('not analyzed')]).toEqual(['1', '2', '6']);
    expect(await figure('cost')).toBe('unknown');
    expect(await page.locator('#retry').textContent()).toBe('Retry failed tiles');
    await expect
      .poll(() => page.locator('#notes li').allTextContents())
      .toEqual(['No model knows the label "unicorn".', HOSTILE[0].toWellFormed()]);
    const words = await Promise.all((await page.locator('#grid canvas').all()).map((map) => map.getAttribute('aria-label')));
    expect(words.join(' ').match(/\d+ (?:blank|failed|not analyzed)/g)).toEqual([
      ...['2 failed', '1 blank', '3 not analyzed', '2 not analyzed', '1 not analyzed'],
    ]);
    expect(words.join(' ')).not.toMatch(/waiting|analyzing/);
    expect(await page.getByRole('button', { name: 'Tiles' }).getAttribute('aria-pressed')).toBe('true');
    await page.getByRole('link', { name: 'tilesight' }).click();
    await expect
      .poll(() => page.locator('#list li p').first().textContent())
      .toBe(`0 findings · ${total - 9} of ${total} tiles analyzed · 1 blank · 2 failed · 6 not analyzed · cost unknown`);
    expect(said).toEqual([]);
  });

  test('that was stopped before it stored its findings has those that it had so far, as list_findings has', async () => {
    const { url, blobs, dataFolder } = await server();
    await storeExecution(blobs, 'stored', { width: 3_000, height: 2_000, findings: [] });
    await fsRemoval(join(dataFolder, 'blobs')).objects([keys.findings('stored')]);
    const stopped = endedAs('stored', 'CANCELLED', 'The execution was stopped from outside, before its findings were stored.');
    await writeDocument(
      documents.progress('stored'),
      { ...stopped, updated_at: new Date(Date.now() - 20_000).toISOString() },
      blobs,
    );
    const detections = [detectionOf('cup', [20, 30, 40, 50])];
    const outcome = { blank: false, detections, usage: NO_USAGE, clipped: 0, notes: [] };
    await writeDocument(stepDocuments.tileResults(keys.tileResultsSoFar('stored', 0)), [{ tile: 0, outcome }], blobs);
    const { page, said } = await opened(`${url}/executions/stored`, STILL);
    await expect.poll(() => counted(page)).toBe('1 finding');
    expect(await page.getByRole('option').textContent()).toMatch(/cup/);
    await expect.poll(() => page.getByRole('button', { name: 'Analyze remaining tiles' }).isVisible()).toBe(true);
    expect(said).toEqual([]);
  });

  test('deletes it after a question, and is then gone from the list', async () => {
    const { page, said } = await openStored(STORED);
    const remove = page.getByRole('button', { name: 'Delete', exact: true });
    const question = page.getByRole('dialog', { name: 'Delete this analysis?' });
    await remove.click();
    expect(await page.locator(':focus').textContent()).toBe('Keep');
    await page.keyboard.press('Escape');
    await remove.click();
    await page.keyboard.press('Enter'); // Keep has the focus
    expect(await question.isVisible()).toBe(false);
    const address = page.url();
    await remove.click();
    await question.getByRole('button', { name: 'Delete' }).click();
    await page.waitForURL((url) => url.pathname === '/');
    await page.getByText('No analyses yet.').waitFor();
    expect(said).toEqual([]);
    await page.goto(address);
    await expect.poll(() => page.locator('#no-image').textContent()).toBe('There is no analysis at this address.');
  });

  test('shows why it cannot be deleted', async () => {
    const { url, blobs } = await server();
    await storeExecution(blobs, 'stored', STORED);
    await storeExecution(blobs, 'resumed', STORED);
    await blobs.put(`${keys.resumedByFolder('stored')}resumed`, Buffer.from('{}'));
    const { page } = await opened(`${url}/executions/stored`, STILL);
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/^Execution stored holds the tiles of resumed, /);
    expect(new URL(page.url()).pathname).toBe('/executions/stored');
  });
});

/** An execution that ended before its image was cut into tiles. */
function endedAs(execution_id: string, status: Progress['status'], reason: string): Progress {
  const now = new Date().toISOString();
  return Progress.parse({
    execution_id,
    status,
    phase: 'done',
    tiles: { total: 0, done: 0, failed: 0, blank: 0 },
    findings: 0,
    usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0 },
    started_at: now,
    updated_at: now,
    reason,
    summary: null,
    failed_tiles: [],
  });
}
