// The key that a server wants from a command: the one of its data folder, if it is a server of the same user, or TILESIGHT_TOKEN.
import { join } from 'node:path';
import { isLoopbackName } from '../local/http/listen.ts';
import { isRunning, readToken } from '../local/http/running-server.ts';
import { bearer } from '../local/http/token-gate.ts';
import { readConfig } from '../pipeline/config.ts';

/** Headers for requests to `url`; none if there is no key for it. A server gets the key of the data folder once it has proved that it knows it. */
export async function keyHeaders(url: URL): Promise<Record<string, string>> {
  const { TILESIGHT_HOME, TILESIGHT_TOKEN } = readConfig();
  if (isLoopbackName(url.hostname)) {
    const own = await readToken(join(TILESIGHT_HOME, 'secret.key'));
    if (own !== null && (await isRunning(url.origin, own))) return { authorization: bearer(own) };
  }
  return TILESIGHT_TOKEN === undefined ? {} : { authorization: bearer(TILESIGHT_TOKEN) };
}
