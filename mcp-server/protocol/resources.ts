// MCP resources: the report (Markdown), the findings (JSON) and the overlay (image) of an execution, and the labels of the local models.
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
import { LABELS_ADDRESS } from '../../pipeline/contract/protocol.ts';
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

const OVERLAY_BYTES_MAX = 4_000_000; // 5,333,334 as base64: below the 6 MB of an answer
const IDS_LISTED_MAX = 1_000; // one page of a listing; the protocol shows 100 completions

const LABELS = {
  title: 'Labels of the local models',
  description: 'The labels that each local detection model of this server knows, for labels and look_for.',
  mimeType: 'application/json',
};
/** A detector may know 10,000: 50,000 tokens. */
const LABELS_LISTED_MAX = 1_500;
const OTHER_MODELS = 'Language models and hf: models detect whatever look_for and labels describe in words.';

type Content = { text: string } | { blob: string };

interface ExecutionResource {
  name: string;
  title: string;
  /** Follows `tilesight://executions/{id}`. */
  path: string;
  description: string;
  mimeType: string;
  read(executionId: string, deps: ToolDeps): Promise<Content>;
}

const report: ExecutionResource = {
  name: 'execution',
  title: 'Report of an analysis',
  path: '',
  description: 'Status, summary, counts by label and severity, failed tiles, and links to the files, as Markdown.',
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
  description: 'Totals and the first page of findings, as list_findings returns it; next_step names the call for the next page.',
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
  description: 'The whole image, scaled down, with a box around every finding.',
  mimeType: contentTypeOf(keys.overlay('')),
  async read(executionId, deps) {
    const { status } = await viewExecution(executionId, 0, deps);
    const key = keys.overlay(executionId);
    const head = mayHaveFiles(status) ? await deps.blobs.head(key) : null;
    const bytes = head && (await deps.blobs.get(key));
    if (!head || !bytes) {
      throw new UserError(`Execution ${executionId} has no overlay; its status is ${status}. Read its report instead.`);
    }
    if (head.bytes > OVERLAY_BYTES_MAX) {
      throw new UserError(
        `The overlay has ${head.bytes} bytes, but a resource takes at most ${OVERLAY_BYTES_MAX}. Fetch it by the link in the report.`,
      );
    }
    return { blob: Buffer.from(bytes).toString('base64') };
  },
};

/** Executions have templates only, no list: an id comes from analyze_image, from list_findings or from a completion. */
export function addResources(server: McpServer, deps: ToolDeps): void {
  server.registerResource('labels', LABELS_ADDRESS, LABELS, async ({ href }) => {
    const { LOCAL_LABELS } = await import('../../pipeline/providers/local-labels.ts'); // not at a cold start
    const { vocabularyOf } = await import('../../pipeline/providers/own-labels.ts');
    const { isOwnDetector } = await import('../../pipeline/providers/detector-names.ts');
    const models = modelsOf(deps.models);
    const known = Object.entries(LOCAL_LABELS).filter(([model]) => models.has(model));
    const left: [string, number][] = [];
    for (const model of models) {
      if (!model || !isOwnDetector(model)) continue;
      const found = await deps.detectors.find(model).catch(withoutUserErrors);
      const { labels } = vocabularyOf(found?.labels ?? []);
      if (found?.labels) known.push([model, labels.slice(0, LABELS_LISTED_MAX)]);
      if (labels.length > LABELS_LISTED_MAX) left.push([model, labels.length - LABELS_LISTED_MAX]);
    }
    const all = { labels: Object.fromEntries(known), other_models: OTHER_MODELS };
    const text = JSON.stringify(left.length === 0 ? all : { ...all, labels_left_out: Object.fromEntries(left) });
    return { contents: [{ uri: href, mimeType: LABELS.mimeType, text }] } satisfies ReadResourceResult;
  });
  for (const { name, title, path, description, mimeType, read } of [report, findings, overlay]) {
    const template = new ResourceTemplate(`tilesight://executions/{id}${path}`, {
      list: undefined,
      complete: { id: (prefix) => latestIds(prefix, deps) },
    });
    server.registerResource(name, template, { title, description, mimeType }, async (uri, { id }) => {
      const content = await contentOf(uri.href, () => read(checkedId(id), deps), deps);
      return { contents: [{ uri: uri.href, mimeType, ...content }] } satisfies ReadResourceResult;
    });
  }
}

/** A detector that was removed while the server runs has no labels. */
function withoutUserErrors(error: unknown): null {
  if (error instanceof UserError) return null;
  throw error;
}

/** The models that a request may use. */
function modelsOf({ defaults, allowed }: ToolDeps['models']): Set<string | null | undefined> {
  return new Set([...Object.values(defaults).flat(), ...allowed]);
}

/** Executions with findings, newest first, from one listing of the index. */
async function latestIds(prefix: string, { blobs, owner }: ToolDeps): Promise<string[]> {
  const { byTime } = indexOf(owner);
  const found = await blobs.list(byTime, { limit: IDS_LISTED_MAX });
  const names = found.map((key) => key.slice(byTime.length)).filter((name) => INDEX_NAME.test(name));
  return names.map((name) => name.slice(name.indexOf('-') + 1)).filter((id) => id.startsWith(prefix));
}

function checkedId(id: string | string[] | undefined): string {
  const { success, data } = ExecutionId.safeParse(id);
  if (success) return data;
  throw new UserError('The address must be tilesight://executions/ and an execution_id that analyze_image returned.');
}

/** A UserError becomes "resource not found" with its sentence, everything else an internal error. */
async function contentOf(uri: string, read: () => Promise<Content>, deps: ToolDeps): Promise<Content> {
  try {
    return await read();
  } catch (error) {
    const sentence = sentenceFor({ resource: uri }, error, deps);
    if (mustBeFixed(error)) throw new ResourceNotFoundError(uri, sentence);
    throw new ProtocolError(ProtocolErrorCode.InternalError, sentence);
  }
}
