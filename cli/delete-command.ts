// `tilesight delete`: deletes one analysis, or all that are older than a time, in a data folder or on a running server.
import { resolve } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
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
    throw new UserError('Name one execution, or the age of those to delete with --older-than, for example 30d.');
  if (execution !== undefined && !ExecutionId.safeParse(execution).success)
    throw new UserError('The execution is not an execution_id that analyze_image returned. Check it.');
  if (url !== undefined) {
    if (execution === undefined || data !== undefined)
      throw new UserError(
        '--url takes one execution, and no --data. For --older-than, stop the server and name its data folder.',
      );
    return await deleteOnServer(execution, url);
  }
  await deleteInFolder(execution ?? null, olderThan ?? 0, resolve(data ?? readConfig().TILESIGHT_HOME));
}

async function deleteInFolder(execution: string | null, olderThanDays: number, dataFolder: string): Promise<void> {
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

async function deleteOnServer(execution: string, url: string): Promise<void> {
  const address = URL.parse(url);
  if (!address) throw new UserError(`--url ${url} is not a URL. Use the address that tilesight serve prints.`);
  const client = new Client({ name: 'tilesight-cli', version: '1' });
  try {
    await client.connect(new StreamableHTTPClientTransport(address)).catch((cause: unknown) => {
      throw new UserError(`No server answers at ${url}. Check the address.`, { cause });
    });
    const { isError, content } = await client.callTool({ name: 'delete_execution', arguments: { execution_id: execution } });
    if (isError)
      throw new UserError(
        z
          .array(z.object({ text: z.string() }))
          .parse(content)
          .map(({ text }) => text)
          .join('\n'),
      );
    print(`Deleted ${execution}.\n`);
  } finally {
    await client.close();
  }
}
