// A local server with its page in a real browser, and the steps that tests of the page share.
import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import type { Box, Finding } from '../../pipeline/contract/schemas.ts';
import type { Log } from '../../pipeline/ports.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { type Opened, opened } from './browser.ts';
import { temporaryFolder } from './folder.ts';
import { type StoredExecution, someFinding, storeExecution } from './stored-execution.ts';

const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
export const STILL: BrowserContextOptions = { reducedMotion: 'reduce', viewport: { width: 1_280, height: 860 } };

export async function server(folder?: string, port = 0) {
  const dataFolder = folder ?? (await temporaryFolder());
  const config = readConfig({ DETECTION_MODELS: 'onnx:nanodet' });
  const { url, close } = await serve({ config, dataFolder, allowedFolders: [], port, log: SILENT });
  let isOpen = true;
  const closeOnce = async () => {
    if (isOpen) await close();
    isOpen = false;
  };
  onTestFinished(closeOnce);
  return { url, dataFolder, blobs: fsBlobs(join(dataFolder, 'blobs')), close: closeOnce };
}

/** Opens the page of a finished execution. */
export async function openStored(
  execution: Partial<StoredExecution>,
  hash = '',
  options: BrowserContextOptions = STILL,
): Promise<Opened> {
  const { url, blobs } = await server();
  await storeExecution(blobs, 'stored', { width: 3_000, height: 2_000, findings: [], ...execution });
  const seen = await opened(`${url}/executions/stored${hash}`, options);
  await seen.page.locator('.over[data-center]').waitFor();
  await seen.page.getByRole('status').filter({ hasText: 'finding' }).waitFor();
  return seen;
}

/** The middle of the view, in pixels of the image. */
export async function center(page: Page): Promise<number[]> {
  const text = await page.locator('.over').getAttribute('data-center');
  if (text === null) throw new Error('Expected an open image.');
  return text.split(',').map(Number);
}

export const centerOf = ([left, top, width, height]: Box) => [left + width / 2, top + height / 2];
export const closeTo = (numbers: number[], px = 1) => numbers.map((number) => expect.closeTo(number, px === 1 ? 0 : -1));
export const option = (page: Page, name: string) => page.getByRole('option', { name });
export const counted = (page: Page) => page.locator('#count').textContent();
export const drawn = async (page: Page) => Number(await page.locator('.over').getAttribute('data-boxes'));

/** 40 findings in rows, of two labels, five severities and all verdicts. */
export const FORTY = Array.from(
  { length: 40 },
  (_, at): Finding =>
    someFinding(at + 1, {
      label: at % 4 === 0 ? 'cat' : 'cup',
      score: (40 - at) / 40,
      severity: (['info', 'low', 'medium', 'high', 'critical'] as const)[at % 5] ?? 'info',
      verified: ([null, 'confirmed', 'corrected', 'rejected'] as const)[at % 4] ?? null,
      box: [100 + (at % 8) * 350, 150 + Math.floor(at / 8) * 360, 120, 90],
    }),
);

/** Drops a file as a person would, from a folder. */
export async function drop(page: Page, name: string, bytes: Buffer): Promise<void> {
  const files = await page.evaluateHandle(
    `(() => {
      const bytes = Uint8Array.from(atob('${bytes.toString('base64')}'), (letter) => letter.charCodeAt(0));
      const dropped = new DataTransfer();
      dropped.items.add(new File([bytes], ${JSON.stringify(name)}));
      return dropped;
    })()`,
  );
  await page.dispatchEvent('#drop', 'drop', { dataTransfer: files });
}
