// The local server with an IAM gate, on a free port, with a keys file. The keys are the examples of the AWS documentation.
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { readAccessKeys } from '../../local/http/access-keys.ts';
import { type LocalServer, serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import type { Log } from '../../pipeline/ports.ts';
import { temporaryFolder } from './folder.ts';

export const REGION = 'us-east-1';
export const CREDENTIALS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };

const quiet = () => {};
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** Temporary credentials beside the permanent ones. */
export const TEMPORARY = {
  accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  secretAccessKey: CREDENTIALS.secretAccessKey,
  sessionToken: 'FwoGZXIvYXdzEXAMPLE//TOKEN+=',
};

export async function keysFile(text?: string, mode = 0o600): Promise<string> {
  const keys = [
    { access_key_id: CREDENTIALS.accessKeyId, secret_access_key: CREDENTIALS.secretAccessKey, principal: 'example' },
    {
      access_key_id: TEMPORARY.accessKeyId,
      secret_access_key: TEMPORARY.secretAccessKey,
      session_token: TEMPORARY.sessionToken,
      principal: 'temporary',
    },
  ];
  const file = join(await temporaryFolder(), 'keys.json');
  await writeFile(file, text ?? JSON.stringify({ keys }));
  await chmod(file, mode);
  return file;
}

export async function signedServer(folder?: string): Promise<LocalServer> {
  const server = await serve({
    config: readConfig({}),
    dataFolder: folder ?? (await temporaryFolder()),
    allowedFolders: [],
    port: 0,
    iam: { keys: await readAccessKeys(await keysFile()), region: REGION },
    log,
  });
  onTestFinished(() => server.close());
  return server;
}
