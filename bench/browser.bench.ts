// The local page with 100,000 findings in a real browser: seconds until the page is usable, from a server that has just started, and
// frames per second while the image is dragged, with clustered findings and with the maximum number of boxes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { z } from 'zod';
import { serve } from '../local/serve.ts';
import { readConfig } from '../pipeline/config.ts';
import { at } from '../pipeline/contract/at.ts';
import { Severity } from '../pipeline/contract/schemas.ts';
import { fsBlobs } from '../pipeline/storage/folder-blobs.ts';
import { BROWSER_ARGUMENTS, BROWSER_FILE } from '../tests/support/browser-file.ts';
import { someFinding, storeExecution } from '../tests/support/stored-execution.ts';
import { type BenchResult, resultOf, rounded, SILENT_LOG } from './result.ts';

const FINDINGS = 100_000;
const EDGE_PX = 10_000;
const RUNS = 3;
const DRAG_MS = 3_000;
const SECONDS_MAX = 2;
const FRAMES_MIN = 30;
/** Records when the list and the image are visible. */
const WATCH = `(() => {
  const check = (now) => {
    const drawn = Number(document.querySelector('.over')?.dataset.clusters) > 0;
    if (drawn && document.querySelector('[role="option"]')) document.documentElement.dataset.ready = String(now);
    else requestAnimationFrame(check);
  };
  requestAnimationFrame(check);
})()`;
const COUNT_FRAMES = `(() => {
  window.frames_ = [];
  const next = (now) => { window.frames_.push(now); requestAnimationFrame(next); };
  requestAnimationFrame(next);
})()`;

export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-browser-'));
  const browser = await chromium.launch({ executablePath: BROWSER_FILE, args: BROWSER_ARGUMENTS });
  try {
    await storeExecution(fsBlobs(join(folder, 'blobs')), 'bench', { width: EDGE_PX, height: EDGE_PX, findings: manyFindings() });
    const seconds: number[] = [];
    const frames: Record<string, number> = {};
    for (let run = 0; run < RUNS; run++) {
      const { url, close } = await started(folder);
      const page = await browser.newPage({ viewport: { width: 1_280, height: 860 } });
      await page.addInitScript(WATCH);
      await page.goto(`${url}/executions/bench`);
      const ready = await page.locator('html[data-ready]').getAttribute('data-ready');
      seconds.push(Number(ready) / 1_000);
      if (run === RUNS - 1) Object.assign(frames, await framesOf(page));
      await page.close();
      await close();
    }
    const figures = { ...frames, seconds_to_interactive: rounded(Math.max(...seconds), 2) };
    return resultOf(figures, {
      seconds_to_interactive: ['<=', SECONDS_MAX],
      frames_per_second_clusters: ['>=', FRAMES_MIN],
      frames_per_second_boxes: ['>=', FRAMES_MIN],
    });
  } finally {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function started(dataFolder: string): Promise<{ url: string; close(): Promise<void> }> {
  return await serve({ config: readConfig({}), dataFolder, allowedFolders: [], port: 0, log: SILENT_LOG });
}

function manyFindings() {
  return Array.from({ length: FINDINGS }, (_, index) =>
    someFinding(index + 1, {
      label: `thing ${index % 20}`,
      severity: at(Severity.options, index % Severity.options.length),
      score: (index % 1_000) / 1_000,
      box: [(index * 37) % (EDGE_PX - 40), (index * 7_919) % (EDGE_PX - 30), 30, 20],
    }),
  );
}

/** With clusters, as the page opens, and zoomed in until the maximum number of boxes is drawn. */
async function framesOf(page: Page): Promise<Record<string, number>> {
  await page.evaluate(COUNT_FRAMES);
  const withClusters = await framesWhileDragged(page);
  let boxes = 0;
  for (let presses = 0; presses < 20 && boxes < 300; presses++) {
    await page.getByRole('button', { name: 'Zoom in' }).click();
    await page.waitForTimeout(1_000);
    const clusters = await page.locator('.over').getAttribute('data-clusters');
    boxes = clusters === '0' ? Number(await page.locator('.over').getAttribute('data-boxes')) : 0;
  }
  const withBoxes = await framesWhileDragged(page);
  return { frames_per_second_clusters: withClusters, frames_per_second_boxes: withBoxes, boxes_in_view: boxes };
}

/** Frames per second that the browser rendered. */
async function framesWhileDragged(page: Page): Promise<number> {
  const box = await page.locator('#image').boundingBox();
  if (!box) throw new Error('The page shows no image.');
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.evaluate('frames_.length = 0');
  const begin = performance.now();
  for (let step = 0; performance.now() - begin < DRAG_MS; step++)
    await page.mouse.move(x + Math.sin(step / 8) * 150, y + Math.cos(step / 11) * 100);
  const times = z.array(z.number()).parse(await page.evaluate('frames_'));
  await page.mouse.up();
  await page.waitForTimeout(500);
  const [first, last] = [at(times, 0), at(times, times.length - 1)];
  return rounded(((times.length - 1) / (last - first)) * 1_000, 1);
}
