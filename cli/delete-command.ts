// `tilesight delete`: deletes one analysis, or all analyses older than a given age, in a data folder or on a running server.
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Client, SdkHttpError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { z } from 'zod';
import { openDataFolder } from '../local/data-folder.ts';
import { openEngine } from '../local/engine/engine.ts';
import { localLauncher } from '../local/engine/local-launcher.ts';
import { DAY_MS, deleteOlderThan } from '../local/upkeep.ts';
import { deleteExecution } from '../mcp-server/executions/deletion.ts';
import { readConfig } from '../pipeline/config.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import { ExecutionId } from '../pipeline/contract/schemas.ts';
import { fsBlobs } from '../pipeline/storage/folder-blobs.ts';
import { fsRemoval } from '../pipeline/storage/folder-removal.ts';
import { terminalLog } from '../pipeline/telemetry/terminal-log.ts';
import { keyHeaders } from './server-key.ts';
import { print, report } from './terminal.ts';

const DeleteOptions = z.strictObject({
  olderThan: z.number().optional(),
  data: z.string().optional(),
  url: z.string().optional(),
});

/** `values` are commander's; `olderThan` is in days. */
export async function deleteCommand(execution: string | undefined, values: unknown): Promise<void> {
  const { olderThan, data, url } = DeleteOptions.parse(values);
  if ((execution === undefined) === (olderThan === undefined))
    throw new UserError('Name one execution, or an age with --older-than, for example 30d.');
  if (execution !== undefined && !ExecutionId.safeParse(execution).success)
    throw new UserError('The argument is not an execution_id. Use one that analyze_image returned.');
  if (url !== undefined) {
    if (data !== undefined) throw new UserError('--url names a server and --data a folder. Leave one of them out.');
    return await deleteOnServer(execution ?? null, olderThan ?? 0, url);
  }
  await deleteInFolder(execution ?? null, olderThan ?? 0, resolve(data ?? readConfig().TILESIGHT_HOME));
}

/** A mistyped folder must not become a data folder: opening one creates folders in it and makes it private. */
async function checkHasData(dataFolder: string): Promise<void> {
  const blobs = await stat(join(dataFolder, 'blobs')).catch(() => null);
  if (!blobs?.isDirectory())
    throw new UserError(`The folder ${dataFolder} holds no tilesight data. Name the folder of \`tilesight serve\` with --data.`);
}

async function deleteInFolder(execution: string | null, olderThanDays: number, dataFolder: string): Promise<void> {
  await checkHasData(dataFolder);
  const folder = await openDataFolder(dataFolder);
  // Holds the database as a server does, so that no server starts meanwhile. It is never started: nothing runs.
  const invoke = () => Promise.reject(new Error('Nothing runs during a deletion.'));
  const clock = { now: () => new Date() };
  const engine = openEngine({ file: folder.database, invoke, clock, log: terminalLog('error') });
  try {
    const deps = {
      folder,
      blobs: fsBlobs(folder.blobs),
      removal: fsRemoval(folder.blobs),
      launcher: localLauncher(engine),
      owner: null,
    };
    if (execution !== null) {
      await deleteExecution(execution, deps);
      print(`Deleted ${execution}.\n`);
      return;
    }
    const { deleted, refusals } = await deleteOlderThan(clock.now().getTime() - olderThanDays * DAY_MS, deps);
    for (const id of deleted) print(`Deleted ${id}.\n`);
    for (const sentence of refusals) report(`${sentence}\n`);
    print(`${deleted.length} deleted, ${refusals.length} kept.\n`);
  } finally {
    engine.close();
  }
}

async function deleteOnServer(execution: string | null, olderThanDays: number, url: string): Promise<void> {
  const address = URL.parse(url);
  if (!address) throw new UserError(`--url ${url} is not a URL. Use the address that tilesight serve prints.`);
  const client = new Client({ name: 'tilesight-cli', version: '1' });
  try {
    const headers = await keyHeaders(address);
    await client.connect(new StreamableHTTPClientTransport(address, { requestInit: { headers } })).catch((cause: unknown) => {
      throw new UserError(unreachable(url, cause), { cause });
    });
    if (execution !== null) {
      await deleteOne(execution, client);
      print(`Deleted ${execution}.\n`);
      return;
    }
    const refusals: string[] = [];
    const ids = await startedBefore(Date.now() - olderThanDays * DAY_MS, client);
    for (const id of ids) {
      try {
        await deleteOne(id, client);
        print(`Deleted ${id}.\n`);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        refusals.push(error.message);
      }
    }
    for (const sentence of refusals) report(`${sentence}\n`);
    print(`${ids.length - refusals.length} deleted, ${refusals.length} kept.\n`);
  } finally {
    await client.close();
  }
}

function unreachable(url: string, cause: unknown): string {
  const status = cause instanceof SdkHttpError ? cause.status : null;
  if (status === 401)
    return `The server at ${url} wants a key. Set TILESIGHT_HOME to its data folder, or TILESIGHT_TOKEN to its token.`;
  if (status === 403)
    return `The server at ${url} refuses unsigned requests. Call delete_execution through \`tilesight connect\`.`;
  return `No server answers at ${url}. Check the address.`;
}

const Text = z.array(z.object({ text: z.string() }));
const Listed = z.object({
  executions: z.array(z.object({ execution_id: z.string(), started_at: z.string() })),
  next_cursor: z.string().nullable(),
});

async function deleteOne(execution: string, client: Client): Promise<void> {
  await called('delete_execution', { execution_id: execution }, client);
}

/** The newest first: an execution that resumes another one is deleted before it. */
async function startedBefore(beforeMs: number, client: Client): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = Listed.parse(await called('list_findings', cursor === undefined ? {} : { cursor }, client));
    for (const { execution_id, started_at } of page.executions) if (Date.parse(started_at) < beforeMs) ids.push(execution_id);
    cursor = page.next_cursor;
  }
  return ids;
}

/** Throws a UserError with the sentence of a refusal. */
async function called(name: string, args: Record<string, unknown>, client: Client): Promise<unknown> {
  const { isError, content, structuredContent } = await client.callTool({ name, arguments: args });
  if (!isError) return structuredContent;
  const sentences = Text.parse(content).map(({ text }) => text);
  throw new UserError(sentences.join('\n'));
}
