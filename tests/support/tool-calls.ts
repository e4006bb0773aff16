// What tests of the tools share: a server with one client, executions that end as a test says, pages of findings.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { z } from 'zod';
import { tokensIn } from '../../mcp-server/executions/token-budget.ts';
import { analyzeImage } from '../../mcp-server/tools/analyze-image.ts';
import { createUpload } from '../../mcp-server/tools/create-upload.ts';
import { listFindings } from '../../mcp-server/tools/list-findings.ts';
import type { Finding } from '../../pipeline/contract/schemas.ts';
import { connected, type TestClient } from './mcp-clients.ts';
import type { Run } from './scripted-launcher.ts';
import { type TestServer, type TestServerOptions, testServer } from './server.ts';

export { tokensIn };
export const TOKENS_MAX = 10_000;
export const BOTH_COPIES_TOKENS_MAX = 25_000; // where clients cut an answer

export const Started = analyzeImage.output;
export const Upload = createUpload.output;
export const Page = listFindings.output;
export type Page = z.infer<typeof Page>;

export async function serverAndClient(options: TestServerOptions = {}): Promise<{ server: TestServer; client: TestClient }> {
  const server = await testServer(options);
  return { server, client: await connected('2.x pinned to 2026-07-28', server) };
}

/** An image that may be named, and what `analyze_image` takes for it. */
export async function uploadedImage(server: TestServer): Promise<string> {
  const path = join(server.folder, 'site-plan.jpg');
  await writeFile(path, 'pixels');
  return pathToFileURL(path).href;
}

export async function started(server: TestServer, client: TestClient, wishes: object = {}) {
  return await client.call('analyze_image', { image: await uploadedImage(server), ...wishes }, Started);
}

export function finding(index: number, fields: Partial<Finding> = {}): Finding {
  const box: Finding['box'] = [(index * 37) % 1_200, (index * 53) % 600, 30, 20];
  const defaults = { label: 'person', description: 'A person.', score: 0.9, severity: 'info', text: null, level: 0 } as const;
  return { id: `f${index}`, ...defaults, box, tiles: [0], verified: null, ...fields };
}

export const ends =
  (findings: Finding[], failedTiles: number[] = []) =>
  async (run: Run) =>
    void (await run.end(findings, failedTiles));

export async function allPages(client: TestClient, filters: Record<string, unknown>): Promise<Page[]> {
  const pages: Page[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await client.call('list_findings', { ...filters, ...(cursor && { cursor }) }, Page);
    pages.push(page);
    cursor = page.next_cursor;
  }
  return pages;
}

export const idsOf = (pages: Page[]) => pages.flatMap(({ findings }) => findings.map(({ id }) => id));
