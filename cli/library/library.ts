// The package as a library: starts a server in this process, analyzes images with it and reads findings. The declarations of the package
// are made from this file alone, so it names no type of another one in what it exports.
import { resolve } from 'node:path';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { documents, parseDocument } from '../../pipeline/documents.ts';
import { terminalLog } from '../../pipeline/telemetry/terminal-log.ts';
import { type Agent, agent, type Execution } from '../agent.ts';

export interface ServerOptions {
  /** Holds uploads, executions and results. Only one server at a time can use it. By default TILESIGHT_HOME, or ~/.tilesight. */
  dataFolder?: string;
  /** Folders whose images may be named by a file:// address. By default ALLOWED_FOLDERS. */
  allowedFolders?: readonly string[];
  /** A port of 127.0.0.1; by default a free one. */
  port?: number;
  /** The variables of docs/configuration.md; by default those of this process. */
  environment?: Readonly<Record<string, string | undefined>>;
}

export interface AnalyzeOptions {
  /** What to detect, in words. By default everything that the models know. */
  lookFor?: string;
  /** Report only these labels. */
  labels?: readonly string[];
  /** Report findings from this score on, 0.05 to 1. */
  minScore?: number;
  detail?: 'overview' | 'standard' | 'fine' | 'max';
  /** Left, top, width and height in pixels. By default the whole image. */
  region?: readonly [left: number, top: number, width: number, height: number];
  /** Ends the wait, not the analysis: the same request later continues it. */
  signal?: AbortSignal;
}

export interface Finding {
  id: string;
  label: string;
  description: string;
  score: number;
  severity: string;
  /** Left, top, width and height in pixels of the full image. */
  box: readonly [left: number, top: number, width: number, height: number];
  /** What is written there. */
  text: string | null;
  /** The outline, in pixels of the full image, if the model reports one. */
  polygon?: readonly (readonly [x: number, y: number])[] | undefined;
  verified: 'confirmed' | 'rejected' | 'corrected' | null;
}

/** The document findings.json. */
export interface Findings {
  execution_id: string;
  /** `PARTIAL` if some tiles were not analyzed. */
  status: string;
  image: { width: number; height: number; format: string };
  tiles: { total: number; done: number; blank: number };
  summary: string;
  /** How the request was understood, and what the result leaves out. */
  notes: readonly string[];
  findings: readonly Finding[];
}

export interface Server {
  /** The page for people, for example `http://127.0.0.1:41234`. */
  url: string;
  /** The MCP endpoint (Streamable HTTP). */
  mcpUrl: string;
  /** Analyzes an image file. Rejects with an Error of one sentence if it fails. */
  analyze(file: string, options?: AnalyzeOptions): Promise<Findings>;
  /** The findings of an earlier analysis; `null` while it runs. Rejects if there is none of that id, or if it failed. */
  readFindings(executionId: string): Promise<Findings | null>;
  /** Analyses that still run continue with the next server on the same folder. */
  close(): Promise<void>;
}

/** Starts a server on 127.0.0.1 in this process, with worker processes of its own. Rejects with an Error of one sentence. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const config = readConfig(options.environment);
  const server = await serve({
    config,
    dataFolder: resolve(options.dataFolder ?? config.TILESIGHT_HOME),
    allowedFolders: (options.allowedFolders ?? config.ALLOWED_FOLDERS).map((folder) => resolve(folder)),
    port: options.port ?? 0,
    log: terminalLog(config.LOG_LEVEL),
  });
  const mcpUrl = `${server.url}/mcp`;
  return {
    url: server.url,
    mcpUrl,
    analyze: (file, analyzeOptions = {}) =>
      withAgent(mcpUrl, analyzeOptions.signal, (tools) => analyzed(tools, resolve(file), analyzeOptions)),
    readFindings: (executionId) =>
      withAgent(mcpUrl, undefined, async (tools) => {
        for await (const execution of tools.follow(executionId))
          return execution.status === 'RUNNING' ? null : await findingsOf(execution, tools);
        throw new Error('The execution has no state.');
      }),
    close: () => server.close(),
  };
}

async function withAgent<Result>(
  mcpUrl: string,
  signal: AbortSignal | undefined,
  use: (tools: Agent) => Promise<Result>,
): Promise<Result> {
  const tools = await agent(new URL(mcpUrl), signal ?? new AbortController().signal);
  try {
    return await use(tools);
  } finally {
    await tools.close();
  }
}

async function analyzed(tools: Agent, file: string, options: AnalyzeOptions): Promise<Findings> {
  const { executionId } = await tools.start({
    image: await tools.upload(file),
    look_for: options.lookFor,
    labels: options.labels && [...options.labels],
    min_score: options.minScore,
    detail: options.detail,
    region: options.region && [...options.region],
  });
  let last: Execution | null = null;
  for await (const execution of tools.follow(executionId)) last = execution;
  if (last === null) throw new Error('The execution has no state.');
  return await findingsOf(last, tools);
}

async function findingsOf({ execution_id, status, reason, artifacts }: Execution, tools: Agent): Promise<Findings> {
  const link = artifacts.findings_json;
  if (link === undefined) throw new UserError(reason ?? `The analysis ended with the status ${status} and without findings.`);
  return parseDocument(documents.findings(execution_id), await tools.download(link));
}
