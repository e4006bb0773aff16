// `tilesight evaluate`: analyzes annotated images with one setting or several, and measures the findings against the truth.
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { serve } from '../../local/serve.ts';
import { type Config, modelOffer, readConfig, sizeLimits } from '../../pipeline/config.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import type { ModelId } from '../../pipeline/contract/schemas.ts';
import { readHeaderInTime } from '../../pipeline/imaging/decoding/header-reader.ts';
import { isOwnDetector } from '../../pipeline/providers/detector-names.ts';
import { selectionOf, selectOwn, selectText } from '../../pipeline/providers/local-labels.ts';
import { terminalLog } from '../../pipeline/telemetry/terminal-log.ts';
import { detectorsInFolder } from '../../pipeline/vision/registered-detectors.ts';
import { agent } from '../agent.ts';
import { type KeptAnalysis, keptAnalysis } from '../analyze/kept-analysis.ts';
import { checkCallable } from '../callable-models.ts';
import { print, report } from '../terminal.ts';
import { checkOutFolder, writeWhole } from '../write-whole.ts';
import { analyzeAll } from './analyses.ts';
import { evaluationJson, evaluationText } from './evaluation-files.ts';
import { notesOn } from './evaluation-notes.ts';
import { showEvaluation } from './evaluation-progress.ts';
import { bestScoreInWords, confusionsInWords, labelsTable, settingsTable } from './evaluation-table.ts';
import { type MatchedImages, matchImages } from './image-files.ts';
import { bestOf, type Measured, measured } from './measured.ts';
import { writeMissCrops } from './miss-crops.ts';
import { type Setting, SettingOptions, settingsOf } from './settings.ts';
import { readTruth, type Truth } from './truth-file.ts';

const EvaluateOptions = SettingOptions.extend({ truth: z.string(), out: z.string() }).strict();
const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT_PARTIAL = 3;
const EXIT_INTERRUPTED = 130; // 128 + SIGINT, as shells report it

interface Evaluated {
  config: Config;
  truth: Truth;
  truthFile: string;
  matched: MatchedImages;
  settings: Setting[];
  out: string;
}

/** `values` are commander's. */
export async function evaluateCommand(names: string[], values: unknown): Promise<void> {
  const { truth: truthFile, out, ...lists } = EvaluateOptions.parse(values);
  const settings = settingsOf(lists);
  const truth = await readTruth(truthFile);
  const matched = await matchImages(names, truth);
  await checkOutFolder(out);
  const config = evaluationConfig(readConfig(), settings);
  await checkLabels(settings, truth, config);
  await checkSizes(matched, config);
  const evaluated: Evaluated = { config, truth, truthFile, matched, settings, out };
  const kept = await keptAnalysis(config.TILESIGHT_HOME, resolve(truthFile), [
    await Promise.all(matched.images.map(({ path }) => versionOf(path))),
    settings,
    modelOffer(config),
    await detectorVersions(settings, config),
  ]);
  await untilInterrupted(async (signal) => await evaluateWith(evaluated, kept, signal));
}

/** Allows the models that the command line names. No summary is needed, so no model writes one. */
function evaluationConfig(config: Config, settings: readonly Setting[]): Config {
  const named = settings.flatMap(({ models }) => models ?? []);
  return {
    ...config,
    ALLOWED_MODELS: [...new Set([...config.ALLOWED_MODELS, ...named])],
    SYNTHESIS_MODEL: 'rules:summary',
    LOG_LEVEL: config.LOG_LEVEL === 'info' ? 'silent' : config.LOG_LEVEL,
  };
}

/** Language models and detectors of other providers have no fixed list of labels. */
async function checkLabels(settings: readonly Setting[], { labels }: Truth, config: Config): Promise<void> {
  const detectors = detectorsInFolder(config.TILESIGHT_HOME, { hubCache: config.HF_HUB_CACHE });
  const ask = { look_for: null, labels };
  const selectionIn = async (model: ModelId) => {
    if (!isOwnDetector(model)) return selectionOf(model, ask);
    const { labels, scripts } = await detectors.find(model);
    return scripts ? selectText(ask, model) : selectOwn(model, labels, ask);
  };
  for (const { name, models } of settings) {
    const detection = models ?? config.DETECTION_MODELS;
    checkCallable(detection, config);
    const selections = await Promise.all(detection.map(selectionIn));
    if (selections.some((selection) => selection === null || selection.wantsAny)) continue;
    throw new UserError(
      `The setting "${name}" (${detection.join(', ')}) knows none of the labels of the truth: ${labels.slice(0, 10).join(', ')}. ` +
        'Name models that know them with --models, or rename the categories.',
    );
  }
}

