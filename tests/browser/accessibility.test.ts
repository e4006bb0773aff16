// The page and the report pass every rule of axe-core, in light and dark, on a desk and on a phone.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BrowserContextOptions } from 'playwright-core';
import { afterAll, describe, expect, test } from 'vitest';
import { documents, readDocument, writeDocument } from '../../pipeline/documents.ts';
import { reportPage } from '../../pipeline/report/report-page.ts';
import { violationsOf } from '../support/axe.ts';
import { closeBrowser, HAS_BROWSER, opened } from '../support/browser.ts';
import { temporaryFolder } from '../support/folder.ts';
import { FORTY, option, STILL, server } from '../support/local-page.ts';
import { finding, materialWith, oneImage } from '../support/report-material.ts';
import { storeExecution } from '../support/stored-execution.ts';

afterAll(closeBrowser);

const PHONE: BrowserContextOptions = {
  reducedMotion: 'reduce',
  viewport: { width: 360, height: 780 },
  isMobile: true,
  hasTouch: true,
};

describe.skipIf(!HAS_BROWSER).each([
  ['in light', { ...STILL, colorScheme: 'light' }],
  ['in dark', { ...STILL, colorScheme: 'dark' }],
  ['on a phone', { ...PHONE, colorScheme: 'light' }],
] as [string, BrowserContextOptions][])('no rule of axe-core is violated %s', (_, options) => {
  test('by the list of analyses, without any and with one of every end', async () => {
    const { url, blobs } = await server();
    const { page } = await opened(`${url}/`, options);
    await page.getByText('No analyses yet.').waitFor();
    expect(await violationsOf(page)).toEqual([]);
    for (const status of ['SUCCEEDED', 'PARTIAL', 'FAILED', 'BLOCKED', 'CANCELLED', 'TIMED_OUT'] as const) {
      await storeExecution(blobs, status.toLowerCase(), { width: 300, height: 200, findings: [] });
      const progress = await readDocument(documents.progress(status.toLowerCase()), blobs);
      if (!progress) throw new Error('Expected progress.');
      await writeDocument(documents.progress(status.toLowerCase()), { ...progress, status, reason: 'A reason.' }, blobs);
    }
    await page.reload();
    await page.getByText('timed out').waitFor();
    expect(await violationsOf(page)).toEqual([]);
  });

  test('by an execution with its filters, a selected finding and the question before deletion', async () => {
    const { url, blobs } = await server();
    await storeExecution(blobs, 'stored', { width: 3_000, height: 2_000, findings: FORTY, summary: 'Cups (f1) and cats (f2).' });
    const { page } = await opened(`${url}/executions/stored`, options);
    await page.locator('summary', { hasText: 'Score, verification and label' }).click();
    await option(page, 'f3').click();
    await page.getByRole('article').waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    expect(await violationsOf(page)).toEqual([]);
  });

  test('by an execution that does not exist', async () => {
    const { url } = await server();
    const { page } = await opened(`${url}/executions/never-started`, options);
    await page.getByText('There is no analysis at this address.').waitFor();
    expect(await violationsOf(page)).toEqual([]);
  });

  test('by the report', async () => {
    const cup = await oneImage(120, 90);
    const findings = Array.from({ length: 150 }, (_, at) =>
      finding(at + 1, {
        severity: (['info', 'low', 'medium', 'high', 'critical'] as const)[at % 5] ?? 'info',
        verified: ([null, 'confirmed', 'rejected'] as const)[at % 3] ?? null,
        text: at % 2 === 0 ? 'V-4711 '.repeat(40) : null,
      }),
    );
    const material = materialWith(
      findings,
      { status: 'PARTIAL', summary: 'A cup (f1).', notes: ['A note.'] },
      { reason: 'Some tiles failed.', images: { overlay: cup, thumbnail: cup, crops: new Map([['f1', cup]]) } },
    );
    const path = join(await temporaryFolder(), 'report.html');
    await writeFile(path, reportPage(material));
    const { page } = await opened(pathToFileURL(path).href, options);
    expect(await violationsOf(page)).toEqual([]);
  });
});
