// The command line as an agent: the official MCP client over HTTP, and the links that tools return.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { z } from 'zod';
import { UserError } from '../pipeline/contract/errors.ts';
import { Detail, Phase, Status } from '../pipeline/contract/schemas.ts';

const POLL_WAIT_S = 1; // updates the bar every second

export const Wishes = z.object({
  detail: Detail,
  look_for: z.string().optional(),
  labels: z.array(z.string()).optional(),
  tile_size: z.number().optional(),
  overlap: z.number().optional(),
  grid: z.number().optional(),
  region: z.array(z.number()).optional(),
  max_tiles: z.number().optional(),
  page: z.number().optional(),
  verify: z.boolean().optional(),
});
export type Wishes = z.infer<typeof Wishes>;

/** The fields of `get_execution` that the command line shows. */
const Execution = z.object({
  execution_id: z.string(),
  status: Status,
  phase: Phase,
  tiles: z.object({ total: z.number(), done: z.number(), failed: z.number(), blank: z.number() }),
  findings_so_far: z.number(),
  eta_seconds: z.number().nullable(),
  reason: z.string().nullable(),
  artifacts: z.object({
    findings_json: z.string().optional(),
    overlay_jpg: z.string().optional(),
    report_html: z.string().optional(),
  }),
});
export type Execution = z.infer<typeof Execution>;

const Started = z.object({ execution_id: z.string() });
const Upload = z.object({ upload_id: z.string(), url: z.string(), headers: z.record(z.string(), z.string()) });

export interface Agent {
  upload(path: string): Promise<string>;
  analyze(image: string, wishes: Wishes): Promise<string>;
  /** The states of an execution as they change; the last one is final. */
  following(executionId: string): AsyncIterable<Execution>;
  download(link: string | undefined): Promise<Uint8Array>;
  close(): Promise<void>;
}

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
      const { size } = await stat(path);
      const upload = await call('create_upload', { file_name: basename(path), bytes: size }, Upload);
      const body = Readable.toWeb(createReadStream(path)) as ReadableStream;
      const headers = { ...upload.headers, 'content-length': String(size) };
      const response = await fetch(upload.url, { method: 'PUT', headers, body, duplex: 'half', signal } as RequestInit);
      if (!response.ok) throw new UserError(await response.text());
      return upload.upload_id;
    },
    async analyze(image, wishes) {
      return (await call('analyze_image', { image, ...wishes }, Started)).execution_id;
    },
    async *following(executionId) {
      for (;;) {
        const wishes = { execution_id: executionId, wait_seconds: POLL_WAIT_S, response_format: 'detailed' };
        const execution = await call('get_execution', wishes, Execution);
        yield execution;
        if (execution.status !== 'RUNNING') return;
      }
    },
    async download(link) {
      if (!link) throw new Error('Expected a link to a result, got none.');
      const response = await fetch(link, { signal });
      if (!response.ok) throw new Error(`Expected a result behind its link, got ${response.status}.`);
      return new Uint8Array(await response.arrayBuffer());
    },
    close: () => client.close(),
  };
}

function textOf(content: unknown): string {
  const parts = z.array(z.object({ type: z.string(), text: z.string().optional() })).parse(content);
  return parts.flatMap(({ text }) => (text ? [text] : [])).join('\n');
}
