// Executions as MCP resources: a report to read, findings as JSON, the overlay as an image. Reads what the tools read.
import {
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import { mustBeFixed, UserError } from '../../pipeline/contract/errors.ts';
import { INDEX_NAME, indexOf, keys } from '../../pipeline/contract/keys.ts';
import { ExecutionId } from '../../pipeline/contract/schemas.ts';
import { contentTypeOf } from '../../pipeline/findings/content-type.ts';
import type { ToolDeps } from '../access/deps.ts';
import { artifactsOf, mayHaveFiles } from '../executions/artifacts.ts';
import { reportOf } from '../executions/markdown-report.ts';
import { starterOf } from '../executions/start.ts';
import { viewExecution } from '../executions/status.ts';
import { readFindings } from '../executions/stored-findings.ts';
import { listFindings } from '../tools/list-findings.ts';
import { sentenceFor } from './answers.ts';

const OVERLAY_BYTES_MAX = 4_000_000; // 5,333,334 as base64: below the 6 MB that an answer may have

const COMPLETED_FROM = 1_000; // what one listing gives; the protocol shows 100 of them

type Content = { text: string } | { blob: string };

interface ExecutionResource {
  name: string;
  title: string;
  /** After `tilesight://executions/{id}`. */
  path: string;
  description: string;
  mimeType: string;
  read(executionId: string, deps: ToolDeps): Promise<Content>;
}

const report: ExecutionResource = {
  name: 'execution',
  title: 'Report of an analysis',
  path: '',
  description: 'Status, summary, counts by label and severity, tiles that failed, and links to the files, as Markdown.',
  mimeType: 'text/markdown',
  async read(executionId, deps) {
    const view = await viewExecution(executionId, 0, deps);
    const document = await readFindings(executionId, deps);
    const artifacts = await artifactsOf(view, deps);
    return { text: reportOf(view, { document, artifacts, starter: await starterOf(executionId, deps) }) };
  },
};

const findings: ExecutionResource = {
  name: 'findings',
  title: 'Findings of an analysis',
  path: '/findings',
  description: 'Totals and the first page of findings, as list_findings gives it; next_step says how to get the next one.',
  mimeType: 'application/json',
  async read(executionId, deps) {
    const page = await listFindings.run(listFindings.input.parse({ execution_id: executionId }), deps);
    return { text: JSON.stringify(page) };
  },
};

const overlay: ExecutionResource = {
  name: 'overlay',
  title: 'Overlay of an analysis',
  path: '/overlay',
  description: 'The whole image, small, with a box around every finding.',
  mimeType: contentTypeOf(keys.overlay('')),
  async read(executionId, deps) {
    const { status } = await viewExecution(executionId, 0, deps);
    const key = keys.overlay(executionId);
    const head = mayHaveFiles(status) ? await deps.blobs.head(key) : null;
    if (!head)
      throw new UserError(`Expected an execution with an overlay, got one without, in status ${status}. Read its report.`);
    if (head.bytes > OVERLAY_BYTES_MAX) {
      throw new UserError(
        `Expected an overlay of at most ${OVERLAY_BYTES_MAX} bytes, got ${head.bytes}. Fetch it by the link in the report.`,
      );
    }
    return { blob: Buffer.from((await deps.blobs.get(key)) ?? []).toString('base64') };
  },
};

/** None is listed: an id comes from analyze_image or list_findings, or is completed. */
export function addResources(server: McpServer, deps: ToolDeps): void {
  for (const { name, title, path, description, mimeType, read } of [report, findings, overlay]) {
    const template = new ResourceTemplate(`tilesight://executions/{id}${path}`, {
      list: undefined,
      complete: { id: (begun) => latestIds(begun, deps) },
    });
    server.registerResource(name, template, { title, description, mimeType }, async (uri, { id }) => {
      const content = await contentOf(uri.href, () => read(checkedId(id), deps), deps);
      return { contents: [{ uri: uri.href, mimeType, ...content }] } satisfies ReadResourceResult;
    });
  }
}

/** Of executions with findings, the newest first; one look at the index. */
async function latestIds(begun: string, { blobs, owner }: ToolDeps): Promise<string[]> {
  const { byTime } = indexOf(owner);
  const found = await blobs.list(byTime, { limit: COMPLETED_FROM });
  const names = found.map((key) => key.slice(byTime.length)).filter((name) => INDEX_NAME.test(name));
  return names.map((name) => name.slice(name.indexOf('-') + 1)).filter((id) => id.startsWith(begun));
}

function checkedId(id: string | string[] | undefined): string {
  const { success, data } = ExecutionId.safeParse(id);
  if (success) return data;
  throw new UserError('Expected tilesight://executions/ and an execution_id as analyze_image returned it, got another address.');
}

/** What the caller named and is not there is "not found", with the sentence of the tools; all else is an error inside. */
async function contentOf(uri: string, read: () => Promise<Content>, deps: ToolDeps): Promise<Content> {
  try {
    return await read();
  } catch (error) {
    const sentence = sentenceFor({ resource: uri }, error, deps);
    if (mustBeFixed(error)) throw new ResourceNotFoundError(uri, sentence);
    throw new ProtocolError(ProtocolErrorCode.InternalError, sentence);
  }
}
