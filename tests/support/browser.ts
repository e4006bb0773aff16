// A real browser that opens files from disk and records their requests. Tests that need it are skipped if there is none.
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { BROWSER_ARGUMENTS, BROWSER_FILE } from './browser-file.ts';

export const HAS_BROWSER = existsSync(BROWSER_FILE);

export interface Opened {
  page: Page;
  /** What the page said on its console, and the errors of its scripts. */
  said: string[];
  /** Addresses that it asked for, those inside it aside. */
  asked: string[];
}

let browser: Promise<Browser> | null = null;

/** One browser for all tests of a file; ends with its process. */
export async function opened(url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  browser ??= chromium.launch({ executablePath: BROWSER_FILE, args: BROWSER_ARGUMENTS });
  const context = await (await browser).newContext(options);
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const [said, asked]: [string[], string[]] = [[], []];
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(error.message));
  page.on('dialog', (dialog) => {
    said.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith('data:')) asked.push(request.url());
  });
  await page.goto(url);
  return { page, said, asked };
}

export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
  browser = null;
}
