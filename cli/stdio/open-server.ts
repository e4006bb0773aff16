// Reads the options and the configuration of `tilesight mcp`, and opens the server of its data folder.
import { resolve } from 'node:path';
import { z } from 'zod';
import { readConfig } from '../../pipeline/config.ts';
import { terminalLog } from '../../pipeline/telemetry/terminal-log.ts';
import { allowedFolders } from '../allowed-folders.ts';
import { report } from '../terminal.ts';
import { checkOutFolder } from '../write-whole.ts';
import { type SharedServer, sharedServer } from './shared-server.ts';

const McpOptions = z.strictObject({ data: z.string().optional(), allow: z.array(z.string()).optional(), page: z.boolean() });

/** `values` are commander's. Throws a UserError for a folder that cannot be used. */
export async function openServer(values: unknown): Promise<SharedServer> {
  const { data, allow, page } = McpOptions.parse(values);
  const config = readConfig();
  const dataFolder = resolve(data ?? config.TILESIGHT_HOME);
  const folders = await allowedFolders(allow, config);
  await checkOutFolder(dataFolder, '--data');
  await import('sharp'); // a server that cannot read images must not start
  return sharedServer({
    config,
    dataFolder,
    allowedFolders: folders,
    page,
    log: terminalLog(config.LOG_LEVEL),
    onFound: (sentence) => report(`tilesight ${sentence}\n`),
  });
}
