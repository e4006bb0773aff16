// `tilesight analyze`: analyzes one image over HTTP as an agent would: serve, upload, call the tools, download the results.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { serve } from '../local/serve.ts';
import { readConfig } from '../pipeline/config.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import type { Detail } from '../pipeline/contract/schemas.ts';
import { documents, parseDocument } from '../pipeline/documents.ts';
import { agent, type Wishes } from './agent.ts';
import { makeLog } from './log.ts';
import { showProgress } from './progress-bar.ts';
import { findingsTable } from './table.ts';
import { writeWhole } from './write-whole.ts';

interface AnalyzeOptions {
  lookFor?: string;
  label?: string[];
  detail: Detail;
  tileSize?: number;
  overlap?: number;
  grid?: number;
  region?: number[];
  maxTiles?: number;
  page?: number;
  verify?: boolean;
  out: string;
  json?: string;
}

const EXIT_PARTIAL = 3;
const EXIT_INTERRUPTED = 130;

export async function analyzeCommand(image: string, options: AnalyzeOptions): Promise<void> {
  const path = await imageFile(image);
  const config = readConfig();
  const dataFolder = await mkdtemp(join(tmpdir(), 'tilesight-'));
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  process.once('SIGINT', onInterrupt).once('SIGTERM', onInterrupt);
  let server: Awaited<ReturnType<typeof serve>> | null = null;
  try {
    // A failure is printed as one sentence at the end; the log would only repeat it.
    const LOG_LEVEL = config.LOG_LEVEL === 'info' ? 'silent' : config.LOG_LEVEL;
    server = await serve({ config: { ...config, LOG_LEVEL }, dataFolder, allowedFolders: [], port: 0, log: makeLog(LOG_LEVEL) });
    await analyzeOver(server.url, path, options, interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.stderr.write('Interrupted. No results were kept.\n');
    process.exitCode = EXIT_INTERRUPTED;
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onInterrupt);
    await server?.close();
    await rm(dataFolder, { recursive: true, force: true });
  }
}

async function analyzeOver(url: string, path: string, options: AnalyzeOptions, signal: AbortSignal): Promise<void> {
  const tools = await agent(new URL('/mcp', url), signal);
  try {
    const uploadId = await tools.upload(path);
    const started = await tools.analyze(uploadId, wishesOf(options));
    const execution = await showProgress(basename(path), tools.following(started));
    if (execution.status !== 'SUCCEEDED' && execution.status !== 'PARTIAL') {
      throw new UserError(execution.reason ?? `The analysis ended as ${execution.status}.`);
    }
    const { findings_json, overlay_jpg, report_html } = execution.artifacts;
    const artifacts = {
      findings: await tools.download(findings_json),
      overlay: await tools.download(overlay_jpg),
      report: report_html === undefined ? null : await tools.download(report_html), // a report may be missing
    };
    await deliver(execution.execution_id, artifacts, options);
    if (execution.status === 'PARTIAL') {
      process.stderr.write(`${execution.reason}\n`);
      process.exitCode = EXIT_PARTIAL;
    }
  } finally {
    await tools.close();
  }
}

interface Artifacts {
  findings: Uint8Array;
  overlay: Uint8Array;
  report: Uint8Array | null;
}

async function deliver(executionId: string, artifacts: Artifacts, { out, json }: AnalyzeOptions): Promise<void> {
  const document = parseDocument(documents.findings(executionId), artifacts.findings);
  const files = { 'report.html': artifacts.report, 'overlay.jpg': artifacts.overlay, 'findings.json': artifacts.findings };
  const written: string[] = [];
  for (const [name, bytes] of Object.entries(files)) {
    if (!bytes) continue;
    await writeWhole(join(out, name), bytes);
    written.push(join(out, name));
  }
  if (json === '-') {
    process.stdout.write(artifacts.findings);
    process.stdout.write('\n');
    return;
  }
  if (json) await writeWhole(json, artifacts.findings);
  process.stdout.write(`${findingsTable(document)}\n\n${document.summary}\n`);
  for (const note of document.notes) process.stdout.write(`Note: ${note}\n`);
  process.stdout.write(`\nWrote ${[...written, ...(json ? [json] : [])].join(' and ')}.\n`);
}

function wishesOf(options: AnalyzeOptions): Wishes {
  const { detail, lookFor, label, tileSize, overlap, grid, region, maxTiles, page, verify } = options;
  return {
    detail,
    ...(lookFor !== undefined && { look_for: lookFor }),
    ...(label !== undefined && { labels: label }),
    ...(tileSize !== undefined && { tile_size: tileSize }),
    ...(overlap !== undefined && { overlap }),
    ...(grid !== undefined && { grid }),
    ...(region !== undefined && { region }),
    ...(maxTiles !== undefined && { max_tiles: maxTiles }),
    ...(page !== undefined && { page }),
    ...(verify !== undefined && { verify }),
  };
}

async function imageFile(image: string): Promise<string> {
  const path = resolve(image);
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) {
    throw new UserError(`${image} ${found ? 'is not a file' : 'does not exist'}. Check the path.`);
  }
  if (found.size === 0) throw new UserError(`The file ${image} is empty (0 bytes). Use another image.`);
  return path;
}
