// A whole analysis from a script of your own, signed with SigV4: through an MCP server behind an IAM Function URL, or through
// `tilesight serve --auth iam`. Independent of this repository: copy it, and run it with Node 24 after
// `npm install @modelcontextprotocol/client @aws/run-mcp-servers-with-aws-lambda`. Credentials come from the environment, a
// profile or a role, as for every AWS tool.
//
//   node sigv4.ts https://ID.lambda-url.us-east-1.on.aws/ image.jpg
//   node sigv4.ts http://127.0.0.1:3333/mcp image.jpg --region us-east-1 --look-for "cats and cups"
import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { createSigV4Fetch } from '@aws/run-mcp-servers-with-aws-lambda';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const WAIT_S = 20; // the server allows up to 25: one call instead of ten

interface Upload {
  upload_id: string;
  url: string;
  headers: Record<string, string>;
}
interface Execution {
  execution_id: string;
  status: string;
  phase: string;
  tiles: { done: number; total: number };
  reason: string | null;
  summary: string | null;
  next_step: string;
}
interface Page {
  totals: { matching: number; by_label: Record<string, number> };
  findings: { id: string; label: string; score: number; box: [number, number, number, number]; text: string | null }[];
  next_cursor: string | null;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { region: { type: 'string' }, 'look-for': { type: 'string' } },
});
const [address, image] = positionals;
const url = address === undefined ? null : URL.parse(address);
const region = values.region ?? url?.hostname.match(/\.lambda-url\.([a-z0-9-]+)\.on\.aws$/)?.[1];
if (!url || !image || !region) {
  console.error('Expected the URL of a server and an image, and --region where the URL names none.');
  process.exit(2);
}

const client = new Client({ name: 'sigv4-example', version: '1' }, { versionNegotiation: { mode: 'auto' } });
await client.connect(new StreamableHTTPClientTransport(url, { fetch: createSigV4Fetch({ service: 'lambda', region }) }));
try {
  const { tools } = await client.listTools(); // from here on, the client validates every answer against the tool's schema
  console.log(`Tools: ${tools.map(({ name }) => name).join(', ')}`);
  const execution = await analyzed(await uploaded(image));
  console.log(`${execution.status}: ${execution.reason ?? execution.summary}`);
  if (['SUCCEEDED', 'PARTIAL'].includes(execution.status)) await printFindings(execution.execution_id);
  else process.exitCode = 1;
} finally {
  await client.close();
}

/** Sends the bytes to the presigned link, never through a tool call. */
async function uploaded(path: string): Promise<string> {
  const file = await openAsBlob(path);
  const { upload_id, url, headers } = await call<Upload>('create_upload', { file_name: basename(path), bytes: file.size });
  const response = await fetch(url, { method: 'PUT', headers, body: file });
  if (!response.ok) throw new Error(`The server refused the image with HTTP ${response.status}.`);
  return upload_id;
}

async function analyzed(image: string): Promise<Execution> {
  const wishes = values['look-for'] === undefined ? {} : { look_for: values['look-for'] };
  let execution = await call<Execution>('analyze_image', { image, ...wishes });
  while (execution.status === 'RUNNING') {
    const { execution_id, phase, tiles } = execution;
    console.log(`${phase}: ${tiles.done} of ${tiles.total} tiles`);
    execution = await call<Execution>('get_execution', { execution_id, wait_seconds: WAIT_S });
  }
  return execution;
}

async function printFindings(execution_id: string): Promise<void> {
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await call<Page>('list_findings', { execution_id, ...(cursor && { cursor }) });
    if (!cursor) console.log(`${page.totals.matching} findings`, page.totals.by_label);
    for (const { id, label, score, box, text } of page.findings)
      console.log(`${id} ${label} ${score.toFixed(2)} [${box.join(', ')}]${text === null ? '' : ` ${JSON.stringify(text)}`}`);
    cursor = page.next_cursor;
  }
}

/** A refused call returns a sentence that states what to do. */
async function call<Answer>(name: string, args: Record<string, unknown>): Promise<Answer> {
  const { isError, content, structuredContent } = await client.callTool({ name, arguments: args });
  if (isError) throw new Error(content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n'));
  return structuredContent as Answer;
}
