// Analyzes every image with every setting, as `tilesight analyze` does, and keeps each result until the evaluation has ended.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { UserError } from '../../pipeline/contract/errors.ts';
import { documents, parseDocument } from '../../pipeline/documents.ts';
import type { Agent, Execution } from '../agent.ts';
import { writeWhole } from '../write-whole.ts';
import { AnalyzedImage, type ImageResult } from './analyzed-image.ts';
import type { EvaluationProgress } from './evaluation-progress.ts';
import type { EvaluatedImage } from './image-files.ts';
import { requestOf, type Setting } from './settings.ts';

/** If none of this many analyses succeeds, the setting is at fault, not the image. */
const FIRST_FAILURES_MAX = 3;
const DELETION_ATTEMPTS = 20;
const DELETION_PAUSE_MS = 250; // an execution reports its end a moment before it has ended

interface Analyses {
  images: readonly EvaluatedImage[];
  settings: readonly Setting[];
  /** The labels of the truth. */
  labels: readonly string[];
  /** Holds the results until the evaluation has ended. */
  folder: string;
  tools: Agent;
  progress: EvaluationProgress;
}

/** By setting, then by image. Throws a UserError if a setting cannot analyze its first images. */
export async function analyzeAll(analyses: Analyses): Promise<ImageResult[][]> {
  const { images, settings, folder, progress } = analyses;
  const results: ImageResult[][] = [];
  for (const [settingPlace, setting] of settings.entries()) {
    const ofSetting: ImageResult[] = [];
    for (const [imagePlace, image] of images.entries()) {
      const file = join(folder, `result-${settingPlace}-${imagePlace}.json`);
      const result = (await kept(file)) ?? (await analyzed(image, setting, file, analyses));
      ofSetting.push(result);
      progress.ended(image, setting, result);
      checkFirst(ofSetting, images.length, setting);
    }
    results.push(ofSetting);
  }
  return results;
}

/** `null` if the analysis has not ended, or its result was not written whole. */
async function kept(file: string): Promise<AnalyzedImage | null> {
  const text = await readFile(file, 'utf8').catch(() => null);
  return text === null ? null : AnalyzedImage.parse(JSON.parse(text));
}

async function analyzed(
  image: EvaluatedImage,
  setting: Setting,
  file: string,
  { labels, tools, progress }: Analyses,
): Promise<ImageResult> {
  const started = performance.now();
  try {
    const { executionId, created } = await tools.start(requestOf(pathToFileURL(image.path).href, setting, labels));
    let last: Execution | null = null;
    for await (const state of tools.follow(executionId)) {
      progress.state(image, setting, state);
      last = state;
    }
    const seconds = created ? (performance.now() - started) / 1_000 : null;
    const result = await resultOf(last, seconds, tools);
    if ('findings' in result) await writeWhole(file, Buffer.from(JSON.stringify(result)));
    // Its pyramid would stay on the disk, and a failed one would fail again.
    await deleted(executionId, tools);
    return result;
  } catch (error) {
    if (error instanceof UserError) return { reason: error.message };
    throw error;
  }
}

async function resultOf(execution: Execution | null, seconds: number | null, tools: Agent): Promise<ImageResult> {
  if (!execution) throw new Error('The execution reported no state.');
  const { status, reason, artifacts, execution_id } = execution;
  if (status !== 'SUCCEEDED' && status !== 'PARTIAL')
    return { reason: reason ?? `The analysis ended with the status ${status}.` };
  if (artifacts.findings_json === undefined) throw new Error('The execution has findings, but no link to findings.json.');
  const document = parseDocument(documents.findings(execution_id), await tools.download(artifacts.findings_json));
  const { width, height } = document.image;
  return {
    seconds,
    tiles: document.tiles.total,
    missingTiles: document.tiles.failed.length + document.tiles.not_analyzed.length,
    costUsd: document.usage.cost_usd,
    image: { width, height },
    findings: document.findings
      .filter(({ verified }) => verified !== 'rejected')
      .map(({ label, box, score, text }) => ({ label, box, score, text })),
  };
}

async function deleted(executionId: string, tools: Agent): Promise<void> {
  for (let attempt = 1; attempt <= DELETION_ATTEMPTS; attempt++) {
    try {
      return await tools.delete(executionId);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      await after(DELETION_PAUSE_MS);
    }
  }
}

function checkFirst(results: readonly ImageResult[], images: number, { name }: Setting): void {
  if (results.length !== Math.min(FIRST_FAILURES_MAX, images)) return;
  const [first] = results;
  if (!first || !('reason' in first) || results.some((result) => !('reason' in result))) return;
  throw new UserError(`The setting "${name}" cannot analyze the first ${images === 1 ? 'image' : 'images'}: ${first.reason}`);
}
