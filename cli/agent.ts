// The command line as an agent: the official MCP client over HTTP, and the links that the tools return.
import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { z } from 'zod';
import type { analyzeImage } from '../mcp-server/tools/analyze-image.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import { Phase, Status, TileTotals } from '../pipeline/contract/schemas.ts';

const POLL_WAIT_S = 1; // so that a progress bar moves every second

/** Arguments of `analyze_image`. */
export type AnalyzeRequest = z.input<typeof analyzeImage.input>;

/** The part of `get_execution`'s answer that the command line shows. */
const Execution = z.object({
  execution_id: z.string(),
  status: Status,
  phase: Phase,
  tiles: TileTotals,
  findings_so_far: z.number(),
  eta_seconds: z.number().nullable(),
  reason: z.string().nullable(),
  notes: z.array(z.string()),
  artifacts: z.object({
    findings_json: z.string().optional(),
    overlay_jpg: z.string().optional(),
    report_html: z.string().optional(),
  }),
});
export type Execution = z.infer<typeof Execution>;

const Started = z.object({ execution_id: z.string(), created: z.boolean() });
const Deleted = z.object({ deleted: z.literal(true) });
const Upload = z.object({ upload_id: z.string(), url: z.string(), headers: z.record(z.string(), z.string()) });
const Content = z.array(z.object({ type: z.string(), text: z.string().optional() }));

export interface Agent {
  /** Returns the upload id of the file. */
  upload(path: string): Promise<string>;
  /** `created` is false if the same request was started before. */
  start(request: AnalyzeRequest): Promise<{ executionId: string; created: boolean }>;
  /** Starts the analysis of the tiles that an execution left out, or finds the one that was started before. Returns its id. */
  retry(executionId: string): Promise<string>;
  /** As it is now. */
  state(executionId: string): Promise<Execution>;
  /** The states of an execution as they change; the last one is final. */
  follow(executionId: string): AsyncIterable<Execution>;
  download(link: string): Promise<Uint8Array>;
  /** Deletes an execution that has ended. */
  delete(executionId: string): Promise<void>;
  close(): Promise<void>;
}

/** The aborted signal ends every call. */
export async function agent(url: URL, signal: AbortSignal): Promise<Agent> {
  const client = new Client({ name: 'tilesight-cli', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(url));

  const call = async <T>(name: string, args: Record<string, unknown>, answer: z.ZodType<T>): Promise<T> => {
    const result = await client.callTool({ name, arguments: args }, { signal });
    if (result.isError) throw new UserError(textOf(result.content));
    return answer.parse(result.structuredContent);
  };

  return {
    async upload(path) {
      const file = await openAsBlob(path);
      const { upload_id, url, headers } = await call('create_upload', { file_name: basename(path), bytes: file.size }, Upload);
      const response = await fetch(url, { method: 'PUT', headers, body: file, signal });
      if (!response.ok) throw new UserError(await response.text());
      return upload_id;
    },
    async start(request) {
      const { execution_id, created } = await call('analyze_image', request, Started);
      return { executionId: execution_id, created };
    },
    async retry(executionId) {
      return (await call('retry_failed_tiles', { execution_id: executionId }, Started)).execution_id;
    },
    state: (executionId) => call('get_execution', { execution_id: executionId, response_format: 'detailed' }, Execution),
    async *follow(executionId) {
      const args = { execution_id: executionId, wait_seconds: POLL_WAIT_S, response_format: 'detailed' };
      for (;;) {
        const execution = await call('get_execution', args, Execution);
        yield execution;
        if (execution.status !== 'RUNNING') return;
      }
    },
    async download(link) {
      const response = await fetch(link, { signal });
      if (!response.ok) throw new Error(`The download of a result failed with HTTP ${response.status}.`);
      return new Uint8Array(await response.arrayBuffer());
    },
    async delete(executionId) {
      await call('delete_execution', { execution_id: executionId }, Deleted);
    },
    close: () => client.close(),
  };
}

function textOf(content: unknown): string {
  const texts = Content.parse(content).map(({ text }) => text);
  return texts.filter((text) => text !== undefined).join('\n');
}
