// `tilesight analyze`: analyzes one image as an agent would, over HTTP: starts a server, uploads, calls the tools, downloads the results.
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { serve } from '../../local/serve.ts';
import { type Config, modelOffer, readConfig, unusedCoordinates } from '../../pipeline/config.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { Detail, MIN_SCORE_MIN } from '../../pipeline/contract/schemas.ts';
import { documents, parseDocument } from '../../pipeline/documents.ts';
import { GRID_MAX, GRID_MIN, TILE_EDGE_MAX_PX, TILE_EDGE_MIN_PX } from '../../pipeline/planning/tile-size.ts';
import { isLocal } from '../../pipeline/providers/prices.ts';
import { terminalLog } from '../../pipeline/telemetry/terminal-log.ts';
import { type Agent, type AnalyzeRequest, agent, type Execution } from '../agent.ts';
import { checkCallable } from '../callable-models.ts';
import { showProgress } from '../progress-bar.ts';
import { noteLine, print, report } from '../terminal.ts';
import { findingsTable } from '../terminal-table.ts';
import { checkFile, checkOutFolder, writeWhole } from '../write-whole.ts';
import { type KeptAnalysis, keptAnalysis } from './kept-analysis.ts';
import { executionOf } from './kept-execution.ts';

const AnalyzeOptions = z.strictObject({
  lookFor: z.string().optional(),
  label: z.array(z.string()).optional(),
  detail: Detail,
  tileSize: z.number().optional(),
  overlap: z.number().optional(),
  grid: z.number().optional(),
  region: z.tuple([z.number(), z.number(), z.number(), z.number()]).optional(),
  maxTiles: z.number().optional(),
  minScore: z.number().optional(),
  page: z.number().optional(),
  bands: z.array(z.number()).optional(),
  verify: z.boolean().optional(),
  fresh: z.boolean().optional(),
  out: z.string(),
  json: z.string().optional(),
});
type AnalyzeOptions = z.infer<typeof AnalyzeOptions>;

const STANDARD_OUTPUT = '-';
const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT_PARTIAL = 3;
const PARTIAL_ADVICE =
  'Run the same command again within a week to analyze only what is missing, or with --fresh to start over.\n';
const EXIT_INTERRUPTED = 130; // 128 + SIGINT, as shells report it

/** `values` are commander's. */
export async function analyzeCommand(image: string, values: unknown): Promise<void> {
  const options = AnalyzeOptions.parse(values);
  checkLimits(options);
  const path = await imageFile(image);
  await checkOutFolder(options.out);
  if (options.json !== undefined && options.json !== STANDARD_OUTPUT) await checkFile(options.json, '--json');
  const config = readConfig();
  if (options.verify && config.VERIFICATION_MODEL === undefined)
    throw new UserError('--verify needs a verification model. Set VERIFICATION_MODEL, or leave --verify out.');
  checkCallable(usedModels(config, options), config);
  const warning = unusedCoordinates(config);
  if (warning !== null) report(`${warning}\n`);
  const kept = await keptAnalysis(config.TILESIGHT_HOME, path, [requestFor('', options), modelOffer(config)], options.fresh);
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  for (const signal of INTERRUPTS) process.once(signal, onInterrupt);
  let server: Awaited<ReturnType<typeof serve>> | null = null;
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  try {
    // A failure ends in one sentence on the terminal; a log would only repeat it.
    const LOG_LEVEL = config.LOG_LEVEL === 'info' ? 'silent' : config.LOG_LEVEL;
    const log = terminalLog(LOG_LEVEL);
    const silent = { ...config, LOG_LEVEL };
    server = await serve({ config: silent, dataFolder: kept.folder, allowedFolders: [], port: 0, syncsCommits: false, log });
    const models = LOG_LEVEL === 'silent' ? usedModels(config, options) : [];
    await analyzeWith({ url: server.url, path, options, kept, models, over, signal: interrupt.signal });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    const advice = isOver ? 'Interrupted before the analysis began.' : 'Interrupted. Run the same command again to continue.';
    report(`${advice}\n`);
    process.exitCode = EXIT_INTERRUPTED;
  } finally {
    for (const signal of INTERRUPTS) process.off(signal, onInterrupt);
    await server?.close();
    if (isOver) await kept.remove();
  }
}

/** The tool checks them too, but names its own arguments. */
function checkLimits({ tileSize, grid, maxTiles, minScore, page }: AnalyzeOptions): void {
  const limits = [
    ['--tile-size', tileSize, TILE_EDGE_MIN_PX, TILE_EDGE_MAX_PX],
    ['--grid', grid, GRID_MIN, GRID_MAX],
    ['--max-tiles', maxTiles, 1, null],
    ['--min-score', minScore, MIN_SCORE_MIN, 1],
    ['--page', page, 1, null],
  ] as const;
  for (const [option, value, min, max] of limits) {
    if (value === undefined || (value >= min && (max === null || value <= max))) continue;
    throw new UserError(`${option} (${value}) must be ${max === null ? `${min} or more` : `from ${min} to ${max}`}.`);
  }
}

