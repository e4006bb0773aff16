// `tilesight analyze`: analyzes one image as an agent would, over HTTP: starts a server, uploads, calls the tools, downloads the results.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { serve } from '../local/serve.ts';
import { readConfig } from '../pipeline/config.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import { Detail } from '../pipeline/contract/schemas.ts';
import { documents, parseDocument } from '../pipeline/documents.ts';
import { terminalLog } from '../pipeline/telemetry/terminal-log.ts';
import { type Agent, type AnalyzeRequest, agent, type Execution } from './agent.ts';
import { showProgress } from './progress-bar.ts';
import { print, report } from './terminal.ts';
import { findingsTable } from './terminal-table.ts';
import { writeWhole } from './write-whole.ts';

const AnalyzeOptions = z.strictObject({
  lookFor: z.string().optional(),
  label: z.array(z.string()).optional(),
  detail: Detail,
  tileSize: z.number().optional(),
  overlap: z.number().optional(),
  grid: z.number().optional(),
  region: z.tuple([z.number(), z.number(), z.number(), z.number()]).optional(),
  maxTiles: z.number().optional(),
  page: z.number().optional(),
  bands: z.array(z.number()).optional(),
  verify: z.boolean().optional(),
  out: z.string(),
  json: z.string().optional(),
});
type AnalyzeOptions = z.infer<typeof AnalyzeOptions>;

const STANDARD_OUTPUT = '-';
const EXIT_PARTIAL = 3;
const EXIT_INTERRUPTED = 130; // 128 + SIGINT, as shells report it

/** `values` are commander's. */
export async function analyzeCommand(image: string, values: unknown): Promise<void> {
  const options = AnalyzeOptions.parse(values);
  const path = await imageFile(image);
  const config = readConfig();
  const dataFolder = await mkdtemp(join(tmpdir(), 'tilesight-'));
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  process.once('SIGINT', onInterrupt).once('SIGTERM', onInterrupt);
  let server: Awaited<ReturnType<typeof serve>> | null = null;
  try {
    // A failure ends in one sentence on the terminal; a log would only repeat it.
    const LOG_LEVEL = config.LOG_LEVEL === 'info' ? 'silent' : config.LOG_LEVEL;
    const log = terminalLog(LOG_LEVEL);
    server = await serve({ config: { ...config, LOG_LEVEL }, dataFolder, allowedFolders: [], port: 0, log });
    await analyzeWith(server.url, path, options, interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    report('Interrupted. No results were kept.\n');
    process.exitCode = EXIT_INTERRUPTED;
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onInterrupt);
    await server?.close();
    await rm(dataFolder, { recursive: true, force: true });
  }
}

async function analyzeWith(url: string, path: string, options: AnalyzeOptions, signal: AbortSignal): Promise<void> {
  const tools = await agent(new URL('/mcp', url), signal);
  try {
    const executionId = await tools.analyze(requestFor(await tools.upload(path), options));
    const execution = await showProgress(basename(path), tools.follow(executionId));
    if (execution.status !== 'SUCCEEDED' && execution.status !== 'PARTIAL')
      throw new UserError(execution.reason ?? `The analysis ended with the status ${execution.status}.`);
    await deliver(executionId, await downloaded(execution, tools), options);
    if (execution.status === 'PARTIAL') {
      report(`${execution.reason}\n`);
      process.exitCode = EXIT_PARTIAL;
    }
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
    page: options.page,
    bands: options.bands,
    verify: options.verify,
  };
}

interface Results {
  findings: Uint8Array;
  overlay: Uint8Array;
  /** `null` if the report could not be made: an execution succeeds without it. */
  report: Uint8Array | null;
}

async function downloaded({ artifacts }: Execution, tools: Agent): Promise<Results> {
  const { findings_json, overlay_jpg, report_html } = artifacts;
  if (findings_json === undefined || overlay_jpg === undefined)
    throw new Error('The execution has findings, but no links to findings.json and overlay.jpg.');
  return {
    findings: await tools.download(findings_json),
    overlay: await tools.download(overlay_jpg),
    report: report_html === undefined ? null : await tools.download(report_html),
  };
}

async function deliver(executionId: string, results: Results, { out, json }: AnalyzeOptions): Promise<void> {
  const document = parseDocument(documents.findings(executionId), results.findings);
  const files = { 'report.html': results.report, 'overlay.jpg': results.overlay, 'findings.json': results.findings };
  const written: string[] = [];
  for (const [name, bytes] of Object.entries(files)) {
    if (!bytes) continue;
    await writeWhole(join(out, name), bytes);
    written.push(join(out, name));
  }
  if (json === STANDARD_OUTPUT) {
    process.stdout.write(results.findings);
    process.stdout.write('\n');
    return;
  }
  if (json !== undefined) {
    await writeWhole(json, results.findings);
    written.push(json);
  }
  print(`${findingsTable(document)}\n\n${document.summary}\n`);
  for (const note of document.notes) print(`Note: ${note}\n`);
  print(`\nWrote ${new Intl.ListFormat('en').format(written)}.\n`);
}

async function imageFile(image: string): Promise<string> {
  const path = resolve(image);
  const found = await stat(path).catch(() => null);
  if (!found) throw new UserError(`The image file ${image} does not exist. Check the path.`);
  if (!found.isFile()) throw new UserError(`${image} is not a file. Name an image file.`);
  if (found.size === 0) throw new UserError(`The image file ${image} is empty (0 bytes). Check the file.`);
  return path;
}
