// The server of a data folder for one client: starts it, or joins the one that runs, and takes its place when that one ends. Knows no
// MCP messages: every server on the folder answers them alike.
import { setTimeout as delay } from 'node:timers/promises';
import { openDataFolder } from '../../local/data-folder.ts';
import { DatabaseInUse } from '../../local/engine/store/database.ts';
import { isRunning, readAddress, readToken } from '../../local/http/running-server.ts';
import { headersOf } from '../../local/http/token-gate.ts';
import { type LocalServer, type ServeOptions, serve } from '../../local/serve.ts';
import { UserError } from '../../pipeline/contract/errors.ts';

/** Below the shortest time after which clients give up on a server that starts: 10 s. */
const FOUND_WITHIN_MS = 8_000;
const RETRY_MS = 100;
/** How long analyses pause at most when the server has ended and its place is free. */
const CHECKED_EVERY_MS = 2_000;

export interface SharedServerOptions extends Omit<ServeOptions, 'port' | 'host' | 'iam' | 'privately'> {
  /** Called with a sentence when the server has been started or joined. */
  onFound(sentence: string): void;
}

export interface SharedServer {
  /** Sends a request to the path of `address` on the server that runs now. */
  fetch(address: string | URL, init?: RequestInit): Promise<Response>;
  /** Resolves when a server runs again, which may be this process. Rejects with a UserError if none can be found or started. */
  found(): Promise<void>;
  close(): Promise<void>;
}

interface Found {
  url: string;
  token: string;
  /** `null` if it runs in another process. */
  own: LocalServer | null;
}

export function sharedServer(options: SharedServerOptions): SharedServer {
  const { allowedFolders, onFound, log } = options;
  let isClosed = false;
  let current: Promise<Found> | null = null;
  let wasFound = false;
  let isMissed = false;

  const find = async (): Promise<Found> => {
    const found = await findServer(options);
    onFound(sentenceAbout(found, options));
    [wasFound, isMissed] = [true, false];
    if (isClosed) await found.own?.close();
    return found;
  };
  const now = (): Promise<Found> => {
    current ??= find();
    const finding = current;
    finding.catch(() => {
      if (current === finding) current = null; // the next request looks again
    });
    return finding;
  };
  const found = async () => {
    const last = await now();
    if (last.own || (await isRunning(last.url, last.token))) return;
    if ((await current) === last) current = null; // another request may be ahead
    await now();
  };
  const check = setInterval(() => {
    if (!wasFound) return; // the first failure is the answer to the client
    void found().catch((error) => {
      if (!isMissed) log.error({ error }, 'The server has ended, and its place could not be taken. It is tried again.');
      isMissed = true;
    });
  }, CHECKED_EVERY_MS);

  return {
    async fetch(address, init) {
      const { url, token } = await now();
      const headers = new Headers(init?.headers);
      for (const [name, value] of Object.entries(headersOf(token, allowedFolders))) headers.set(name, value);
      return await fetch(new URL(new URL(address).pathname, url), { ...init, headers });
    },
    found,
    async close() {
      isClosed = true;
      clearInterval(check);
      await (await current?.catch(() => null))?.own?.close();
    },
  };
}

/** If several processes try at the same time, the one that opens the database serves, and the rest join it. */
async function findServer(options: SharedServerOptions): Promise<Found> {
  const { dataFolder } = options;
  const untilMs = performance.now() + FOUND_WITHIN_MS;
  const { secret } = await openDataFolder(dataFolder);
  for (;;) {
    const [address, token] = [await readAddress(dataFolder), await readToken(secret)];
    if (address && token !== null && (await isRunning(address.url, token))) {
      if (address.access === 'iam') throw new UserError(needsSignatures(dataFolder, address.url));
      return { url: address.url, token, own: null };
    }
    try {
      const own = await serve({ ...options, allowedFolders: [], port: 0, privately: true });
      const ownToken = await readToken(secret);
      if (ownToken === null) throw new Error('A server without a secret.');
      return { url: own.url, token: ownToken, own };
    } catch (error) {
      if (!(error instanceof DatabaseInUse) || performance.now() > untilMs) throw error;
      await delay(RETRY_MS);
    }
  }
}

function needsSignatures(dataFolder: string, url: string): string {
  return (
    `A server with --auth iam uses ${dataFolder}. ` +
    `Connect with tilesight connect ${url}/mcp --region REGION, or choose another data folder with --data.`
  );
}

function sentenceAbout({ url, token, own }: Found, { dataFolder, page = true }: SharedServerOptions): string {
  if (!own) return `uses the tilesight at ${url}, which has the same data folder ${dataFolder}. Its models and keys apply.`;
  return `runs with the data folder ${dataFolder}.${page ? ` The page for people is at ${url}/?key=${token}` : ''}`;
}