/** Boxes of a copy in another size would fit nothing. A file that cannot be read is reported when it is analyzed. */
async function checkSizes({ images }: MatchedImages, config: Config): Promise<void> {
  const { image: limits } = sizeLimits(config);
  for (const { path, truth } of images) {
    const header = truth.size && (await readHeaderInTime({ path, page: 0, limits }).catch(() => null));
    if (!truth.size || !header) continue;
    if (header.width === truth.size.width && header.height === truth.size.height) continue;
    throw new UserError(
      `${basename(path)} has ${header.width} x ${header.height} pixels, but the truth states ${truth.size.width} x ${truth.size.height}. ` +
        'Name the images that were annotated, upright, or correct the truth.',
    );
  }
}

/** What a detector finds depends on its detector.json, which a person may correct. Without detectors of their own, settings have none. */
async function detectorVersions(settings: readonly Setting[], config: Config): Promise<unknown[]> {
  const detectors = detectorsInFolder(config.TILESIGHT_HOME, { hubCache: config.HF_HUB_CACHE });
  const named = new Set(settings.flatMap(({ models }) => models ?? config.DETECTION_MODELS).filter(isOwnDetector));
  return await Promise.all([...named].map(async (model) => [model, (await detectors.find(model)).version]));
}

async function versionOf(path: string): Promise<unknown> {
  const { size, mtimeMs } = await stat(path);
  return [path, size, mtimeMs];
}

/** `work` reports how far it came if it is interrupted. */
async function untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  for (const signal of INTERRUPTS) process.once(signal, onInterrupt);
  try {
    await work(interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    report('Run the same command again to continue.\n');
    process.exitCode = EXIT_INTERRUPTED;
  } finally {
    for (const signal of INTERRUPTS) process.off(signal, onInterrupt);
  }
}

/** The analyses are kept until everything is written, and while some of them have failed: the same command then continues them. */
async function evaluateWith(evaluated: Evaluated, kept: KeptAnalysis, signal: AbortSignal): Promise<void> {
  const { truth, matched, settings } = evaluated;
  const results = await analyzedBy(evaluated, kept, signal);
  const all = measured(matched.images, settings, results, truth.labels);
  await deliver(evaluated, all);
  if (all.failed.length === 0) await kept.remove();
}

async function analyzedBy({ config, truth, matched, settings }: Evaluated, kept: KeptAnalysis, signal: AbortSignal) {
  const { images } = matched;
  const total = images.length * settings.length;
  // An image may be a link that leads out of its folder.
  const allowedFolders = [...new Set(await Promise.all(images.map(async ({ path }) => dirname(await realpath(path)))))];
  // A failure ends in one sentence on the terminal; a log would only repeat it.
  const log = terminalLog(config.LOG_LEVEL);
  const server = await serve({ config, dataFolder: kept.folder, allowedFolders, port: 0, syncsCommits: false, log });
  const progress = showEvaluation(total);
  let failure: unknown;
  try {
    const tools = await agent(new URL('/mcp', server.url), signal);
    const analyses = { images, settings, labels: truth.labels, folder: kept.folder, tools, progress };
    return await analyzeAll(analyses).finally(() => tools.close());
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    progress.stop();
    await server.close();
    if (signal.aborted) report(`Interrupted after ${progress.count()} of ${total} analyses. `);
    else if (failure) await kept.remove();
  }
}

/** Prints the tables first: a full disk must not cost the figures. */
async function deliver({ config, truth, truthFile, matched, out }: Evaluated, all: Measured): Promise<void> {
  const { images, settings, failed } = all;
  const objects = images.reduce((sum, image) => sum + image.truth.objects.filter(({ isCrowd }) => !isCrowd).length, 0);
  const notes = notesOn(all, truth, matched);
  const best = bestOf(settings);
  print(`${counted(objects, 'object')} in ${counted(images.length, 'image')}\n${settingsTable(settings)}\n`);
  if (best) {
    const heading = settings.length === 1 ? [] : [`Highest AP: ${best.setting.name}.`];
    print(`\n${[...heading, bestScoreInWords(best), 'By label:'].join(' ').trim()}\n${labelsTable(best)}\n`);
    const confusions = confusionsInWords(best);
    if (confusions !== '') print(`Reported under another label: ${confusions}\n`);
  }
  for (const note of notes) print(`Note: ${note}\n`);
  const files = [join(out, 'evaluation.json'), join(out, 'evaluation.txt')] as const;
  await writeWhole(files[0], [evaluationJson(all, truthFile, notes)]);
  await writeWhole(files[1], [evaluationText(all, notes)]);
  const crops = await writeMissCrops(all, join(out, 'misses'), sizeLimits(config).image);
  const misses = crops === 0 ? [] : [`${counted(crops, 'crop')} of misses in ${join(out, 'misses')}`];
  print(`\nWrote ${new Intl.ListFormat('en').format([...files, ...misses])}.\n`);
  const isPartial = failed.length > 0 || settings.some(({ results }) => results.some(({ missingTiles }) => missingTiles > 0));
  if (failed.length > 0) report('Run the same command again to analyze only the images that failed.\n');
  if (isPartial) process.exitCode = EXIT_PARTIAL;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