function usedModels(config: Config, { verify }: AnalyzeOptions): string[] {
  const { MODERATION_MODEL, DETECTION_MODELS, VERIFICATION_MODEL, SYNTHESIS_MODEL, JUDGE_MODEL } = config;
  const judge = DETECTION_MODELS.length > 1 ? JUDGE_MODEL : undefined;
  const used = [MODERATION_MODEL, ...DETECTION_MODELS, verify ? VERIFICATION_MODEL : undefined, judge, SYNTHESIS_MODEL];
  return used.filter((model) => model !== undefined);
}

/** The words of a model service are in the log only. `models`: those about which no log is written. */
function logAdvice(reason: string | null, models: readonly string[]): string {
  const isAboutService = models.some((model) => !isLocal(model) && reason?.includes(model));
  return isAboutService ? 'With LOG_LEVEL=warn, the log shows what the model service answered.\n' : '';
}

interface Analysis {
  url: string;
  path: string;
  options: AnalyzeOptions;
  kept: KeptAnalysis;
  /** Those whose answers are not logged. */
  models: readonly string[];
  /** Called once the kept analysis is no longer needed: without an execution, after a failure, or when all tiles are analyzed. */
  over(): void;
  signal: AbortSignal;
}

async function analyzeWith(analysis: Analysis): Promise<void> {
  const { url, path, options, kept, models, over, signal } = analysis;
  const tools = await agent(new URL('/mcp', url), signal);
  try {
    const { executionId, retryOf } = await executionOf(kept, (upload) => requestFor(upload, options), path, tools).catch(
      (error) => {
        if (kept.executionId === null) over();
        throw error;
      },
    );
    const execution = await showProgress(basename(path), tools.follow(executionId));
    if (execution.status !== 'SUCCEEDED' && execution.status !== 'PARTIAL') {
      // What an earlier execution has found stays, and the next run begins another retry.
      if (retryOf === null) over();
      else await tools.delete(executionId);
      for (const note of execution.notes) report(noteLine(note));
      report(logAdvice(execution.reason, models));
      throw new UserError(execution.reason ?? `The analysis ended with the status ${execution.status}.`);
    }
    await deliver(executionId, await downloaded(execution, tools), options);
    if (execution.status === 'SUCCEEDED') {
      over();
      return;
    }
    await kept.keep(executionId);
    report(`${execution.reason}\n${logAdvice(execution.reason, models)}${PARTIAL_ADVICE}`);
    process.exitCode = EXIT_PARTIAL;
  } finally {
    await tools.close();
  }
}

function requestFor(image: string, options: AnalyzeOptions): AnalyzeRequest {
  return {
    image,
    look_for: options.lookFor,
    labels: options.label,
    detail: options.detail,
    tile_size: options.tileSize,
    overlap: options.overlap,
    grid: options.grid,
    region: options.region,
    max_tiles: options.maxTiles,
    min_score: options.minScore,
    page: options.page,
    bands: options.bands,
    verify: options.verify,
  };
}

interface Results {
  findings: Uint8Array;
  /** `null` if it could not be made, or not be read: an execution succeeds without it, and a note says so. */
  overlay: Uint8Array | null;
  report: Uint8Array | null;
}

async function downloaded({ artifacts }: Execution, tools: Agent): Promise<Results> {
  const { findings_json, overlay_jpg, report_html } = artifacts;
  if (findings_json === undefined) throw new Error('The execution has findings, but no link to findings.json.');
  const optional = async (link: string | undefined) => (link === undefined ? null : await tools.download(link));
  return {
    findings: await tools.download(findings_json),
    overlay: await optional(overlay_jpg),
    report: await optional(report_html),
  };
}

/** Writes all other files even if one cannot be written. Throws the first failure when everything else is written and printed. */
async function deliver(executionId: string, results: Results, { out, json }: AnalyzeOptions): Promise<void> {
  const document = parseDocument(documents.findings(executionId), results.findings);
  const files = new Map([
    [join(out, 'report.html'), results.report],
    [join(out, 'overlay.jpg'), results.overlay],
    [join(out, 'findings.json'), results.findings],
  ]);
  if (json !== undefined && json !== STANDARD_OUTPUT) files.set(json, results.findings);
  const written: string[] = [];
  const failures: unknown[] = [];
  for (const [path, bytes] of files) {
    if (!bytes) continue;
    await writeWhole(path, bytes).then(
      () => written.push(path),
      (error: unknown) => failures.push(error),
    );
  }
  if (json === STANDARD_OUTPUT) {
    process.stdout.write(results.findings);
    process.stdout.write('\n');
  } else {
    print(`${findingsTable(document)}\n\n${document.summary}\n`);
    for (const note of document.notes) print(noteLine(note));
    if (written.length > 0) print(`\nWrote ${new Intl.ListFormat('en').format(written)}.\n`);
  }
  const [failure] = failures;
  if (failure) throw failure;
}

async function imageFile(image: string): Promise<string> {
  const path = resolve(image);
  const found = await stat(path).catch(() => null);
  if (!found) throw new UserError(`The image file ${image} does not exist. Check the path.`);
  if (!found.isFile()) throw new UserError(`${image} is not a file. Name an image file.`);
  if (found.size === 0) throw new UserError(`The image file ${image} is empty (0 bytes). Check the file.`);
  return path;
}
